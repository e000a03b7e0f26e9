import { O_RDONLY, O_RDWR } from "@smfs/core";
import { expect, test } from "vitest";
import type { UnsyncedEffect } from "./memory-byte-store.ts";
import { StoreFixture, user } from "./testing/store-fixture.ts";

const conflictOf = (f: StoreFixture) => {
  const [name] = f.list("/.conflicts");
  return name === undefined ? undefined : f.read(`/.conflicts/${name}`);
};

/** Names and cuts survive, blobs too; what was written to working files does not. */
const emptied = (effect: UnsyncedEffect) =>
  effect.kind === "name" || effect.kind === "truncate" || effect.name.startsWith("blobs/")
    ? "kept"
    : "lost";

test("[RECOVER-2] an unlinked file that was open when the process died is freed, with its bytes", () => {
  const f = new StoreFixture();
  const ino = f.write("/a", "gone");
  f.store.open(ino, O_RDWR, user);
  f.unlink("/a");
  expect(f.bytes.listWork()).toEqual([ino]);
  f.kill();
  expect(f.store.context.inodes.find(ino)).toBeUndefined();
  expect(f.check()).toEqual([]);
  f.settle();
  expect(f.bytes.listWork()).toEqual([]);
});

test("[RECOVER-2] a deleted entry keeps its inode's row over a crash, without bytes", () => {
  const f = new StoreFixture();
  const ino = f.write("/a", "gone");
  const { fid } = f.makeClean("/a");
  f.unlink("/a");
  f.kill();
  expect(f.store.context.entries.byFid(fid)).toMatchObject({ state: "deleted", ino });
  f.settle();
  expect(f.bytes.listWork()).toEqual([]);
  expect(f.check()).toEqual([]);
});

test("[RECOVER-3] a large working file without a row is cut down in steps", () => {
  const f = new StoreFixture();
  const fd = f.bytes.openWork(77, "create");
  f.bytes.truncate(fd, 100 << 20);
  f.bytes.close(fd);
  f.kill();
  expect(f.bytes.listWork()).toEqual([77]);
  f.store.tick();
  const cut = f.bytes.openWork(77, "read");
  expect(f.bytes.stat(cut).size).toBe(84 << 20);
  f.bytes.close(cut);
  f.settle();
  expect(f.bytes.listWork()).toEqual([]);
});

test("[RECOVER-4] who was writing when the process died counts as a writer until nobody can be one", () => {
  const f = new StoreFixture();
  const ino = f.write("/a", "half");
  const mapping = f.bytes.mapShared(ino);
  f.kill();
  f.settle();
  expect(f.inode("/a").writers).toBe(1);
  mapping.unmap();
  f.clock.advance(120_000);
  f.settle();
  expect(f.inode("/a")).toMatchObject({ writers: 0, size: 4 });
  expect(f.check()).toEqual([]);
});

test("[RECOVER-7] what a program writes whose mount has died is not read from the kernel's cache", () => {
  const f = new StoreFixture();
  const ino = f.write("/a", "half");
  const mapping = f.bytes.mapShared(ino);
  f.kill();
  f.settle();
  const keeps = () => {
    const { fh, keepCache } = f.store.open(ino, O_RDONLY, user);
    f.store.release(fh);
    return keepCache;
  };
  expect(keeps()).toBe(false);
  mapping.store(new TextEncoder().encode("more"), 0);
  expect(keeps()).toBe(false);
  f.store.takeInvalidations();
  mapping.unmap();
  f.clock.advance(120_000);
  f.settle();
  expect(f.store.takeInvalidations()).toContainEqual({ kind: "inode", ino });
  expect(keeps()).toBe(true);
});

test("[RECOVER-5] after a stop in peace nothing is looked for", () => {
  const f = new StoreFixture();
  f.write("/a", "x");
  f.settle();
  const fd = f.bytes.openWork(99, "create");
  f.bytes.close(fd);
  f.stop();
  expect(f.bytes.listWork()).toContain(99);
  f.kill();
  f.settle();
  expect(f.bytes.listWork()).not.toContain(99);
});

test("[RECOVER-6] a clean file that a power loss damaged is fetched again, and what was left of it is in the trash", () => {
  const f = new StoreFixture();
  const ino = f.write("/a", "agreed");
  f.makeClean("/a");
  f.bytes.syncNames();
  f.losePower((effect) => (effect.kind === "name" ? "kept" : "lost"));
  f.settle();
  const inode = f.store.context.inodes.get(ino);
  expect(inode).toMatchObject({ stub: 1, size: 6 });
  expect(f.entry("/a").local_ver).toBe(f.entry("/a").base_ver);
  const trash = f.db.sql.prepare("SELECT why, size FROM trash").get();
  expect(trash).toEqual({ why: "damaged on disk", size: 0 });
  expect(f.check()).toEqual([]);
});

test("[RECOVER-6] a clean file that a power loss spared is not read, one whose ctime moved is, before it is opened", () => {
  const f = new StoreFixture();
  f.write("/a", "agreed");
  f.makeClean("/a");
  const fd = f.bytes.openWork(f.ino("/a"), "read");
  f.bytes.sync(fd);
  f.bytes.syncNames();
  f.bytes.close(fd);
  f.losePower(() => "lost");
  expect(f.read("/a")).toBe("agreed");
  f.settle();
  expect(f.inode("/a").stub).toBe(0);
  const writer = f.bytes.openWork(f.ino("/a"), "write");
  f.bytes.write(writer, new Uint8Array([1]), 0);
  f.bytes.sync(writer);
  f.losePower(() => "kept");
  expect(() => f.read("/a")).toThrow(/parked/);
  expect(f.inode("/a").stub).toBe(1);
});

