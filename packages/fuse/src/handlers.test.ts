import { errnos, type FileSystem, FsError } from "@smfs/core";
import { afterEach, describe, expect, test } from "vitest";
import * as abi from "./abi.ts";
import * as flags from "./flags.ts";
import { everyFlag, type Setup, setUp } from "./testing/dispatcher.ts";
import { body, readAttr, readDirents, readEntry, toRequest, type Wire } from "./testing/wire.ts";

let current: Setup | undefined;

function start(options: Parameters<typeof setUp>[0] = {}): Setup {
  current = setUp(options);
  return current;
}

afterEach(() => {
  current?.close();
  current = undefined;
});

const S_IFREG = 0o100000;
const S_IFDIR = 0o040000;
const O_RDWR = 0o2;

function createFile(wire: Wire, name: string, mode = 0o644): { ino: number; fh: bigint } {
  const made = wire.ok(abi.FUSE_CREATE, body().u32(O_RDWR, mode, 0, 0).name(name));
  return { ino: readEntry(made).ino, fh: made.readBigUInt64LE(128) };
}

function write(wire: Wire, fh: bigint, offset: number | bigint, text: string, writeFlags = 0) {
  const content = body().u64(fh, offset).u32(text.length, writeFlags).u64(0).u32(0, 0);
  return wire.call(abi.FUSE_WRITE, content.raw(Buffer.from(text, "latin1")));
}

function read(wire: Wire, fh: bigint, offset: number | bigint, size: number): Buffer {
  return wire.ok(abi.FUSE_READ, body().u64(fh, offset).u32(size, 0).u64(0).u32(0, 0));
}

function lookup(wire: Wire, name: string, nodeid = 1) {
  return readEntry(wire.ok(abi.FUSE_LOOKUP, body().name(name), { nodeid }));
}

function mkdir(wire: Wire, name: string, nodeid = 1): number {
  return readEntry(wire.ok(abi.FUSE_MKDIR, body().u32(0o755, 0).name(name), { nodeid })).ino;
}

describe("names", () => {
  test("[FUSE-15] a name that is not there is inode 0 with a time-out", () => {
    const { wire } = start();
    const entry = lookup(wire, "absent");
    expect(entry).toMatchObject({ ino: 0, entryS: 600 });
    expect(wire.ok(abi.FUSE_LOOKUP, body().name("absent"))).toHaveLength(abi.entryOutBytes);
  });

  test("[FUSE-18] names are bytes, up to 255 of them", () => {
    const { wire } = start();
    const odd = "\xff\xfe \n\x01'\"";
    const ino = mkdir(wire, odd);
    expect(lookup(wire, odd).ino).toBe(ino);
    const listed = readDirents(wire.ok(abi.FUSE_READDIR, body().u64(0, 0).u32(4096, 0)), {
      plus: false,
    });
    expect(listed.map(({ name }) => name)).toEqual([".", "..", odd]);
    expect(wire.call(abi.FUSE_MKDIR, body().u32(0o755, 0).name("x".repeat(255))).errno).toBe(0);
    const long = body().u32(0o755, 0).name("x".repeat(256));
    expect(wire.call(abi.FUSE_MKDIR, long).errno).toBe(errnos.ENAMETOOLONG);
    expect(wire.call(abi.FUSE_LOOKUP, body().name("x".repeat(256))).errno).toBe(
      errnos.ENAMETOOLONG,
    );
    expect(wire.call(abi.FUSE_LOOKUP, body().name("a/b")).errno).toBe(errnos.EINVAL);
    expect(wire.call(abi.FUSE_LOOKUP, body().raw(Buffer.from("no end"))).errno).toBe(errnos.EIO);
  });

  test("[FUSE-5] '.' and '..' are looked up for open_by_handle_at", () => {
    const { wire } = start();
    const outer = mkdir(wire, "outer");
    const inner = mkdir(wire, "inner", outer);
    expect(lookup(wire, ".", inner).ino).toBe(inner);
    expect(lookup(wire, "..", inner).ino).toBe(outer);
    expect(lookup(wire, "..", outer).ino).toBe(1);
  });

  test("[FUSE-13] [W-21] RENAME_NOREPLACE keeps the target, RENAME_EXCHANGE keeps both, others are EINVAL", () => {
    const { wire } = start();
    const a = mkdir(wire, "a");
    const b = mkdir(wire, "b");
    const rename2 = (flag: number) => body().u64(1).u32(flag, 0).name("a").name("b");
    expect(wire.call(abi.FUSE_RENAME2, rename2(1)).errno).toBe(errnos.EEXIST);
    wire.ok(abi.FUSE_RENAME2, rename2(2));
    expect([lookup(wire, "a").ino, lookup(wire, "b").ino]).toEqual([b, a]);
    expect(wire.call(abi.FUSE_RENAME2, rename2(4)).errno).toBe(errnos.EINVAL);
    wire.ok(abi.FUSE_RENAME, body().u64(1).name("a").name("c"));
    expect([lookup(wire, "a").ino, lookup(wire, "c").ino]).toEqual([0, b]);
  });

  test("[FUSE-5] LINK, SYMLINK and READLINK", () => {
    const { wire } = start();
    const { ino } = createFile(wire, "a");
    const linked = readEntry(wire.ok(abi.FUSE_LINK, body().u64(ino).name("b")));
    expect(linked.attr).toMatchObject({ ino, nlink: 2 });
    const made = readEntry(wire.ok(abi.FUSE_SYMLINK, body().name("s").name("../to/\xff")));
    const target = wire.ok(abi.FUSE_READLINK, body(), { nodeid: made.ino });
    expect(target.toString("latin1")).toBe("../to/\xff");
    expect(wire.call(abi.FUSE_READLINK, body(), { nodeid: ino }).errno).toBe(errnos.EINVAL);
  });
});

