import { expect, test } from "vitest";
import { BodyBudget } from "./body-budget.ts";
import { parseJson, readBytes } from "./json-body.ts";

async function* chunks(...sizes: number[]): AsyncGenerator<Uint8Array> {
  for (const size of sizes) yield Buffer.alloc(size, "x");
}

test("[SERVER-139] bodies are bounded one by one and together; what is released can be taken again", async () => {
  const budget = new BodyBudget(100);
  const read = (...sizes: number[]) =>
    readBytes(chunks(...sizes), 80, (bytes) => budget.take(bytes));
  await expect(read(40, 41)).rejects.toMatchObject({ status: 413 });
  budget.release(40);
  expect((await read(40, 40)).length).toBe(80);
  await expect(read(30)).rejects.toMatchObject({ status: 503, headers: { "Retry-After": "1" } });
  budget.release(80);
  expect((await read(30)).length).toBe(30);
  expect((await read()).length).toBe(0);
});

test.each([
  ["{", "not JSON"],
  ["", "not JSON"],
  ["[".repeat(100_000) + "]".repeat(100_000), "levels"],
  [`${'{"a":'.repeat(65)}1${"}".repeat(65)}`, "levels"],
])("[SERVER-140] what is no JSON, or nested without end, is refused (%#)", (text, details) => {
  expect(() => parseJson(Buffer.from(text))).toThrow(details);
});

test("bytes that are no UTF-8 are refused, a byte order mark is left out", () => {
  expect(() => parseJson(Buffer.from([0x22, 0xff, 0x22]))).toThrow("not UTF-8");
  expect(parseJson(Buffer.from("\ufeff{}"))).toEqual({});
});
