import { errnos, type FileSystem, FsError } from "@smfs/core";
import { afterEach, describe, expect, test } from "vitest";
import * as abi from "../abi.ts";
import * as flags from "../flags.ts";
import { everyFlag, type Setup, setUp } from "../testing/dispatcher.ts";
import { body, readDirents, toRequest } from "../testing/wire.ts";
import { createFile, mkdir } from "../testing/wire-calls.ts";

let current: Setup | undefined;

function start(options: Parameters<typeof setUp>[0] = {}): Setup {
  current = setUp(options);
  return current;
}

afterEach(() => {
  current?.close();
  current = undefined;
});

const S_IFDIR = 0o040000;

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