describe("attributes", () => {
  const setattr = (
    valid: number,
    values: Partial<Record<"size" | "atime" | "mtime", number>> = {},
  ) =>
    body()
      .u32(valid, 0)
      .u64(0, values.size ?? 0, 0, values.atime ?? 0, values.mtime ?? 0, 0)
      .u32(5, 6, 0, 0o600, 0, 7, 8, 0);

  test("[FUSE-21] SETATTR changes what it names and nothing else", () => {
    const { wire } = start();
    const { ino } = createFile(wire, "a");
    const set = (valid: number, values = {}) =>
      readAttr(wire.ok(abi.FUSE_SETATTR, setattr(valid, values), { nodeid: ino }), 16);
    const before = { uid: 1000, gid: 1000, mode: S_IFREG | 0o644 };
    expect(set(flags.FATTR_SIZE, { size: 10 })).toMatchObject({ ...before, size: 10 });
    expect(set(flags.FATTR_MODE)).toMatchObject({ ...before, mode: S_IFREG | 0o600 });
    expect(set(flags.FATTR_UID)).toMatchObject({ uid: 7, gid: 1000 });
    expect(set(flags.FATTR_GID)).toMatchObject({ uid: 7, gid: 8, size: 10 });
  });

  test("[FUSE-21] times: set, now, and before 1970", () => {
    const { wire } = start();
    const { ino } = createFile(wire, "a");
    const set = (valid: number, values = {}) =>
      readAttr(wire.ok(abi.FUSE_SETATTR, setattr(valid, values), { nodeid: ino }), 16);
    expect(set(flags.FATTR_MTIME, { mtime: -3 })).toMatchObject({ mtime: -3, mtimeNs: 6 });
    expect(set(flags.FATTR_ATIME, { atime: 2 ** 33 })).toMatchObject({ atime: 2 ** 33, mtime: -3 });
    const now = set(flags.FATTR_MTIME | flags.FATTR_MTIME_NOW).mtime;
    expect(Math.abs(now - Date.now() / 1000)).toBeLessThan(5);
    const ruined = body()
      .u32(flags.FATTR_ATIME, 0)
      .u64(0, 0, 0, 1, 0, 0)
      .u32(1e9, 0, 0, 0, 0, 0, 0, 0);
    expect(wire.call(abi.FUSE_SETATTR, ruined, { nodeid: ino }).errno).toBe(errnos.EINVAL);
  });

  test("[FUSE-17] attributes of a file that somebody can write are told with a time-out of 0", () => {
    const { wire } = start();
    const { ino, fh } = createFile(wire, "a");
    expect(lookup(wire, "a")).toMatchObject({ entryS: 600, attrS: 0 });
    wire.ok(abi.FUSE_RELEASE, body().u64(fh).u32(0, 0).u64(0), { nodeid: ino });
    expect(lookup(wire, "a")).toMatchObject({ entryS: 600, attrS: 600 });
    const attr = wire.ok(abi.FUSE_GETATTR, body().u32(0, 0).u64(0), { nodeid: ino });
    expect(attr.readBigUInt64LE(0)).toBe(600n);
    expect(attr).toHaveLength(104);
  });

  test("[FUSE-19] extended attributes: sizes, small buffers and large values", () => {
    const { wire } = start();
    const set = (name: string, value: Uint8Array, flag = 0) =>
      wire.call(abi.FUSE_SETXATTR, body().u32(value.byteLength, flag).name(name).raw(value));
    const get = (name: string, room: number) =>
      wire.call(abi.FUSE_GETXATTR, body().u32(room, 0).name(name));
    expect(get("user.a", 0).errno).toBe(errnos.ENODATA);
    expect(set("user.a", Buffer.from("value")).errno).toBe(0);
    expect(set("user.b", new Uint8Array(0)).errno).toBe(0);
    expect(get("user.a", 0).body.readUInt32LE()).toBe(5);
    expect(get("user.a", 4).errno).toBe(errnos.ERANGE);
    expect(get("user.a", 5).body.toString()).toBe("value");
    expect(get("user.b", 10).body).toHaveLength(0);
    expect(set("user.a", Buffer.from("x"), 1).errno).toBe(errnos.EEXIST);
    expect(set("user.c", new Uint8Array(65_537)).errno).toBe(errnos.E2BIG);
    const list = (room: number) => wire.call(abi.FUSE_LISTXATTR, body().u32(room, 0));
    expect(list(0).body.readUInt32LE()).toBe(14);
    expect(list(13).errno).toBe(errnos.ERANGE);
    expect(list(14).body.toString()).toBe("user.a\0user.b\0");
    wire.ok(abi.FUSE_REMOVEXATTR, body().name("user.a"));
    expect(get("user.a", 0).errno).toBe(errnos.ENODATA);
    expect(set("", new Uint8Array(1)).errno).toBe(errnos.ERANGE);
    for (const name of ["plain", "user.", "system.other", "os2.x"]) {
      expect(set(name, new Uint8Array(1)).errno, name).toBe(errnos.EOPNOTSUPP);
    }
    expect(set("security.capability", new Uint8Array(1)).errno).toBe(0);
  });

  test("[FUSE-19] with SETXATTR_EXT the name comes 8 bytes later", () => {
    const { wire } = start({ wishes: { passthrough: false, stackDepth: 1, posixAcl: true } });
    const value = Buffer.from("v");
    wire.ok(abi.FUSE_SETXATTR, body().u32(1, 0, 0, 0).name("user.a").raw(value));
    expect(wire.ok(abi.FUSE_GETXATTR, body().u32(9, 0).name("user.a")).toString()).toBe("v");
  });

  test("[FUSE-20] an ACL that the kernel says must clear set-group-id does", () => {
    const { wire } = start({ wishes: { passthrough: false, stackDepth: 1, posixAcl: true } });
    const { ino } = createFile(wire, "a", 0o6755);
    const set = (flag: number) => {
      const content = body().u32(1, 0, flag, 0).name("system.posix_acl_access");
      wire.ok(abi.FUSE_SETXATTR, content.raw(new Uint8Array(1)), { nodeid: ino });
      return lookup(wire, "a").attr.mode & 0o7777;
    };
    expect(set(0)).toBe(0o6755);
    expect(set(flags.FUSE_SETXATTR_ACL_KILL_SGID)).toBe(0o4755);
  });

  test("[W-54] STATFS tells the disk's own numbers", () => {
    const { wire } = start();
    const statfs = wire.ok(abi.FUSE_STATFS, body());
    expect(statfs).toHaveLength(80);
    const [blocks, free] = [statfs.readBigUInt64LE(0), statfs.readBigUInt64LE(8)];
    expect(free).toBeLessThanOrEqual(blocks);
    expect(blocks * BigInt(statfs.readUInt32LE(40))).toBeLessThan(2n ** 63n);
    expect(statfs.readUInt32LE(44)).toBe(255);
  });
});

