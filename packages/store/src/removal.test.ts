import { O_RDONLY, O_RDWR, rootIno } from "@smfs/core";
import { expect, test } from "vitest";
import { StoreFixture, user } from "./testing/store-fixture.ts";

test("[REMOVE-1] what the server cannot know of is dropped, what it may know of is a deletion to send", () => {
  const f = new StoreFixture();
  f.write("/never-sent", "x");
  const neverSent = f.entry("/never-sent").fid;
  f.write("/known", "x");
  const known = f.makeClean("/known");
  f.write("/perhaps", "x");
  const perhaps = f.entry("/perhaps").fid;
  f.store.context.entries.update(perhaps, { sent: 1 });
  for (const path of ["/never-sent", "/known", "/perhaps"]) f.unlink(path);
  const { entries } = f.store.context;
  expect(entries.byFid(neverSent)).toBeUndefined();
  const deleted = entries.byFid(known.fid);
  expect(deleted).toMatchObject({
    state: "deleted",
    doc_id: known.doc_id,
    base_ver: known.base_ver,
  });
  expect(deleted?.local_ver).toBeGreaterThan(known.local_ver);
  expect(entries.byFid(perhaps)?.state).toBe("deleted");
  expect(f.list("/")).toEqual([]);
});

test("[REMOVE-1] an entry with an attempt in progress is not dropped under it", () => {
  const f = new StoreFixture();
  f.write("/a", "x");
  f.settle();
  const { fid, local_ver } = f.entry("/a");
  f.db.sql
    .prepare(
      `INSERT INTO op (fid, op_id, kind, claim_ver, with_bytes, chain, path, attrs, phase)
       VALUES (?, 'me:1', 'put', ?, 0, '[]', '/a', '{}', 'claimed')`,
    )
    .run(fid, local_ver);
  f.unlink("/a");
  expect(f.store.context.entries.byFid(fid)?.state).toBe("deleted");
});

test("[REMOVE-1] deleting and making anew at one path are two entries", () => {
  const f = new StoreFixture();
  f.write("/a", "old");
  const old = f.makeClean("/a");
  f.unlink("/a");
  f.write("/a", "new");
  expect(f.entry("/a").fid).not.toBe(old.fid);
  expect(f.entry("/a").doc_id).toBeNull();
  expect(f.store.context.entries.byFid(old.fid)?.doc_id).toBe(old.doc_id);
  expect(f.check()).toEqual([]);
});

test("[REMOVE-2] a file without a name lives while it is open, and while the frontend knows it", () => {
  const f = new StoreFixture();
  const ino = f.write("/a", "still");
  f.store.hold(ino);
  const { fh } = f.store.open(ino, O_RDWR, user);
  f.unlink("/a");
  f.settle();
  expect(f.store.getattr(ino)).toMatchObject({ nlink: 0, size: 5 });
  f.store.release(fh);
  f.settle();
  const again = f.store.open(ino, O_RDONLY, user);
  expect(f.store.read(again.fh, new Uint8Array(9), 0)).toBe(5);
  f.store.forget(ino);
  f.settle();
  expect(f.store.getattr(ino).nlink).toBe(0);
  f.store.release(again.fh);
  f.settle();
  expect(() => f.store.getattr(ino)).toThrow("ESTALE");
  expect(f.bytes.listWork()).toEqual([]);
});

test("[REMOVE-3] a deleted entry keeps its inode's row, and none of its bytes", () => {
  const f = new StoreFixture();
  const ino = f.write("/a", "x");
  const { fid } = f.makeClean("/a");
  f.unlink("/a");
  f.settle();
  expect(f.bytes.listWork()).toEqual([]);
  expect(f.store.context.inodes.find(ino)?.nlink).toBe(0);
  const entry = f.store.context.entries.byFid(fid);
  f.db.transaction(() => entry && f.store.context.orphans.dropEntry(entry));
  expect(f.store.context.inodes.find(ino)).toBeUndefined();
  expect(f.check()).toEqual([]);
});

