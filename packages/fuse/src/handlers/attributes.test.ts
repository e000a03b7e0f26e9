import { errnos } from "@smfs/core";
import { afterEach, describe, expect, test } from "vitest";
import * as abi from "../abi.ts";
import * as flags from "../flags.ts";
import { type Setup, setUp } from "../testing/dispatcher.ts";
import { body, readAttr } from "../testing/wire.ts";
import { createFile, lookup } from "../testing/wire-calls.ts";

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

  test("[FUSE-25] STATX tells the birth time where it is known, and what GETATTR tells", () => {
    const { wire, fs } = start();
    const { ino } = createFile(wire, "a");
    const statx = () =>
      wire.ok(abi.FUSE_STATX, body().u32(0, 0).u64(0).u32(0, 0xfff), { nodeid: ino });
    const times = (reply: Buffer) =>
      [96, 112, 128, 144].map((at) => [
        Number(reply.readBigInt64LE(at)),
        reply.readUInt32LE(at + 8),
      ]);
    const attrOf = fs.getattr.bind(fs);
    const told = { mtimeS: -7, mtimeNs: 1, atimeS: 5, atimeNs: 2, ctimeS: 6, ctimeNs: 3, size: 77 };
    fs.getattr = (of) => ({
      ...attrOf(of),
      ...told,
      rdev: 0xabc_123_fe,
      birthUs: 1_600_000_000_123_456,
    });
    const known = statx();
    expect(known).toHaveLength(abi.statxOutBytes);
    expect(known.readUInt32LE(32)).toBe(abi.STATX_BASIC_STATS | abi.STATX_BTIME);
    const birth = [1_600_000_000, 123_456_000];
    expect(times(known)).toEqual([[5, 2], birth, [6, 3], [-7, 1]]);
    expect([48, 52, 56].map((at) => known.readUInt32LE(at))).toEqual([1, 1000, 1000]);
    expect(known.readUInt16LE(60)).toBe(S_IFREG | 0o644);
    expect([64, 72, 80].map((at) => Number(known.readBigUInt64LE(at)))).toEqual([ino, 77, 0]);
    expect([known.readUInt32LE(160), known.readUInt32LE(164)]).toEqual([0x123, 0xabcfe]);
    fs.getattr = (of) => ({ ...attrOf(of), birthUs: undefined });
    expect(statx().readUInt32LE(32)).toBe(abi.STATX_BASIC_STATS);
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

  test("[FUSE-17] those of a file just made hold until its own open has looked at them", () => {
    const { wire } = start();
    const made = wire.ok(
      abi.FUSE_CREATE,
      body()
        .u32(0o2, S_IFREG | 0o644, 0, 0)
        .name("a"),
    );
    expect([24, 32, 36].map((at) => made.readUInt32LE(at))).toEqual([0, 0, 1_000_000]);
  });

  test("[FUSE-17] a transient name is asked for each time", () => {
    const { wire, fs } = start();
    createFile(wire, "a");
    const { ino } = lookup(wire, "a");
    fs.find = () => ({ ...fs.getattr(ino), transient: true });
    expect(lookup(wire, "a")).toMatchObject({ entryS: 0, attrS: 0 });
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
