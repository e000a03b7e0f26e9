import { errnos } from "@smfs/core";
import { afterEach, describe, expect, test } from "vitest";
import * as abi from "../abi.ts";
import * as flags from "../flags.ts";
import { type Setup, setUp } from "../testing/dispatcher.ts";
import { body, readEntry } from "../testing/wire.ts";
import { createFile, lookup, read, write } from "../testing/wire-calls.ts";

let current: Setup | undefined;

function start(options: Parameters<typeof setUp>[0] = {}): Setup {
  current = setUp(options);
  return current;
}

afterEach(() => {
  current?.close();
  current = undefined;
});

const O_RDWR = 0o2;

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