test("[REMOVE-4] a directory that loses its last name is dirty, one that has others is not", () => {
  const f = new StoreFixture();
  f.mkdir("/d");
  f.write("/d/a", "x");
  f.write("/d/b", "x");
  const clean = f.makeClean("/d");
  f.unlink("/d/a");
  expect(f.entry("/d").local_ver).toBe(clean.local_ver);
  f.rename("/d/b", "/b");
  expect(f.entry("/d").local_ver).toBeGreaterThan(clean.local_ver);
  expect(f.inode("/d").bytes_ver).toBeLessThanOrEqual(clean.base_ver);
});

test("[STORE-1] unlink and rmdir take what they are for", () => {
  const f = new StoreFixture();
  f.mkdir("/d");
  f.write("/d/a", "x");
  expect(() => f.unlink("/d")).toThrow("EISDIR");
  const rmdir = (path: string) => f.store.rmdir(...f.at(path), user);
  expect(() => rmdir("/d/a")).toThrow("ENOTDIR");
  expect(() => rmdir("/d")).toThrow("ENOTEMPTY");
  expect(() => rmdir("/x")).toThrow("ENOENT");
  expect(() => f.store.unlink(f.ino("/d/a"), "x", user)).toThrow("ENOTDIR");
  expect(() => f.store.rmdir(f.ino("/d"), ".", user)).toThrow("EINVAL");
  expect(() => f.store.rmdir(f.ino("/d"), "..", user)).toThrow("ENOTEMPTY");
  f.unlink("/d/a");
  rmdir("/d");
  expect(f.store.getattr(rootIno).nlink).toBe(2);
});

test("[STORE-5] a working file that cannot be removed does not fail the removal, and goes at the next start", () => {
  const f = new StoreFixture();
  const ino = f.write("/a", "x");
  f.settle();
  f.bytes.fault = (call) => {
    if (call === "remove") throw new Error("the disk sulks");
  };
  f.unlink("/a");
  f.settle();
  f.bytes.fault = undefined;
  expect(f.list("/")).toEqual([]);
  expect(f.bytes.listWork()).toEqual([ino]);
  expect(f.logged.join()).toMatch(/could not be removed/);
  f.kill();
  f.settle();
  expect(f.bytes.listWork()).toEqual([]);
});

test("[STORE-5] the working file of a removed file stays until the removal survives a power loss", () => {
  const f = new StoreFixture();
  const ino = f.write("/a", "x");
  f.unlink("/a");
  f.store.tick();
  expect(f.bytes.listWork()).toEqual([ino]);
  expect(f.check()).toEqual([]);
  f.db.checkpoint();
  f.store.tick();
  expect(f.bytes.listWork()).toEqual([]);
});

test("[STORE-5] when the disk is full what was removed makes room at once", () => {
  const f = new StoreFixture({ capacityBytes: 64 << 10 });
  const full = (path: string) => {
    const { attr, file } = f.store.create(rootIno, path, 0o644, O_RDWR, user);
    f.store.write(file.fh, new Uint8Array(64 << 10), 0);
    f.store.release(file.fh);
    return attr.ino;
  };
  full("a");
  f.unlink("/a");
  const second = full("b");
  expect(f.bytes.listWork()).toEqual([second]);
  expect(() => full("c")).toThrow("ENOSPC");
});

test("[STORE-5] a large file is freed step by step after it was removed", () => {
  const f = new StoreFixture();
  const ino = f.write("/a", "x");
  f.store.setattr(ino, { size: 40 << 20 }, user);
  f.settle();
  f.unlink("/a");
  f.db.checkpoint();
  f.store.tick();
  expect(f.store.nextTickMs()).toBe(0);
  expect(f.bytes.listWork()).toEqual([ino]);
  expect(f.check()).toEqual([]);
  for (let step = 0; step < 2; step += 1) f.store.tick();
  expect(f.bytes.listWork()).toEqual([]);
});

test("[STORE-2] forgetting and closing many orphans takes one commit", () => {
  const f = new StoreFixture();
  const inos = Array.from({ length: 50 }, (_, index) => f.write(`/f${index}`, "x"));
  f.settle();
  inos.forEach((ino, index) => {
    f.store.hold(ino);
    f.unlink(`/f${index}`);
  });
  const before = f.db.commitCount;
  for (const ino of inos) f.store.forget(ino);
  expect(f.db.commitCount).toBe(before);
  f.store.tick();
  expect(f.db.commitCount).toBe(before + 1);
  f.settle();
  expect(f.bytes.listWork()).toEqual([]);
});
