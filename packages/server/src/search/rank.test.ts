import fc from "fast-check";
import { expect, test } from "vitest";
import { calibrationFrom, probeTexts } from "../embed/probe-pairs.ts";
import { StaticEmbedder, staticCalibration } from "../embed/static-embedder.ts";
import { questionWords } from "./question.ts";
import { adaptiveThreshold, fused, onCurve, rank } from "./rank.ts";

const calibrations = [
  staticCalibration,
  calibrationFrom(probeTexts.map((text) => new StaticEmbedder().embedNow(text))),
];
const cosine = fc.double({ min: -1, max: 1, noNaN: true });
const share = fc.double({ min: 0, max: 1, noNaN: true });

test("[RANK-1] similarity rises with the cosine and with the words, between 0 and 1", () => {
  fc.assert(
    fc.property(
      fc.constantFrom(...calibrations),
      cosine,
      share,
      cosine,
      share,
      (calibration, c1, s1, c2, s2) => {
        const similarity = (c: number, s: number) =>
          onCurve(fused(c, s, calibration), calibration.curve);
        const low = similarity(Math.min(c1, c2), Math.min(s1, s2));
        const high = similarity(Math.max(c1, c2), Math.max(s1, s2));
        expect(low).toBeLessThanOrEqual(high);
        expect(low).toBeGreaterThanOrEqual(0);
        expect(high).toBeLessThanOrEqual(1);
      },
    ),
  );
});

test("[RANK-2] a chunk is scored by the first model that has a vector of it, or by its words alone", () => {
  const line = {
    lexicalWeight: 0,
    lexicalPower: 1,
    curve: [
      [0, 0],
      [1, 1],
    ] as const,
  };
  const models = [
    { name: "sharp", calibration: line },
    { name: "plain", calibration: { ...line, lexicalWeight: 0.5 } },
  ];
  const candidate = { documentNo: 1, lexicalShare: 1 };
  const ranked = rank(
    [
      {
        ...candidate,
        chunkNo: 1,
        cosines: [
          { model: "plain", cosine: 0.9 },
          { model: "sharp", cosine: 0.2 },
        ],
      },
      { ...candidate, chunkNo: 2, cosines: [{ model: "plain", cosine: 0.25 }] },
      { ...candidate, chunkNo: 3, cosines: [] },
      { ...candidate, chunkNo: 4, lexicalShare: 0, cosines: [{ model: "unknown", cosine: 1 }] },
    ],
    models,
  );
  expect(ranked.map(({ chunkNo, similarity }) => [chunkNo, similarity])).toEqual([
    [2, 0.75],
    [3, 0.5],
    [1, 0.2],
    [4, 0],
  ]);
});

test("[RANK-1] the adaptive threshold leaves out chance and what is far below the best", () => {
  const chunk = (similarity: number) => ({ chunkNo: 1, documentNo: 1, similarity });
  expect(adaptiveThreshold([chunk(0.9), chunk(0.1)])).toBe(0.45);
  expect(adaptiveThreshold([chunk(0.4)])).toBe(0.3);
  expect(adaptiveThreshold([])).toBe(0.3);
});

test("[QUESTION-1] stop words go unless nothing else is left; phrases and marks are handled", () => {
  expect(questionWords("How do I sort a hash?")).toEqual(["sort", "hash"]);
  expect(questionWords("To be or not to be")).toEqual(["not"]);
  expect(questionWords("what is it")).toEqual(["what", "is", "it"]);
  expect(questionWords('find "retry policy" now')).toEqual(["find", "retry policy", "now"]);
  expect(questionWords("don\u2019t snake_case C++ 3.14 naïve")).toEqual([
    "don\u2019t",
    "snake_case",
    "c",
    "3",
    "14",
    "naïve",
  ]);
  expect(questionWords('"" !? ---')).toEqual([]);
});
