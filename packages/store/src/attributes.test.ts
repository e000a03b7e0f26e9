import { O_RDONLY, O_RDWR, rootIno, S_IFMT } from "@smfs/core";
import { expect, test } from "vitest";
import { StoreFixture, user } from "./testing/store-fixture.ts";

const bytes = (text: string) => new TextEncoder().encode(text);

test("[ATTR-1] while somebody may write the working file tells size, blocks and times; then the row does", () => {
  const f = new StoreFixture();
  const ino = f.write("/a", "x");
  const { fh } = f.store.open(ino, O_RDWR, user);
  f.clock.advance(5000);
  f.store.write(fh, new Uint8Array(5000), 0);
  const during = f.store.getattr(ino);
  expect(during).toMatchObject({ size: 5000, blocks: 16, stable: false });
  expect(during.mtimeS).toBe(Math.floor(f.clock.now() / 1000));
  expect(during.ctimeS).toBe(during.mtimeS);
  f.store.release(fh);
  f.settle();
  const after = f.store.getattr(ino);
  expect(after).toEqual({ ...during, stable: true });
  expect(f.inode("/a")).toMatchObject({ size: 5000, blocks: 16, mtime_s: during.mtimeS });
});

test("[ATTR-1] attributes of directories and symlinks are always the row's", () => {
  const f = new StoreFixture();
  f.mkdir("/d");
  expect(f.store.getattr(f.ino("/d"))).toMatchObject({ stable: true, nlink: 2 });
  expect(() => f.store.getattr(12_345)).toThrow("ESTALE");
});

test("[ATTR-6] a birth time is the moment an inode was made, and nothing changes it", () => {
  const f = new StoreFixture();
  const birthUs = f.clock.now() * 1000;
  const ino = f.write("/a", "x");
  expect(f.store.getattr(ino).birthUs).toBe(birthUs);
  f.clock.advance(5000);
  f.store.setattr(ino, { mtime: { s: 1, ns: 2 }, atime: "now", mode: 0o600, size: 0 }, user);
  f.settle();
  expect(f.store.getattr(ino).birthUs).toBe(birthUs);
  expect(f.store.getattr(f.write("/b", "x")).birthUs).toBe(f.clock.now() * 1000);
});

test.each([
  ["permissions", { mode: 0o600 }, true],
  ["the same permissions", { mode: 0o644 }, false],
  ["the modification time", { mtime: { s: 5, ns: 7 } }, true],
  ["the access time", { atime: { s: 5, ns: 7 } }, false],
  ["the owner", { uid: 5, gid: 6 }, false],
] as const)("[ATTR-2] changing %s", (_name, change, isSynced) => {
  const f = new StoreFixture();
  f.write("/a", "x");
  const clean = f.makeClean("/a");
  const { bytes_ver } = f.inode("/a");
  f.clock.advance(10_000);
  f.events.length = 0;
  f.store.setattr(f.ino("/a"), change, user);
  expect(f.entry("/a").local_ver > clean.local_ver).toBe(isSynced);
  expect(f.events.length > 0).toBe(isSynced);
  expect(f.inode("/a").bytes_ver).toBe(bytes_ver);
  expect(f.inode("/a").ctime_s).toBe(Math.floor(f.clock.now() / 1000));
});

test("[ATTR-2] a directory's permissions travel, its times do not", () => {
  const f = new StoreFixture();
  const ino = f.mkdir("/d");
  const { local_ver } = f.makeClean("/d");
  f.store.setattr(ino, { mtime: { s: 1, ns: 1 } }, user);
  expect(f.entry("/d").local_ver).toBe(local_ver);
  f.store.setattr(ino, { mode: 0o700 }, user);
  expect(f.entry("/d").local_ver).toBeGreaterThan(local_ver);
});

test("[ATTR-2] extended attributes do not travel", () => {
  const f = new StoreFixture();
  const ino = f.write("/a", "x");
  const { local_ver } = f.makeClean("/a");
  f.store.setxattr(ino, "user.note", bytes("n"), 0);
  expect(f.entry("/a").local_ver).toBe(local_ver);
});

test("[ATTR-3] times are kept to the nanosecond, at rest and while writing", () => {
  const f = new StoreFixture();
  const ino = f.write("/a", "x");
  const time = { s: 1_234_567_890, ns: 123_456_789 };
  const { fh } = f.store.open(ino, O_RDWR, user);
  f.store.setattr(ino, { mtime: time, atime: { s: -5, ns: 1 } }, user);
  expect(f.store.getattr(ino)).toMatchObject({ mtimeS: time.s, mtimeNs: time.ns, atimeS: -5 });
  f.store.release(fh);
  f.settle();
  expect(f.store.getattr(ino)).toMatchObject({ mtimeS: time.s, mtimeNs: time.ns, atimeNs: 1 });
});

