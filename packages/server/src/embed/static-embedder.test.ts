import { readFileSync } from "node:fs";
import fc from "fast-check";
import { expect, test } from "vitest";
import { StaticEmbedder, sharedWordPiece } from "./static-embedder.ts";

interface TestVector {
  readonly text: string;
  readonly tokenIds: readonly number[];
  readonly vector: readonly number[];
}

const testVectors = JSON.parse(
  readFileSync(new URL("../../assets/static-256/test-vectors.json", import.meta.url), "utf8"),
) as TestVector[];

const embedder = new StaticEmbedder();

test("[EMBED-1] every test text has exactly the reference's token ids", () => {
  for (const { text, tokenIds } of testVectors) {
    expect(sharedWordPiece().tokenIds(text), text).toEqual(tokenIds);
  }
});

test("[EMBED-2] every test text has the reference's vector to 1e-4", () => {
  for (const { text, vector } of testVectors) {
    const own = embedder.embedNow(text);
    const furthest = Math.max(...vector.map((value, i) => Math.abs(value - (own[i] ?? 9))));
    expect(furthest, text).toBeLessThan(1e-4);
  }
});

test("[EMBED-3] any text has a vector of length 1 or the zero vector, and always the same one", async () => {
  await fc.assert(
    fc.asyncProperty(fc.string({ unit: "binary", maxLength: 300 }), async (text) => {
      const [first] = await embedder.embed([text]);
      const squares = Array.from(first ?? []).reduce((sum, value) => sum + value * value, 0);
      if (squares !== 0) expect(squares).toBeCloseTo(1, 4);
      expect(embedder.embedNow(text)).toEqual(first);
    }),
  );
});

test("[EMBED-3] a text without tokens has the zero vector", () => {
  expect(embedder.embedNow("\u0000 \n\t").every((value) => value === 0)).toBe(true);
});

test("[EMBED-1] an unknown word and a word of over 100 characters are one unknown token", () => {
  expect(sharedWordPiece().tokenIds("a".repeat(101))).toEqual([100]);
  expect(sharedWordPiece().tokenIds("🎻")).toEqual([100]);
});
