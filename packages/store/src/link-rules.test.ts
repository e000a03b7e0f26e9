import fc from "fast-check";
import { expect, test } from "vitest";
import { type LinkedInode, leavesLink, saidLink, unionOf } from "./link-rules.ts";

const inode = (changes: Partial<LinkedInode> = {}): LinkedInode => ({
  ino: 2,
  hash: "h",
  mode: 0o100644,
  mtime: "1",
  nlink: 1,
  isStub: false,
  isWritten: false,
  ...changes,
});

const anyInode = fc.record({
  ino: fc.integer({ min: 2, max: 4 }),
  hash: fc.constantFrom("h", "i"),
  mode: fc.constantFrom(0o100644, 0o100600),
  mtime: fc.constantFrom("1", "2"),
  nlink: fc.constantFrom(1, 2, 64_999),
  isStub: fc.boolean(),
  isWritten: fc.boolean(),
});

test("[LINK-2] only inodes that are the same in all that travels, and that nobody writes, become one", () => {
  fc.assert(
    fc.property(anyInode, anyInode, (a, b) => {
      const union = unionOf(a, b);
      if (union === undefined) return;
      expect(new Set([union.from, union.to])).toEqual(new Set([a, b]));
      expect(a.ino).not.toBe(b.ino);
      expect([a.hash, a.mode, a.mtime]).toEqual([b.hash, b.mode, b.mtime]);
      expect([a.isWritten, b.isWritten]).toEqual([false, false]);
    }),
  );
});

test("[LINK-1] which of two inodes stays does not depend on which one came first, and bytes that are here do", () => {
  fc.assert(
    fc.property(anyInode, anyInode, (a, b) => {
      expect(unionOf(a, b)?.to.ino).toBe(unionOf(b, a)?.to.ino);
      const union = unionOf(a, b);
      if (union !== undefined && !(a.isStub && b.isStub)) expect(union.to.isStub).toBe(false);
    }),
  );
  const stub = inode({ ino: 2, nlink: 3, isStub: true });
  expect(unionOf(stub, inode({ ino: 9 }))?.to.ino).toBe(9);
  expect(unionOf(inode({ ino: 9, nlink: 2 }), inode())?.to.ino).toBe(9);
  expect(unionOf(inode({ ino: 9 }), inode())?.to.ino).toBe(2);
});

test("[LINK-2] a file gets no more names than a file may have", () => {
  expect(unionOf(inode({ nlink: 64_999 }), inode({ ino: 3 }))?.to.nlink).toBe(64_999);
  expect(unionOf(inode({ nlink: 64_999 }), inode({ ino: 3, nlink: 2 }))).toBeUndefined();
});

test("[LINK-3] a name leaves when its document says another link than before, and has something to leave", () => {
  expect(leavesLink({ said: null, base: "x", here: "x" })).toBe(true);
  expect(leavesLink({ said: "y", base: "x", here: "x" })).toBe(true);
  expect(leavesLink({ said: "x", base: "x", here: "z" })).toBe(false);
  expect(leavesLink({ said: null, base: "x", here: null })).toBe(false);
  expect(leavesLink({ said: undefined, base: "x", here: "x" })).toBe(false);
});

test("[LINK-3] what says nothing of permissions says nothing of links either", () => {
  expect(saidLink({ kind: "file" })).toBeUndefined();
  expect(saidLink({ kind: "file", mode: "644" })).toBeNull();
  expect(saidLink({ kind: "file", mode: "644", link: "x" })).toBe("x");
});