describe("files", () => {
  test("[FUSE-14] offsets are exact over 4 GiB, and too large ones EFBIG", () => {
    const { wire } = start();
    const { fh } = createFile(wire, "a");
    const far = 5 * 2 ** 30 + 3;
    expect(write(wire, fh, far, "end").body.readUInt32LE()).toBe(3);
    expect(read(wire, fh, far, 10).toString()).toBe("end");
    expect(lookup(wire, "a").attr.size).toBe(far + 3);
    expect(write(wire, fh, 2n ** 53n, "x").errno).toBe(errnos.EFBIG);
    expect(read(wire, fh, far + 3, 10)).toHaveLength(0);
  });

  test("[FUSE-14] SEEK_DATA and SEEK_HOLE, FALLOCATE, COPY_FILE_RANGE", () => {
    const { wire } = start();
    const { ino, fh } = createFile(wire, "a");
    write(wire, fh, 2 ** 20, "data");
    const lseek = (offset: number, whence: number) =>
      wire.call(abi.FUSE_LSEEK, body().u64(fh, offset).u32(whence, 0));
    expect(lseek(0, 3).body.readBigUInt64LE()).toBe(BigInt(2 ** 20));
    expect(lseek(0, 4).body.readBigUInt64LE()).toBe(0n);
    expect(lseek(2 ** 21, 3).errno).toBe(errnos.ENXIO);
    expect(lseek(0, 2).errno).toBe(errnos.EINVAL);
    wire.ok(
      abi.FUSE_FALLOCATE,
      body()
        .u64(fh, 0, 2 ** 21)
        .u32(0, 0),
      { nodeid: ino },
    );
    expect(lookup(wire, "a").attr.size).toBe(2 ** 21);
    const other = createFile(wire, "b");
    const range = (opcode: number) =>
      wire.ok(opcode, body().u64(fh, 2 ** 20, other.ino, other.fh, 0, 4, 0), { nodeid: ino });
    expect(range(abi.FUSE_COPY_FILE_RANGE).readUInt32LE()).toBe(4);
    expect(range(abi.FUSE_COPY_FILE_RANGE_64).readBigUInt64LE()).toBe(4n);
    expect(read(wire, other.fh, 0, 9).toString()).toBe("data");
  });

  test("[FUSE-16] a write through a handle opened with O_APPEND goes where the kernel says", () => {
    const { wire } = start();
    const { ino, fh } = createFile(wire, "a");
    write(wire, fh, 0, "0123456789");
    const appending = wire.ok(abi.FUSE_OPEN, body().u32(O_RDWR | 0o2000, 0), { nodeid: ino });
    write(wire, appending.readBigUInt64LE(), 2, "ab", 1);
    expect(read(wire, fh, 0, 99).toString()).toBe("01ab456789");
  });

  test("[FUSE-23] an open with O_TRUNC empties the file", () => {
    const { wire } = start();
    const { ino, fh } = createFile(wire, "a");
    write(wire, fh, 0, "bytes");
    wire.ok(abi.FUSE_OPEN, body().u32(0o1001, 0), { nodeid: ino });
    expect(lookup(wire, "a").attr.size).toBe(0);
  });

  test("[FUSE-20] WRITE, OPEN and SETATTR clear suid and sgid when the kernel says so", () => {
    const { wire } = start();
    const mode = () => lookup(wire, "a").attr.mode & 0o7777;
    const { ino, fh } = createFile(wire, "a", 0o6755);
    write(wire, fh, 0, "x");
    expect(mode()).toBe(0o6755);
    write(wire, fh, 0, "x", flags.FUSE_WRITE_KILL_SUIDGID);
    expect(mode()).toBe(0o755);
    const suid = () =>
      body().u32(flags.FATTR_MODE, 0).u64(0, 0, 0, 0, 0, 0).u32(0, 0, 0, 0o6755, 0, 0, 0, 0);
    wire.ok(abi.FUSE_SETATTR, suid(), { nodeid: ino });
    wire.ok(abi.FUSE_OPEN, body().u32(0o1001, flags.FUSE_OPEN_KILL_SUIDGID), { nodeid: ino });
    expect(mode()).toBe(0o755);
    wire.ok(abi.FUSE_SETATTR, suid(), { nodeid: ino });
    const kill = body().u32(flags.FATTR_UID | flags.FATTR_KILL_SUIDGID, 0);
    wire.ok(abi.FUSE_SETATTR, kill.u64(0, 0, 0, 0, 0, 0).u32(0, 0, 0, 0, 0, 5, 0, 0), {
      nodeid: ino,
    });
    expect(mode()).toBe(0o755);
  });

  test("[FUSE-20] FALLOCATE and COPY_FILE_RANGE clear suid and sgid, but not for root", () => {
    const { wire } = start();
    const { ino, fh } = createFile(wire, "a", 0o6755);
    const mode = () => lookup(wire, "a").attr.mode & 0o7777;
    const allocate = body().u64(fh, 0, 10).u32(0, 0);
    wire.ok(abi.FUSE_FALLOCATE, allocate, { nodeid: ino, uid: 0 });
    expect(mode()).toBe(0o6755);
    wire.ok(abi.FUSE_FALLOCATE, allocate, { nodeid: ino });
    expect(mode()).toBe(0o755);
    const target = createFile(wire, "b", 0o4755);
    const copy = body().u64(fh, 0, target.ino, target.fh, 0, 4, 0);
    wire.ok(abi.FUSE_COPY_FILE_RANGE, copy, { nodeid: ino });
    expect(lookup(wire, "b").attr.mode & 0o7777).toBe(0o755);
  });

  test("[FUSE-11] [W-1] opening for reading, reading, flushing and releasing change nothing", () => {
    const { wire, fs } = start();
    const { ino, fh } = createFile(wire, "a");
    write(wire, fh, 0, "bytes");
    wire.ok(abi.FUSE_RELEASE, body().u64(fh).u32(0, 0).u64(0), { nodeid: ino });
    fs.calls = [];
    const opened = wire.ok(abi.FUSE_OPEN, body().u32(0, 0), { nodeid: ino }).readBigUInt64LE();
    read(wire, opened, 0, 10);
    wire.ok(abi.FUSE_FLUSH, body().u64(opened, 0, 0), { nodeid: ino });
    wire.ok(abi.FUSE_RELEASE, body().u64(opened).u32(0, 0).u64(0), { nodeid: ino });
    expect(fs.calls).toEqual(["open", "read", "flush", "release"]);
  });

  test("[FUSE-11] the kernel is asked to send no FLUSH, unless closing must do something", () => {
    const flagsOf = (setup: Setup) => {
      const made = setup.wire.ok(abi.FUSE_CREATE, body().u32(O_RDWR, 0o644, 0, 0).name("a"));
      return made.readUInt32LE(136);
    };
    expect(flagsOf(start()) & flags.FOPEN_NOFLUSH).toBe(flags.FOPEN_NOFLUSH);
    current?.close();
    expect(flagsOf(start({ wantFlush: true })) & flags.FOPEN_NOFLUSH).toBe(0);
    current?.close();
    expect(flagsOf(start({ minor: 34 })) & flags.FOPEN_NOFLUSH).toBe(0);
  });

  test("[FUSE-6] O_TMPFILE has no name until it is linked", () => {
    const { wire, fs } = start();
    const made = wire.ok(abi.FUSE_TMPFILE, body().u32(O_RDWR, 0o600, 0, 0).name("#1"));
    const { ino, attr } = readEntry(made);
    expect(attr.nlink).toBe(0);
    expect(lookup(wire, "#1").ino).toBe(0);
    expect(readEntry(wire.ok(abi.FUSE_LINK, body().u64(ino).name("now"))).attr.nlink).toBe(1);
    expect(lookup(wire, "now").ino).toBe(ino);
    expect(fs.inodeCount).toBe(2);
  });

  test("[FUSE-24] a handle the kernel was never given is EBADF, and the file system is not asked", () => {
    const { wire, fs } = start();
    fs.calls = [];
    const calls: [number, ReturnType<typeof body>][] = [
      [abi.FUSE_READ, body().u64(9, 0).u32(1, 0).u64(0).u32(0, 0)],
      [abi.FUSE_WRITE, body().u64(9, 0).u32(0, 0).u64(0).u32(0, 0)],
      [abi.FUSE_FLUSH, body().u64(9, 0, 0)],
      [abi.FUSE_RELEASE, body().u64(9).u32(0, 0).u64(0)],
      [abi.FUSE_FSYNC, body().u64(9).u32(0, 0)],
      [abi.FUSE_LSEEK, body().u64(9, 0).u32(3, 0)],
      [abi.FUSE_FALLOCATE, body().u64(9, 0, 1).u32(0, 0)],
      [abi.FUSE_COPY_FILE_RANGE, body().u64(9, 0, 1, 9, 0, 1, 0)],
      [abi.FUSE_RELEASEDIR, body().u64(9).u32(0, 0).u64(0)],
    ];
    for (const [opcode, content] of calls) {
      expect(wire.call(opcode, content).errno, `opcode ${opcode}`).toBe(errnos.EBADF);
    }
    expect(fs.calls).toEqual([]);
  });

  test("[FUSE-2] a read or write of more than was agreed, or than there is, is refused", () => {
    const { wire } = start();
    const { fh } = createFile(wire, "a");
    const huge = body().u64(fh, 0).u32(0xffff_ffff, 0).u64(0).u32(0, 0);
    expect(wire.call(abi.FUSE_READ, huge).errno).toBe(errnos.EINVAL);
    expect(wire.call(abi.FUSE_WRITE, huge).errno).toBe(errnos.EIO);
  });
});

