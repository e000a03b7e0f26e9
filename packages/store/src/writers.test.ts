import { O_CREAT, O_DSYNC, O_RDONLY, O_RDWR, O_TRUNC, O_WRONLY, rootIno } from "@smfs/core";
import { expect, test } from "vitest";
import { StoreFixture, user } from "./testing/store-fixture.ts";

const bytes = (text: string) => new TextEncoder().encode(text);

/** Versions of commits that survive a power loss, as they happen. */
function powerCommits(f: StoreFixture): string[] {
  const levels: string[] = [];
  f.db.atBegin(() => levels.push(String(f.db.sql.pragma("synchronous", { simple: true }))));
  return levels;
}

/** Rows changed so far: a commit that changes none writes no page of the log. */
function changedRows(f: StoreFixture): number {
  return f.db.sql.prepare<[], number>("SELECT total_changes()").pluck().get() ?? 0;
}

test("[WRITERS-1] a writing open moves the versions and sets the bit before it is answered", () => {
  const f = new StoreFixture();
  f.write("/a", "x");
  const clean = f.makeClean("/a");
  const { fh } = f.store.open(f.ino("/a"), O_WRONLY, user);
  const { local_ver } = f.entry("/a");
  expect(local_ver).toBeGreaterThan(clean.local_ver);
  expect(f.inode("/a")).toMatchObject({ writers: 1, bytes_ver: local_ver });
  expect(f.store.getattr(f.ino("/a")).stable).toBe(false);
  f.store.release(fh);
});

test("[WRITERS-1] every name of the file is dirty", () => {
  const f = new StoreFixture();
  const ino = f.write("/a", "x");
  f.store.link(ino, rootIno, "b", user);
  f.makeClean("/a");
  f.makeClean("/b");
  f.store.open(ino, O_WRONLY, user);
  for (const path of ["/a", "/b"]) {
    expect(f.entry(path).local_ver).toBeGreaterThan(f.entry(path).base_ver);
  }
});

test("[WRITERS-1] an open with O_SYNC or O_DSYNC is noted durably, a plain one is not", () => {
  const f = new StoreFixture();
  f.write("/a", "x");
  f.settle();
  const levels = powerCommits(f);
  const open = (flags: number) => {
    const { fh } = f.store.open(f.ino("/a"), flags, user);
    f.store.release(fh);
    return levels.splice(0);
  };
  expect(open(O_RDWR)).toEqual(["1"]);
  expect(open(O_RDWR | O_DSYNC)).toContain("2");
  f.settle();
  levels.length = 0;
  expect(open(O_RDWR | O_DSYNC)).toContain("2");
  f.settle();
  levels.length = 0;
  expect(open(O_RDONLY | O_DSYNC)).toEqual([]);
  f.store.create(rootIno, "b", 0o600, O_CREAT | O_RDWR | O_DSYNC, user);
  expect(levels).toContain("2");
});

test("[WRITERS-2] the bit stays while a writing handle is open, whatever else is closed", () => {
  const f = new StoreFixture();
  const ino = f.write("/a", "x");
  const first = f.store.open(ino, O_RDWR, user);
  const second = f.store.open(ino, O_RDWR, user);
  const reader = f.store.open(ino, O_RDONLY, user);
  f.store.release(first.fh);
  f.store.release(reader.fh);
  f.settle();
  expect(f.inode("/a").writers).toBe(1);
  f.store.release(second.fh);
  f.settle();
  expect(f.inode("/a").writers).toBe(0);
});

test("[WRITERS-2] an open reader does not keep the bit set", () => {
  const f = new StoreFixture();
  const ino = f.write("/a", "text");
  const reader = f.store.open(ino, O_RDONLY, user);
  const writer = f.store.open(ino, O_RDWR, user);
  expect(f.store.read(reader.fh, new Uint8Array(4), 0)).toBe(4);
  f.store.write(writer.fh, bytes("more"), 4);
  f.store.release(writer.fh);
  f.settle();
  expect(f.inode("/a")).toMatchObject({ writers: 0, size: 8 });
  expect(f.store.read(reader.fh, new Uint8Array(8), 0)).toBe(8);
});

test("[WRITERS-3] when bytes may have changed, clearing moves the versions above every claim made meanwhile", () => {
  const f = new StoreFixture();
  f.write("/a", "x");
  const claimed = f.entry("/a").local_ver;
  f.settle();
  const { local_ver } = f.entry("/a");
  expect(local_ver).toBeGreaterThan(claimed);
  expect(f.inode("/a").bytes_ver).toBe(local_ver);
});

test("[WRITERS-3] when no byte can have changed the versions stay where the open put them", () => {
  const f = new StoreFixture();
  f.write("/a", "x");
  f.makeClean("/a");
  const { fh } = f.store.open(f.ino("/a"), O_RDWR, user);
  const opened = f.entry("/a").local_ver;
  f.store.release(fh);
  f.settle();
  expect(f.inode("/a").writers).toBe(0);
  expect(f.entry("/a").local_ver).toBe(opened);
});

