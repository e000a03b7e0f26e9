import { seededRandom } from "@smfs/core";
import fc from "fast-check";
import { expect, test } from "vitest";
import { scaledToUnit } from "../embed/static-embedder.ts";
import { cosine, isZero, quantised } from "./quantise.ts";
import { VectorMatrix } from "./vector-matrix.ts";

const unit = (dimension: number) =>
  fc
    .array(fc.double({ min: -1, max: 1, noNaN: true }), {
      minLength: dimension,
      maxLength: dimension,
    })
    .map((values) => scaledToUnit(Float32Array.from(values)))
    .filter((vector) => vector.some((value) => value !== 0));

const dot = (a: Float32Array, b: Float32Array) =>
  a.reduce((sum, value, i) => sum + value * (b[i] ?? 0), 0);

test("[VECTOR-1] stored vectors keep their cosines to one hundredth", () => {
  fc.assert(
    fc.property(unit(64), unit(64), (a, b) => {
      expect(cosine(quantised(a), b)).toBeCloseTo(dot(a, b), 1.7);
      expect(cosine(quantised(a), a)).toBeGreaterThan(0.999);
    }),
  );
});

test("[VECTOR-1] the zero vector is zero, and a vector of another dimension matches nothing", () => {
  const zero = quantised(new Float32Array(64));
  expect(isZero(zero)).toBe(true);
  expect(cosine(zero, new Float32Array(64).fill(0.125))).toBe(0);
  expect(cosine(quantised(new Float32Array(32).fill(0.2)), new Float32Array(64).fill(0.125))).toBe(
    0,
  );
});

/** Signs as the matrix has them, one at a time. */
function distance(a: Uint8Array, b: Uint8Array): number {
  let differing = 0;
  for (let i = 4; i < a.length; i += 1) {
    if ((a[i] ?? 0) >= 128 !== (b[i] ?? 0) >= 128) differing += 1;
  }
  return differing;
}

test("[VECTOR-2] the nearest are those of a model that looks at every sign, after any changes", () => {
  const change = fc.record({
    chunkNo: fc.integer({ min: 1, max: 60 }),
    documentNo: fc.integer({ min: 1, max: 9 }),
    seed: fc.integer({ min: 0, max: 1000 }),
    isRemoval: fc.boolean(),
  });
  const vector = (seed: number): Uint8Array => {
    const random = seededRandom(seed);
    return quantised(scaledToUnit(Float32Array.from({ length: 48 }, () => random.next() - 0.5)));
  };
  fc.assert(
    fc.property(
      fc.array(change, { maxLength: 150 }),
      fc.integer({ min: 0, max: 70 }),
      fc.option(fc.array(fc.integer({ min: 0, max: 12 }))),
      (changes, limit, documents) => {
        const matrix = new VectorMatrix(48);
        const model = new Map<number, { documentNo: number; stored: Uint8Array }>();
        for (const { chunkNo, documentNo, seed, isRemoval } of changes) {
          if (isRemoval) {
            matrix.remove(chunkNo);
            model.delete(chunkNo);
          } else {
            matrix.put(chunkNo, documentNo, vector(seed));
            model.set(chunkNo, { documentNo, stored: vector(seed) });
          }
        }
        expect(matrix.size).toBe(model.size);
        const allowed =
          documents === null
            ? undefined
            : Uint8Array.from({ length: 8 }, (_, i) => (documents.includes(i) ? 1 : 0));
        const query = vector(5000);
        const distances = [...model]
          .filter(([, { documentNo }]) => allowed === undefined || allowed[documentNo] === 1)
          .map(([chunkNo, { stored }]) => [chunkNo, distance(stored, query)] as const);
        const wanted = distances
          .map(([, away]) => away)
          .sort((a, b) => a - b)
          .slice(0, limit);
        const found = matrix.nearest(query, limit, allowed);
        const away = new Map(distances);
        for (const [chunkNo, documentNo] of found) {
          expect(documentNo).toBe(model.get(chunkNo)?.documentNo);
        }
        const near = [...found.keys()].map((chunkNo) => away.get(chunkNo));
        expect(near.sort((a, b) => (a ?? 0) - (b ?? 0))).toEqual(wanted);
      },
    ),
  );
});

test("[VECTOR-2] a matrix that outgrows its first size keeps every row", () => {
  const matrix = new VectorMatrix(32);
  const random = seededRandom(3);
  const rows = Array.from({ length: 5000 }, () =>
    quantised(scaledToUnit(Float32Array.from({ length: 32 }, () => random.next() - 0.5))),
  );
  for (const [i, stored] of rows.entries()) matrix.put(i + 1, i + 1, stored);
  expect(matrix.nearest(rows[0] ?? new Uint8Array(36), 6000, undefined).size).toBe(5000);
});
