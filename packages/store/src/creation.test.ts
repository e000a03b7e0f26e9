import {
  O_CREAT,
  O_EXCL,
  O_RDONLY,
  O_RDWR,
  O_TRUNC,
  rootIno,
  S_IFCHR,
  S_IFDIR,
  S_IFIFO,
  S_IFREG,
} from "@smfs/core";
import { lookup } from "@smfs/core/testing";
import { expect, test } from "vitest";
import { defaultAclName } from "./posix-acl.ts";
import { StoreFixture, user } from "./testing/store-fixture.ts";

test("[STORE-10] names that are none are refused with their errno", () => {
  const f = new StoreFixture();
  const make = (name: string) => () => f.store.mkdir(rootIno, name, 0o755, user);
  expect(make("")).toThrow("ENOENT");
  expect(make(".")).toThrow("EEXIST");
  expect(make("..")).toThrow("EEXIST");
  expect(make("a/b")).toThrow("EINVAL");
  expect(make("a\0b")).toThrow("EINVAL");
  expect(make("x".repeat(256))).toThrow("ENAMETOOLONG");
  expect(make(".smfs-dir")).toThrow("EPERM");
  make("x".repeat(255))();
  make("\xff\x01 any bytes")();
  expect(f.list("/")).toHaveLength(2);
  expect(() => lookup(f.store, rootIno, "x".repeat(256))).toThrow("ENAMETOOLONG");
});

test("[STORE-10] a directory document's name cannot be taken by renaming or linking either", () => {
  const f = new StoreFixture();
  f.write("/a", "x");
  expect(() => f.rename("/a", "/.smfs-dir")).toThrow("EPERM");
  expect(() => f.store.link(f.ino("/a"), rootIno, ".smfs-dir", user)).toThrow("EPERM");
});

test("[STORE-1] what is not a directory, or not there any more, takes no names", () => {
  const f = new StoreFixture();
  const file = f.write("/a", "x");
  const dir = f.mkdir("/d");
  f.store.hold(dir);
  f.store.rmdir(rootIno, "d", user);
  for (const make of [
    (parent: number) => f.store.mkdir(parent, "n", 0o755, user),
    (parent: number) => f.store.symlink(parent, "n", "t", user),
    (parent: number) => f.store.create(parent, "n", 0o644, O_CREAT, user),
    (parent: number) => f.store.mknod(parent, "n", S_IFIFO | 0o644, 0, user),
    (parent: number) => f.store.tmpfile(parent, 0o644, O_RDWR, user),
    (parent: number) => f.store.link(file, parent, "n", user),
    (parent: number) =>
      f.store.rename(
        { fromParent: rootIno, fromName: "a", toParent: parent, toName: "n", flags: 0 },
        user,
      ),
  ]) {
    expect(() => make(file)).toThrow("ENOTDIR");
    expect(() => make(dir)).toThrow("ENOENT");
    expect(() => make(999)).toThrow("ESTALE");
  }
  expect(() => lookup(f.store, file, "n")).toThrow("ENOTDIR");
  expect(() => f.store.opendir(file)).toThrow("ENOTDIR");
});

test("[STORE-1] creating what is there opens it, unless it must be new", () => {
  const f = new StoreFixture();
  const ino = f.write("/a", "text");
  const create = (flags: number) => f.store.create(rootIno, "a", 0o600, flags, user);
  expect(() => create(O_CREAT | O_EXCL)).toThrow("EEXIST");
  const { attr, file } = create(O_CREAT | O_RDWR);
  expect(attr).toMatchObject({ ino, size: 4, mode: S_IFREG | 0o644 });
  f.store.release(file.fh);
  const { attr: cut, file: emptied } = create(O_CREAT | O_RDWR | O_TRUNC);
  expect(cut.size).toBe(0);
  f.store.release(emptied.fh);
  f.mkdir("/d");
  expect(() => f.store.create(rootIno, "d", 0o600, O_CREAT, user)).toThrow("EISDIR");
});