test.each([
  ["write", (f: StoreFixture, fh: number) => f.store.write(fh, bytes("y"), 0)],
  [
    "truncate",
    (f: StoreFixture, fh: number) => f.store.setattr(f.ino("/a"), { size: 0 }, user, fh),
  ],
  ["fallocate", (f: StoreFixture, fh: number) => f.store.fallocate(fh, 0, 0, 10)],
  [
    "copy",
    (f: StoreFixture, fh: number) =>
      f.store.copyFileRange({ fromFh: fh, fromOffset: 0, toFh: fh, toOffset: 50, length: 1 }),
  ],
])("[WRITERS-3] a %s counts as a change", (_name, change) => {
  const f = new StoreFixture();
  f.write("/a", "x");
  f.makeClean("/a");
  const { fh } = f.store.open(f.ino("/a"), O_RDWR, user);
  const opened = f.entry("/a").local_ver;
  change(f, fh);
  f.store.release(fh);
  f.settle();
  expect(f.entry("/a").local_ver).toBeGreaterThan(opened);
  expect(f.check()).toEqual([]);
});

test("[WRITERS-3] emptying by O_TRUNC counts as a change", () => {
  const f = new StoreFixture();
  f.write("/a", "x");
  f.makeClean("/a");
  const { fh } = f.store.open(f.ino("/a"), O_RDWR | O_TRUNC, user);
  const opened = f.entry("/a").local_ver;
  f.store.release(fh);
  f.settle();
  expect(f.entry("/a").local_ver).toBeGreaterThan(opened);
});

test("[WRITERS-4] while somebody can write it is tried again ever more rarely, and commits nothing", () => {
  const f = new StoreFixture();
  const ino = f.write("/a", "x");
  const mapping = f.bytes.mapShared(ino);
  const start = f.clock.monotonic();
  const probedAt: number[] = [];
  f.bytes.statUnwritten = () => {
    probedAt.push(f.clock.monotonic() - start);
    return undefined;
  };
  const before = changedRows(f);
  while (probedAt.length < 9) {
    f.clock.advance(Math.max(1, f.store.nextTickMs()));
    f.store.tick();
  }
  const waits = probedAt.map((ms, index) => ms - (probedAt[index - 1] ?? 0));
  // Each waits 4 ms more for a transaction to ride with.
  expect(waits).toEqual([6, 24, 1000, 2004, 4004, 8004, 16_004, 32_004, 60_004]);
  expect(changedRows(f)).toBe(before);
  delete (f.bytes as { statUnwritten?: unknown }).statUnwritten;
  mapping.unmap();
  f.clock.advance(60_000);
  f.store.tick();
  expect(f.inode("/a").writers).toBe(0);
});

test("[WRITERS-4] closing many files is noted with the next operation, in one commit", () => {
  const f = new StoreFixture();
  for (let index = 0; index < 10; index += 1) f.write(`/f${index}`, "x");
  f.clock.advance(5);
  const before = f.db.commitCount;
  f.mkdir("/d");
  expect(f.db.commitCount).toBe(before + 1);
  expect(f.inode("/f9")).toMatchObject({ writers: 0, size: 1 });
});

test("[WRITERS-4] when the transaction fails it rode with, clearing is tried again", () => {
  const f = new StoreFixture();
  f.write("/a", "x");
  f.clock.advance(5);
  expect(() =>
    f.db.transaction(() => {
      throw new Error("this one fails");
    }),
  ).toThrow("this one fails");
  expect(f.inode("/a").writers).toBe(1);
  f.settle();
  expect(f.inode("/a").writers).toBe(0);
});

test("[WRITERS-5] a store to a mapping after the last close reaches the next version", () => {
  const f = new StoreFixture();
  const ino = f.write("/a", "before");
  const mapping = f.bytes.mapShared(ino);
  f.clock.advance(400);
  f.store.tick();
  const claimed = f.entry("/a").local_ver;
  mapping.store(bytes("AFTER!"), 0);
  mapping.unmap();
  f.clock.advance(120_000);
  f.store.tick();
  expect(f.inode("/a").writers).toBe(0);
  expect(f.entry("/a").local_ver).toBeGreaterThan(claimed);
  expect(f.read("/a")).toBe("AFTER!");
});

test("[WRITERS-6] where the disk cannot tell who writes there is no passthrough", () => {
  const f = new StoreFixture();
  const ino = f.write("/a", "x");
  f.bytes.workPath = () => "/somewhere" as never;
  expect(f.store.backing(ino)).toEqual({ path: "/somewhere" });
  f.bytes.tellsWriters = () => false;
  expect(f.store.backing(ino)).toBeUndefined();
});

test("[WRITERS-3] a file whose working file was given out may change unseen", () => {
  const f = new StoreFixture();
  f.write("/a", "x");
  f.makeClean("/a");
  f.bytes.workPath = () => "/somewhere" as never;
  const { fh } = f.store.open(f.ino("/a"), O_RDWR, user);
  f.store.backing(f.ino("/a"));
  const opened = f.entry("/a").local_ver;
  f.store.release(fh);
  f.settle();
  expect(f.entry("/a").local_ver).toBeGreaterThan(opened);
});

test("[STORE-2] opening again while the bit is set, and writing, are no transactions", () => {
  const f = new StoreFixture();
  const ino = f.write("/a", "x");
  const before = f.db.commitCount;
  const { fh } = f.store.open(ino, O_RDWR, user);
  f.store.write(fh, bytes("more"), 0);
  f.store.flush(fh);
  f.store.release(fh);
  expect(f.db.commitCount).toBe(before);
});