test("[ATTR-3] opening for writing without writing leaves the modification time", () => {
  const f = new StoreFixture();
  const ino = f.write("/a", "x");
  f.settle();
  f.store.setattr(ino, { mtime: { s: 77, ns: 5 } }, user);
  const { fh } = f.store.open(ino, O_RDWR, user);
  expect(f.store.getattr(ino)).toMatchObject({ mtimeS: 77, mtimeNs: 5 });
  f.store.release(fh);
  f.settle();
  expect(f.store.getattr(ino)).toMatchObject({ mtimeS: 77, mtimeNs: 5 });
});

test("[ATTR-3] now is the moment of the call, and what is no time is refused", () => {
  const f = new StoreFixture();
  const ino = f.write("/a", "x");
  f.settle();
  f.clock.advance(3_000);
  f.store.setattr(ino, { mtime: "now", atime: "now" }, user);
  const now = Math.floor(f.clock.now() / 1000);
  expect(f.store.getattr(ino)).toMatchObject({ mtimeS: now, atimeS: now });
  for (const time of [
    { s: 1, ns: 1e9 },
    { s: 1, ns: -1 },
    { s: Number.NaN, ns: 0 },
  ]) {
    expect(() => f.store.setattr(ino, { mtime: time }, user)).toThrow("EINVAL");
  }
});

test("[ATTR-4] truncating without a handle moves the versions, and ends as a close does", () => {
  const f = new StoreFixture();
  const ino = f.write("/a", "abcdef");
  const clean = f.makeClean("/a");
  expect(f.store.setattr(ino, { size: 3 }, user).size).toBe(3);
  expect(f.entry("/a").local_ver).toBeGreaterThan(clean.local_ver);
  expect(f.inode("/a").writers).toBe(1);
  f.settle();
  expect(f.inode("/a")).toMatchObject({ writers: 0, size: 3 });
  expect(f.read("/a")).toBe("abc");
  expect(f.bytes.openCount).toBe(0);
});

test("[ATTR-4] truncating with other attributes is one transaction", () => {
  const f = new StoreFixture();
  const ino = f.write("/a", "abcdef");
  f.settle();
  const before = f.db.commitCount;
  f.store.setattr(ino, { size: 1, mode: 0o600, mtime: { s: 9, ns: 9 } }, user);
  expect(f.db.commitCount).toBe(before + 1);
  expect(f.store.getattr(ino)).toMatchObject({ size: 1, mtimeS: 9, mtimeNs: 9 });
  expect(f.store.getattr(ino).mode & ~S_IFMT).toBe(0o600);
});

test("[ATTR-4] truncating what cannot be is refused with its errno", () => {
  const f = new StoreFixture();
  const ino = f.write("/a", "x");
  f.mkdir("/d");
  f.store.symlink(rootIno, "s", "a", user);
  expect(() => f.store.setattr(f.ino("/d"), { size: 0 }, user)).toThrow("EISDIR");
  expect(() => f.store.setattr(f.ino("/s"), { size: 0 }, user)).toThrow("EINVAL");
  expect(() => f.store.setattr(ino, { size: -1 }, user)).toThrow("EINVAL");
  expect(() => f.store.setattr(ino, { size: 2 ** 50 }, user)).toThrow("EFBIG");
  const { fh } = f.store.open(ino, O_RDONLY, user);
  expect(() => f.store.setattr(ino, { size: 0 }, user, fh)).toThrow("EBADF");
  f.store.release(fh);
  f.settle();
  expect(f.read("/a")).toBe("x");
  expect(f.inode("/a").writers).toBe(0);
});

test("[ATTR-5] set-user-id and set-group-id go when the kernel asks, as far as they mean rights", () => {
  const f = new StoreFixture();
  const ino = f.write("/a", "x");
  const mode = () => f.store.getattr(ino).mode & 0o7777;
  f.store.setattr(ino, { mode: 0o6755 }, user);
  f.store.setattr(ino, { uid: 5, killSuidGid: true }, user);
  expect(mode()).toBe(0o755);
  f.store.setattr(ino, { mode: 0o6644 }, user);
  const { fh } = f.store.open(ino, O_RDWR, user);
  f.store.write(fh, bytes("y"), 0, { killSuidGid: true });
  expect(mode()).toBe(0o2644);
  f.store.setattr(ino, { mode: 0o4755 }, user);
  f.store.setattr(ino, { size: 0, killSuidGid: true }, user, fh);
  expect(mode()).toBe(0o755);
});