test("[RECOVER-6] bytes that a power loss damaged do not become a new version by cutting, linking or renaming", () => {
  for (const use of [
    (f: StoreFixture) => f.store.setattr(f.ino("/a"), { size: 2 }, user),
    (f: StoreFixture) => f.store.link(f.ino("/a"), 1, "b", user),
    (f: StoreFixture) => f.store.open(f.ino("/a"), O_RDWR, user),
  ]) {
    const f = new StoreFixture();
    f.write("/a", "agreed");
    f.makeClean("/a");
    f.losePower((effect) => (effect.kind === "name" ? "kept" : "lost"));
    expect(() => use(f)).toThrow(/parked/);
    expect(f.entry("/a").local_ver).toBe(f.entry("/a").base_ver);
  }
  const f = new StoreFixture();
  for (const path of ["/a", "/b"]) {
    f.write(path, `agreed ${path}`);
    f.makeClean(path);
  }
  const { fid } = f.entry("/a");
  f.losePower((effect) => (effect.kind === "name" ? "kept" : "lost"));
  f.rename("/a", "/b");
  expect(f.entry("/b").fid).toBe(fid);
  expect(f.inode("/b").stub).toBe(1);
  expect(f.check()).toEqual([]);
});

test("[SUSPECT-1] a save that a power loss emptied is set aside, and the path gets base back", () => {
  const f = new StoreFixture();
  f.write("/a", "agreed text");
  f.makeClean("/a");
  f.overwrite("/a", "new text");
  f.losePower(emptied);
  expect(f.read("/a")).toBe("agreed text");
  expect(conflictOf(f)).toBe("");
  const entry = f.entry("/a");
  expect(f.inode("/a").bytes_ver).toBe(entry.base_ver);
  expect(entry.local_ver).toBeGreaterThan(entry.base_ver);
  expect(f.check()).toEqual([]);
});

test("[SUSPECT-1] without kept base bytes the path is a stub of base", () => {
  const f = new StoreFixture();
  const binary = new Uint8Array(5000).fill(0xff);
  const ino = f.write("/a", "");
  const { fh } = f.store.open(ino, O_RDWR, user);
  f.store.write(fh, binary, 0);
  f.store.release(fh);
  f.makeClean("/a");
  f.overwrite("/a", "new text");
  f.losePower(emptied);
  expect(f.inode("/a").stub).toBe(1);
  expect(conflictOf(f)).toBe("");
});

test("[SUSPECT-2] a block of zeroes that was not zero in base is suspect, a hole is not", () => {
  for (const [isHole, isSuspect] of [
    [true, false],
    [false, true],
  ] as const) {
    const f = new StoreFixture();
    f.write("/a", "x".repeat(8192));
    f.makeClean("/a");
    const { fh } = f.store.open(f.ino("/a"), O_RDWR, user);
    if (isHole) f.store.fallocate(fh, 3, 4096, 4096);
    else f.store.fallocate(fh, 0x10, 4096, 4096);
    f.store.release(fh);
    f.losePower(() => "kept");
    expect(f.read("/a")[5000]).toBe(isSuspect ? "x" : "\0");
  }
});

test("[SUSPECT-3] what was synced after base stays, whatever it looks like", () => {
  const f = new StoreFixture();
  f.write("/a", "agreed text");
  f.makeClean("/a");
  f.writeSynced("/a", "synced text");
  f.overwrite("/a", "later");
  f.losePower(emptied);
  expect(f.read("/a")).toBe("");
  expect(f.list("/")).toEqual(["a"]);
});

test("[SUSPECT-3] bytes that were never sent stay: they are all there is", () => {
  const f = new StoreFixture();
  f.write("/a", "never sent");
  f.losePower((effect) => (effect.kind === "name" ? "kept" : "lost"));
  expect(f.read("/a")).toBe("");
  expect(f.list("/")).toEqual(["a"]);
});

test("[SUSPECT-4] a snapshot that is being sent is newer than base, and is what the path gets", () => {
  const f = new StoreFixture();
  f.write("/a", "agreed text");
  f.makeClean("/a");
  f.overwrite("/a", "sent text");
  f.settle();
  const entry = f.entry("/a");
  const snapshot = f.content("/a");
  f.db.sql
    .prepare(
      `INSERT INTO op (fid, op_id, kind, claim_ver, with_bytes, snap_hash, snap_size, snap_bytes, chain, path, attrs, phase)
       VALUES (?, 'me:9', 'put', ?, 1, ?, ?, ?, '[]', '/a', '{"kind":"file"}', 'sent')`,
    )
    .run(entry.fid, entry.local_ver, f.bytes.digest(snapshot), snapshot.length, snapshot);
  f.overwrite("/a", "latest text");
  f.losePower(emptied);
  expect(f.read("/a")).toBe("sent text");
  expect(conflictOf(f)).toBe("");
  expect(f.inode("/a").bytes_ver).toBe(entry.local_ver);
  expect(f.check()).toEqual([]);
});

test("[SUSPECT-4] base bytes that a power loss took are no longer said to be kept", () => {
  const f = new StoreFixture();
  f.write("/a", "agreed text");
  f.makeClean("/a");
  const { fh } = f.store.open(f.ino("/a"), O_RDWR, user);
  f.store.release(fh);
  expect(f.entry("/a").base_blob).not.toBeNull();
  f.losePower((effect) => ("name" in effect && effect.name.startsWith("blobs/") ? "lost" : "kept"));
  expect(f.entry("/a").base_blob).toBeNull();
  expect(f.check()).toEqual([]);
});