describe.each([
  { name: "without OPENDIR", without: 0 },
  { name: "with OPENDIR", without: flags.FUSE_NO_OPENDIR_SUPPORT },
])("directories $name", ({ without }) => {
  function startListing(): {
    setup: Setup;
    fh: bigint;
    list: (cookie: number, size: number) => ReturnType<typeof readDirents>;
  } {
    const setup = start({ flags: everyFlag & ~without });
    const opened = setup.wire.call(abi.FUSE_OPENDIR, body().u32(0, 0));
    expect(opened.errno).toBe(without === 0 ? errnos.ENOSYS : 0);
    const fh = without === 0 ? 0n : opened.body.readBigUInt64LE();
    const list = (cookie: number, size: number) =>
      readDirents(setup.wire.ok(abi.FUSE_READDIR, body().u64(fh, cookie).u32(size, 0)), {
        plus: false,
      });
    return { setup, fh, list };
  }

  test("[FUSE-12] [W-41] entries that stay are listed once, whatever comes and goes meanwhile", () => {
    const { setup, list } = startListing();
    const { wire } = setup;
    const kept = Array.from({ length: 200 }, (_, i) => `kept-${i}`);
    for (const name of kept) {
      mkdir(wire, name);
      mkdir(wire, `gone-${name}`);
    }
    const seen: string[] = [];
    let cookie = 0;
    for (let round = 0; ; round += 1) {
      const entries = list(cookie, 256);
      if (entries.length === 0) break;
      seen.push(...entries.map(({ name }) => name));
      cookie = entries.at(-1)?.cookie ?? 0;
      const gone = kept[round];
      if (gone !== undefined) wire.ok(abi.FUSE_RMDIR, body().name(`gone-${gone}`));
      mkdir(wire, `new-${round}`);
    }
    expect(seen.filter((name) => name.startsWith("kept-"))).toEqual(kept);
    expect(new Set(seen).size).toBe(seen.length);
  });

  test("[FUSE-12] rm -r of what is listed deletes everything", () => {
    const { setup, list } = startListing();
    for (let i = 0; i < 300; i += 1) mkdir(setup.wire, `d${i}`);
    let cookie = 0;
    for (;;) {
      const entries = list(cookie, 512);
      if (entries.length === 0) break;
      cookie = entries.at(-1)?.cookie ?? 0;
      for (const { name } of entries) {
        if (name !== "." && name !== "..") setup.wire.ok(abi.FUSE_RMDIR, body().name(name));
      }
    }
    expect(list(0, 4096).map(({ name }) => name)).toEqual([".", ".."]);
  });

  test("[FUSE-5] READDIRPLUS tells of every entry but '.' and '..', which counts", () => {
    const { setup, fh } = startListing();
    const { wire, dispatcher } = setup;
    const inner = mkdir(wire, "inner");
    createFile(wire, "file");
    wire.send(toRequest(abi.FUSE_FORGET, body().u64(1).bytes(), { nodeid: inner }));
    const bytes = wire.ok(abi.FUSE_READDIRPLUS, body().u64(fh, 0).u32(4096, 0));
    const entries = readDirents(bytes, { plus: true });
    expect(entries.map(({ name, type }) => [name, type])).toEqual([
      [".", 4],
      ["..", 4],
      ["inner", 4],
      ["file", 8],
    ]);
    expect(entries.map(({ entry }) => entry?.ino)).toEqual([0, 0, inner, inner + 1]);
    expect(entries[2]?.entry?.attr.mode).toBe(S_IFDIR | 0o755);
    expect(dispatcher.counters.inodes).toBe(2);
  });

  test("[FUSE-12] FSYNCDIR is answered, and an absent directory is an error", () => {
    const { setup, fh } = startListing();
    setup.wire.ok(abi.FUSE_FSYNCDIR, body().u64(fh).u32(0, 0));
    const absent = body().u64(77, 0).u32(4096, 0);
    const reply = setup.wire.call(abi.FUSE_READDIR, absent, { nodeid: 99 });
    expect(reply.errno).toBe(without === 0 ? errnos.ESTALE : errnos.EBADF);
  });

  test("[FUSE-22] streams are closed at the end", () => {
    const { setup, list } = startListing();
    list(0, 4096);
    setup.fs.calls = [];
    setup.dispatcher.end();
    expect(setup.fs.calls).toEqual(["releasedir"]);
  });
});

