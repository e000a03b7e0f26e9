import { type DirEntry, rootIno, S_IFDIR, S_IFREG } from "@smfs/core";
import { lookup } from "@smfs/core/testing";
import fc from "fast-check";
import { expect, test } from "vitest";
import { StoreFixture, user } from "./testing/store-fixture.ts";

function readAll(
  f: StoreFixture,
  fh: number,
  cookie = 0,
  countMax = Number.POSITIVE_INFINITY,
): DirEntry[] {
  const entries: DirEntry[] = [];
  f.store.readdir(fh, cookie, (entry) => entries.push(entry) < countMax);
  return entries;
}

test("[DIR-1] a stream shows `.` and `..` first, then each entry with its type, and goes on after any cookie", () => {
  const f = new StoreFixture();
  const dir = f.mkdir("/d");
  f.write("/d/a", "x");
  f.mkdir("/d/b");
  const fh = f.store.opendir(dir);
  const all = readAll(f, fh);
  expect(all.map(({ name, ino, type }) => [name, ino, type])).toEqual([
    [".", dir, S_IFDIR],
    ["..", rootIno, S_IFDIR],
    ["a", f.ino("/d/a"), S_IFREG],
    ["b", f.ino("/d/b"), S_IFDIR],
  ]);
  all.forEach(({ cookie }, index) => {
    expect(readAll(f, fh, cookie)).toEqual(all.slice(index + 1));
  });
  f.store.releasedir(fh);
  expect(() => readAll(f, fh)).toThrow("EBADF");
  expect(() => f.store.releasedir(fh)).toThrow("EBADF");
});

test("[DIR-1] `..` of the root is the root, and lookup knows both names", () => {
  const f = new StoreFixture();
  const dir = f.mkdir("/d");
  const fh = f.store.opendir(rootIno);
  expect(
    readAll(f, fh)
      .slice(0, 2)
      .map(({ ino }) => ino),
  ).toEqual([rootIno, rootIno]);
  expect(lookup(f.store, dir, ".").ino).toBe(dir);
  expect(lookup(f.store, dir, "..").ino).toBe(rootIno);
  expect(lookup(f.store, rootIno, "..").ino).toBe(rootIno);
});

test("[DIR-1] a directory that was removed while open lists nothing", () => {
  const f = new StoreFixture();
  const dir = f.mkdir("/d");
  f.store.hold(dir);
  const fh = f.store.opendir(dir);
  f.store.rmdir(rootIno, "d", user);
  expect(readAll(f, fh).map(({ name }) => name)).toEqual([".", ".."]);
});

test("[DIR-1] what is there throughout is shown exactly once, whatever comes and goes", {
  timeout: 60_000,
}, () => {
  const change = fc.record({
    after: fc.nat(30),
    what: fc.constantFrom("add", "remove", "rename"),
    which: fc.nat(19),
  });
  fc.assert(
    fc.property(
      fc.array(change, { maxLength: 20 }),
      fc.integer({ min: 1, max: 7 }),
      (changes, step) => {
        const f = new StoreFixture();
        const staying = Array.from({ length: 20 }, (_, index) => f.mkdir(`/stay${index}`));
        for (let index = 0; index < 20; index += 1) f.mkdir(`/go${index}`);
        const fh = f.store.opendir(rootIno);
        const seen: number[] = [];
        let cookie = 0;
        for (let round = 0; ; round += 1) {
          const part = readAll(f, fh, cookie, step);
          if (part.length === 0) break;
          seen.push(...part.map(({ ino }) => ino));
          cookie = part.at(-1)?.cookie ?? cookie;
          for (const [index, { after, what, which }] of changes.entries()) {
            if (after !== round) continue;
            if (what === "add") f.mkdir(`/new${index}`);
            else if (what === "rename")
              f.rename(`/${nameOf(f, staying[which] ?? 0)}`, `/renamed${index}`);
            else if (f.list("/").includes(`go${which}`)) f.store.rmdir(rootIno, `go${which}`, user);
          }
        }
        for (const ino of staying) expect(seen.filter((other) => other === ino)).toEqual([ino]);
      },
    ),
    { numRuns: 60 },
  );
});

function nameOf(f: StoreFixture, ino: number): string {
  return f.store.context.entries.ofInode(ino)[0]?.name ?? "";
}

test("[DIR-2] a directory of 100,000 entries is listed, and emptied while it is listed", {
  timeout: 120_000,
}, () => {
  const f = new StoreFixture();
  const count = 100_000;
  const { db, inodes, entries } = f.store.context;
  const file = { mode: S_IFREG | 0o644, uid: 0, gid: 0, nlink: 1, target: "t" };
  for (let start = 0; start < count; start += 10_000) {
    db.transaction(() => {
      for (let index = start; index < start + 10_000; index += 1) {
        const ino = inodes.insert(file);
        entries.insert({ ino, parent: rootIno, name: `f${index}`, localVer: 1 });
      }
    });
  }
  const fh = f.store.opendir(rootIno);
  expect(readAll(f, fh)).toHaveLength(count + 2);
  // As `rm -rf` does it: a buffer of names, remove them, go on from where it was.
  let cookie = 2;
  let removed = 0;
  for (;;) {
    const part = readAll(f, fh, cookie, 500);
    if (part.length === 0) break;
    cookie = part.at(-1)?.cookie ?? 0;
    db.transaction(() => {
      for (const { name } of part) f.store.unlink(rootIno, name, user);
    });
    removed += part.length;
  }
  expect(removed).toBe(count);
  expect(f.list("/")).toEqual([]);
});