test("[STORE-12] what is made belongs to the caller, and in a set-group-id directory to its group", () => {
  const f = new StoreFixture();
  const plain = f.mkdir("/plain");
  const shared = f.mkdir("/shared");
  f.store.setattr(shared, { gid: 77, mode: 0o2775 }, user);
  expect(f.store.mkdir(plain, "d", 0o755, user)).toMatchObject({ uid: 1000, gid: 1000 });
  const inner = f.store.mkdir(shared, "d", 0o755, user);
  expect(inner).toMatchObject({ uid: 1000, gid: 77, mode: S_IFDIR | 0o2755 });
  const { attr } = f.store.create(shared, "f", 0o644, O_CREAT | O_RDWR, user);
  expect(attr).toMatchObject({ uid: 1000, gid: 77, mode: S_IFREG | 0o644 });
});

test("[STORE-13] the umask takes bits away", () => {
  const f = new StoreFixture();
  const masked = { ...user, umask: 0o077 };
  expect(f.store.mkdir(rootIno, "d", 0o777, masked).mode & 0o7777).toBe(0o700);
  const { attr } = f.store.create(rootIno, "f", 0o666, O_CREAT | O_RDWR, masked);
  expect(attr.mode & 0o7777).toBe(0o600);
});

test("[STORE-13] a default access list takes the umask's place, and is handed on to directories", () => {
  const f = new StoreFixture();
  const dir = f.mkdir("/d");
  // user::rwx user:7:rw- group::r-x mask::rwx other::---
  const acl = new Uint8Array([
    2, 0, 0, 0, 1, 0, 7, 0, 255, 255, 255, 255, 2, 0, 6, 0, 7, 0, 0, 0, 4, 0, 5, 0, 255, 255, 255,
    255, 16, 0, 7, 0, 255, 255, 255, 255, 32, 0, 0, 0, 255, 255, 255, 255,
  ]);
  f.store.setxattr(dir, defaultAclName, acl, 0);
  const masked = { ...user, umask: 0o077 };
  const { attr } = f.store.create(dir, "f", 0o666, O_CREAT | O_RDWR, masked);
  expect(attr.mode & 0o777).toBe(0o660);
  expect(f.store.listxattr(attr.ino)).toEqual(["system.posix_acl_access"]);
  const inner = f.store.mkdir(dir, "e", 0o777, masked);
  expect(inner.mode & 0o777).toBe(0o770);
  expect(f.store.getxattr(inner.ino, defaultAclName)).toEqual(Buffer.from(acl));
});

test("[STORE-4] without room for its working file a new file is not there", () => {
  const f = new StoreFixture();
  f.bytes.fault = (call) => {
    if (call === "create") throw Object.assign(new Error("no room"), { code: "ENOSPC" });
  };
  expect(() => f.write("/a", "x")).toThrow("no room");
  expect(() => f.store.tmpfile(rootIno, 0o600, O_RDWR, user)).toThrow("no room");
  f.bytes.fault = undefined;
  expect(f.list("/")).toEqual([]);
  f.settle();
  expect(f.check()).toEqual([]);
});

test("[STORE-11] inode numbers and handles are not given again, over a restart either", () => {
  const f = new StoreFixture();
  const first = f.write("/a", "x");
  f.unlink("/a");
  f.settle();
  f.kill();
  const second = f.write("/a", "x");
  expect(second).toBeGreaterThan(first);
  const one = f.store.open(second, O_RDONLY, user);
  f.store.release(one.fh);
  expect(f.store.open(second, O_RDONLY, user).fh).not.toBe(one.fh);
  expect(() => f.store.read(one.fh, new Uint8Array(1), 0)).toThrow("EBADF");
});

