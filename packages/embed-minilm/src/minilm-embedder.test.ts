import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { modelTokens } from "./minilm-embedder.ts";
import { findRuntime } from "./runtime.ts";

interface TestVector {
  readonly text: string;
  readonly tokenIds: readonly number[];
}

const testVectors = JSON.parse(
  readFileSync(new URL("../assets/test-vectors.json", import.meta.url), "utf8"),
) as TestVector[];

test("[MINILM-1] the model's tokens are the text's between its two special ones, at most 256", () => {
  for (const { tokenIds } of testVectors) {
    expect(modelTokens(tokenIds.slice(1, -1))).toEqual(tokenIds);
  }
  const long = modelTokens(new Array<number>(1000).fill(7));
  expect(long).toHaveLength(256);
  expect([long[0], long[255]]).toEqual([101, 102]);
});

test("[MINILM-2] an installed runtime is found with its version", () => {
  expect(findRuntime()?.version).toMatch(/^\d+\.\d+\.\d+/);
});
