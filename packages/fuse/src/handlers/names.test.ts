import { errnos } from "@smfs/core";
import { afterEach, describe, expect, test } from "vitest";
import * as abi from "../abi.ts";
import { type Setup, setUp } from "../testing/dispatcher.ts";
import { body, readDirents, readEntry } from "../testing/wire.ts";
import { createFile, lookup, mkdir } from "../testing/wire-calls.ts";

let current: Setup | undefined;

function start(options: Parameters<typeof setUp>[0] = {}): Setup {
  current = setUp(options);
  return current;
}

afterEach(() => {
  current?.close();
  current = undefined;
});

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
