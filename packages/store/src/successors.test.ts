import { expect, test } from "vitest";
import { type Succession, Successors, takesPlace } from "./successors.ts";

const old = 10;
const next = 20;
const move = { from: old, to: next, isAlike: true };

function followed(): Successors {
  const successors = new Successors();
  successors.made(next, 0);
  successors.left(move, 0);
  return successors;
}

test("[AGREE-12] a directory whose names all went to one that was made for them has a successor", () => {
  const successors = followed();
  successors.left(move, 100);
  expect(successors.of(old)).toBe(next);
  expect(successors.of(next)).toBeUndefined();
});

test.each<[string, (successors: Successors) => void]>([
  ["went to two places", (s) => s.left({ ...move, to: 30 }, 1)],
  ["went there under another name", (s) => s.left({ ...move, isAlike: false }, 1)],
  ["was deleted", (s) => s.lost(old, 1)],
  ["was deleted before", (s) => [s.clear(), s.lost(old, 0), s.made(next, 1), s.left(move, 1)]],
  ["went before the directory was there", (s) => [s.clear(), s.left(move, 0), s.made(next, 1)]],
  ["went where another directory has gone already", (s) => s.forget(next)],
])("[AGREE-12] none when something in it %s", (_what, happens) => {
  const successors = followed();
  happens(successors);
  expect(successors.of(old)).toBeUndefined();
});

test("[AGREE-12] moves that are far apart are no rename", () => {
  const successors = followed();
  successors.left(move, 119_000);
  successors.left(move, 238_000);
  expect(successors.of(old)).toBe(next);
  successors.left(move, 400_000);
  expect(successors.of(old)).toBeUndefined();
});

test("[AGREE-12] a rename within a directory takes nothing from it", () => {
  const successors = followed();
  successors.left({ from: old, to: old, isAlike: false }, 1);
  expect(successors.of(old)).toBe(next);
});

test("[AGREE-12] what is remembered is bounded", () => {
  const successors = followed();
  for (let ino = 100; ino < 100_000; ino += 1) successors.made(ino, 0);
  expect(successors.of(old)).toBeUndefined();
});

const clear: Succession = {
  isUnsettled: false,
  isNested: false,
  isMoving: false,
  names: 4096,
  hasDeleted: false,
  isUsed: true,
  isSuccessorUsed: true,
};

test("[AGREE-12] in doubt a directory does not take another's place", () => {
  expect(takesPlace(clear)).toBe(true);
  expect(takesPlace({ ...clear, isUsed: false, isSuccessorUsed: false })).toBe(true);
  const doubts: readonly Partial<Succession>[] = [
    { isUnsettled: true },
    { isNested: true },
    { isMoving: true },
    { names: 4097 },
    { hasDeleted: true },
    { isUsed: false },
  ];
  for (const doubt of doubts) expect(takesPlace({ ...clear, ...doubt })).toBe(false);
});