test("[FUSE-12] streams without OPENDIR are few, however many directories are listed", () => {
  let open = 0;
  const counting = (fs: FileSystem): FileSystem =>
    new Proxy(fs, {
      get(target, key: keyof FileSystem) {
        if (key === "opendir") open += 1;
        if (key === "releasedir") open -= 1;
        const value = target[key];
        return typeof value === "function" ? value.bind(target) : value;
      },
    });
  const { wire } = start({ wrap: counting });
  for (let i = 0; i < 200; i += 1) {
    const nodeid = mkdir(wire, `d${i}`);
    wire.ok(abi.FUSE_READDIR, body().u64(0, 0).u32(4096, 0), { nodeid });
  }
  expect(open).toBe(64);
});

test("[FUSE-5] a READDIRPLUS that fails half-way counts nothing", () => {
  let left = 2;
  const failing = (fs: FileSystem): FileSystem =>
    new Proxy(fs, {
      get(target, key: keyof FileSystem) {
        if (key === "getattr") {
          return (ino: number) => {
            left -= 1;
            if (left < 0) throw new FsError("EIO");
            return target.getattr(ino);
          };
        }
        const value = target[key];
        return typeof value === "function" ? value.bind(target) : value;
      },
    });
  const { wire, dispatcher } = start({ wrap: failing });
  for (const name of ["a", "b", "c"]) {
    const ino = mkdir(wire, name);
    wire.send(toRequest(abi.FUSE_FORGET, body().u64(1).bytes(), { nodeid: ino }));
  }
  const reply = wire.call(abi.FUSE_READDIRPLUS, body().u64(0, 0).u32(4096, 0));
  expect(reply.errno).toBe(errnos.EIO);
  expect(dispatcher.counters.inodes).toBe(0);
});