test("[STORE-1] special files keep their type and number, and never leave this machine", () => {
  const f = new StoreFixture();
  const fifo = f.store.mknod(rootIno, "p", S_IFIFO | 0o644, 0, user);
  const device = f.store.mknod(rootIno, "c", S_IFCHR | 0o600, 0x0103, user);
  expect(fifo.mode).toBe(S_IFIFO | 0o644);
  expect(device).toMatchObject({ mode: S_IFCHR | 0o600, rdev: 0x0103 });
  expect(f.entry("/p").local_only).toBe(1);
  expect(() => f.store.open(fifo.ino, O_RDONLY, user)).toThrow("EOPNOTSUPP");
  expect(f.store.mknod(rootIno, "f", S_IFREG | 0o640, 0, user)).toMatchObject({ size: 0 });
  expect(f.entry("/f").local_only).toBe(0);
  expect(() => f.store.mknod(rootIno, "d", S_IFDIR | 0o755, 0, user)).toThrow("EINVAL");
  f.settle();
  expect(f.check()).toEqual([]);
});

test("[STORE-1] symlinks hold any bytes but NUL, up to a path's length", () => {
  const f = new StoreFixture();
  const { ino, size } = f.store.symlink(rootIno, "s", "../\xff target", user);
  expect(f.store.readlink(ino)).toBe("../\xff target");
  expect(size).toBe(11);
  expect(() => f.store.symlink(rootIno, "t", "", user)).toThrow("ENOENT");
  expect(() => f.store.symlink(rootIno, "t", "a\0", user)).toThrow("EINVAL");
  expect(() => f.store.symlink(rootIno, "t", "x".repeat(4096), user)).toThrow("ENAMETOOLONG");
  expect(() => f.store.readlink(rootIno)).toThrow("EINVAL");
});

test("[STORE-9] a second name makes the first dirty, which now tells of it; a third only if its fid is smallest", () => {
  const f = new StoreFixture();
  const ino = f.write("/a", "x");
  const clean = f.makeClean("/a");
  f.store.link(ino, rootIno, "b", user);
  expect(f.entry("/a").local_ver).toBeGreaterThan(clean.local_ver);
  expect(f.inode("/a").bytes_ver).toBeLessThanOrEqual(clean.base_ver);
  const smallest = [f.entry("/a").fid, f.entry("/b").fid].sort()[0] ?? "";
  const before = f.entry("/a").local_ver;
  f.store.link(ino, rootIno, "c", user);
  const isSmaller = f.entry("/c").fid < smallest;
  expect(f.entry("/a").local_ver > before).toBe(isSmaller);
  f.unlink("/c");
  f.unlink("/b");
  expect(f.entry("/a").local_ver).toBeGreaterThan(before);
  expect(f.store.getattr(ino).nlink).toBe(1);
});

test("[STORE-1] links have their limits", () => {
  const f = new StoreFixture();
  const ino = f.write("/a", "x");
  f.settle();
  expect(() => f.store.link(rootIno, rootIno, "d", user)).toThrow("EPERM");
  expect(() => f.store.link(ino, rootIno, "a", user)).toThrow("EEXIST");
  f.store.context.inodes.update(ino, { nlink: 65_000 });
  expect(() => f.store.link(ino, rootIno, "b", user)).toThrow("EMLINK");
  f.store.context.inodes.update(rootIno, { nlink: 65_000 });
  expect(() => f.mkdir("/d")).toThrow("EMLINK");
});

test("[STORE-1] a file without a name gets one by linking, or goes with its handle", () => {
  const f = new StoreFixture();
  const { attr, file } = f.store.tmpfile(rootIno, 0o600, O_RDWR, user);
  f.store.hold(attr.ino);
  f.store.write(file.fh, new TextEncoder().encode("kept"), 0);
  expect(attr.nlink).toBe(0);
  f.store.link(attr.ino, rootIno, "named", user);
  f.store.release(file.fh);
  f.store.forget(attr.ino);
  f.settle();
  expect(f.read("/named")).toBe("kept");
  const other = f.store.tmpfile(rootIno, 0o600, O_RDWR, user);
  f.store.release(other.file.fh);
  f.settle();
  expect(f.check()).toEqual([]);
  expect(f.bytes.listWork()).toEqual([attr.ino]);
});
