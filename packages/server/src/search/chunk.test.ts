import fc from "fast-check";
import { expect, test } from "vitest";
import { type Chunk, chunkText } from "./chunk.ts";
import { chunkLengthMax, chunkLengthMin } from "./limits.ts";

const sliced = (text: string): string[] => chunkText(text).map((c) => text.slice(c.start, c.end));
const solid = (text: string): string => text.replace(/\s/g, "");

const piece = fc.oneof(
  fc.constantFrom(
    "\n",
    "\n\n",
    "# Title\n",
    "## Sub\n\n",
    "```\n",
    "---\n",
    "=====\n",
    " ",
    "\r\n",
  ),
  fc.string({ unit: "binary", maxLength: 60 }),
  fc.lorem({ maxCount: 40 }),
  fc.lorem({ maxCount: 30, mode: "sentences" }),
  fc.string({ minLength: 900, maxLength: 1500 }),
  fc.constant("🎻".repeat(700)),
);
const anyText = fc.array(piece, { maxLength: 30 }).map((pieces) => pieces.join(""));

test("[CHUNK-1] chunks are in order, do not overlap and hold every character that is not white space", () => {
  fc.assert(
    fc.property(anyText, (text) => {
      const chunks = chunkText(text);
      let before = 0;
      for (const chunk of chunks) {
        expect(chunk.start).toBeGreaterThanOrEqual(before);
        expect(chunk.end).toBeGreaterThan(chunk.start);
        before = chunk.end;
      }
      expect(solid(sliced(text).join(""))).toBe(solid(text));
    }),
  );
});

test("[CHUNK-2] no chunk is longer than the budget and what a short neighbour adds", () => {
  fc.assert(
    fc.property(anyText, (text) => {
      for (const chunk of chunkText(text)) {
        expect(chunk.end - chunk.start).toBeLessThanOrEqual(chunkLengthMax + chunkLengthMin);
      }
    }),
  );
});

test("[CHUNK-3] line ranges are those of the text", () => {
  const lineOf = (text: string, offset: number): number => text.slice(0, offset).split("\n").length;
  fc.assert(
    fc.property(anyText, (text) => {
      for (const chunk of chunkText(text)) {
        expect(chunk.lineStart).toBe(lineOf(text, chunk.start));
        expect(chunk.lineEnd).toBe(lineOf(text, chunk.end));
      }
    }),
  );
});

test("[CHUNK-2] no chunk begins or ends inside a character", () => {
  const text = `x${"🎻".repeat(2000)}`;
  for (const part of sliced(text)) expect(part).not.toMatch(/\p{Cs}/u);
});

test("[CHUNK-4] a heading starts a chunk and names all chunks under it", () => {
  const text = "intro\n\n# Plan\n\nfirst\n\n## Retry policy\nsecond\n\n# Next\nthird\n";
  expect(chunkText(text).map((c: Chunk) => [text.slice(c.start, c.end), c.headings])).toEqual([
    ["intro", []],
    ["# Plan\n\nfirst", ["Plan"]],
    ["## Retry policy\nsecond", ["Plan", "Retry policy"]],
    ["# Next\nthird", ["Next"]],
  ]);
});

test("[CHUNK-4] headings without text between them stay with the text that follows", () => {
  const text = "# A\n## B\n### C\ntext";
  expect(chunkText(text).map((c) => c.headings)).toEqual([["A", "B", "C"]]);
});

test("[CHUNK-4] underlined lines and manual page sections are headings", () => {
  const text = "Title\n=====\none\n\nPart\n----\ntwo\n\nSEE ALSO\n       ls(1)\n";
  expect(chunkText(text).map((c) => c.headings.at(-1))).toEqual(["Title", "Part", "SEE ALSO"]);
});

test("[CHUNK-4] a number sign inside a code fence is no heading", () => {
  const text = "# A\n```sh\n# comment\nls\n\n# another\n```\nafter\n";
  expect(chunkText(text)).toHaveLength(1);
});

test("[CHUNK-5] a long paragraph is cut between sentences, also where it is wrapped", () => {
  const sentence = "The quick brown fox jumps over\nthe lazy dog while it rains in the hills. ";
  const parts = sliced(sentence.repeat(40));
  expect(parts.length).toBeGreaterThan(3);
  for (const part of parts) {
    expect(part.startsWith("The quick")).toBe(true);
    expect(part.endsWith("hills.")).toBe(true);
  }
});

test("[CHUNK-5] code without sentences is cut between lines", () => {
  const text = Array.from({ length: 100 }, (_, i) => `  call(${i}, "argument", value)`).join("\n");
  for (const part of sliced(text)) {
    expect(part.startsWith("call(")).toBe(true);
    expect(part.endsWith("value)")).toBe(true);
  }
});

test("[CHUNK-1] an empty text and one of white space have no chunks", () => {
  expect(chunkText("")).toEqual([]);
  expect(chunkText(" \n\t\r\n ")).toEqual([]);
});

test("[CHUNK-6] a text of 4 million characters without a space is cut in time proportional to its length", () => {
  const started = performance.now();
  expect(chunkText("x".repeat(4_000_000)).length).toBeGreaterThan(5000);
  expect(chunkText("\n".repeat(4_000_000))).toEqual([]);
  expect(performance.now() - started).toBeLessThan(2000);
});
