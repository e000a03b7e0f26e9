import { errnos, type FileSystem, FsError, Parked } from "@smfs/core";
import { afterEach, describe, expect, test } from "vitest";
import * as abi from "./abi.ts";
import { type Setup, setUp } from "./testing/dispatcher.ts";
import type { MemoryFileSystem } from "./testing/memory-filesystem.ts";
import { body, parseReply, readEntry, toRequest } from "./testing/wire.ts";

let current: Setup | undefined;

function start(options: Parameters<typeof setUp>[0] = {}): Setup {
  current = setUp(options);
  return current;
}

afterEach(() => {
  current?.close();
  current = undefined;
});

/** The file system with some operations replaced. */
function replaced(changes: Partial<FileSystem>): (fs: MemoryFileSystem) => FileSystem {
  return (fs) =>
    new Proxy(fs as FileSystem, {
      get(target, key: keyof FileSystem) {
        const value = changes[key] ?? target[key];
        return typeof value === "function" ? value.bind(target) : value;
      },
    });
}

const create = (name: string) => body().u32(0o2, 0o644, 0, 0).name(name);
const openBody = (flags: number) => body().u32(flags, 0);

describe("replies", () => {
  test("[FUSE-1] a reply has the request's unique", () => {
    const { wire } = start();
    const reply = wire.call(abi.FUSE_GETATTR, body().u32(0, 0).u64(0), { unique: 0x1_0000_0002n });
    expect(reply.unique).toBe(0x1_0000_0002n);
    expect(reply.errno).toBe(0);
  });

  test("[FUSE-1] FORGET, BATCH_FORGET, INTERRUPT and NOTIFY_REPLY have no reply, even malformed", () => {
    const { wire } = start();
    const silent = [
      abi.FUSE_FORGET,
      abi.FUSE_BATCH_FORGET,
      abi.FUSE_INTERRUPT,
      abi.FUSE_NOTIFY_REPLY,
    ];
    for (const opcode of silent) {
      expect(wire.send(toRequest(opcode, body().u64(2, 1).u64(2).bytes()))).toBeUndefined();
      expect(wire.send(toRequest(opcode, new Uint8Array(0)))).toBeUndefined();
    }
  });

  test("[FUSE-2] a request shorter than its header has no reply, one with an untrue length EIO", () => {
    const { wire, log } = start();
    expect(wire.send(new Uint8Array(39))).toBeUndefined();
    expect(log.lines.some((line) => line.level === "error")).toBe(true);
    const lying = toRequest(abi.FUSE_GETATTR, body().u32(0, 0).u64(0).bytes(), { length: 999 });
    expect(wire.send(lying)?.errno).toBe(errnos.EIO);
  });

  test("[FUSE-2] an inode number over 2^53 is ESTALE", () => {
    const { wire } = start();
    const heading = { nodeid: 2n ** 60n };
    expect(wire.call(abi.FUSE_GETATTR, body().u32(0, 0).u64(0), heading).errno).toBe(errnos.ESTALE);
  });

  test("[FUSE-9] a handler that throws answers EIO, logs its stack, and the next request is served", () => {
    const broken = () => {
      throw new TypeError("a mistake of ours");
    };
    const { wire, log } = start({ wrap: replaced({ statfs: broken }) });
    expect(wire.call(abi.FUSE_STATFS, body()).errno).toBe(errnos.EIO);
    const line = log.lines.find(({ level }) => level === "error");
    expect(line?.message).toBe("STATFS failed");
    expect(String(line?.fields?.error)).toContain("a mistake of ours");
    expect(String(line?.fields?.error)).toContain("dispatch.test.ts");
    expect(wire.call(abi.FUSE_GETATTR, body().u32(0, 0).u64(0)).errno).toBe(0);
  });

  test("[FUSE-9] an error of the disk keeps its errno and is logged", () => {
    const full = () => {
      throw Object.assign(new Error("no space left"), { code: "ENOSPC" });
    };
    const { wire, log } = start({ wrap: replaced({ statfs: full }) });
    expect(wire.call(abi.FUSE_STATFS, body()).errno).toBe(errnos.ENOSPC);
    expect(log.lines.filter(({ level }) => level !== "info")).toHaveLength(1);
  });

  test("[FUSE-10] unknown opcodes are ENOSYS, an ioctl ENOTTY", () => {
    const { wire } = start();
    for (const opcode of [abi.FUSE_BMAP, abi.FUSE_POLL, abi.FUSE_ACCESS, 53 + 1, 4096]) {
      expect(wire.call(opcode, body()).errno).toBe(errnos.ENOSYS);
    }
    expect(wire.call(abi.FUSE_IOCTL, body()).errno).toBe(25);
  });

  test("[FUSE-2] before INIT nothing is answered but EIO", () => {
    const { wire } = start({ init: false });
    expect(wire.call(abi.FUSE_GETATTR, body().u32(0, 0).u64(0)).errno).toBe(errnos.EIO);
  });

  test("[FUSE-1] a trace has a line for each request", () => {
    const lines: string[] = [];
    const { wire } = start({ trace: (line) => lines.push(line) });
    wire.call(abi.FUSE_LOOKUP, body().name("absent"), { unique: 8n });
    wire.call(abi.FUSE_READ, body().u64(9, 0).u32(1, 0), { unique: 10n, nodeid: 5 });
    wire.send(toRequest(abi.FUSE_FORGET, body().u64(0).bytes(), { unique: 12n }));
    expect(lines.slice(1)).toEqual([
      "LOOKUP #8 ino 1, 47 bytes: 144 bytes",
      "READ #10 ino 5, 64 bytes: EBADF",
      "FORGET #12 ino 1, 48 bytes: no reply",
    ]);
  });
});

describe("lookup counts", () => {
  test("[FUSE-5] an inode is held from the first lookup until the last forget", () => {
    const { wire, fs, dispatcher } = start();
    const { ino } = readEntry(wire.ok(abi.FUSE_MKNOD, body().u32(0o100644, 0, 0, 0).name("a")));
    readEntry(wire.ok(abi.FUSE_LOOKUP, body().name("a")));
    expect(dispatcher.counters.inodes).toBe(1);
    wire.ok(abi.FUSE_UNLINK, body().name("a"));
    expect(fs.inodeCount).toBe(2);
    wire.send(toRequest(abi.FUSE_FORGET, body().u64(1).bytes(), { nodeid: ino }));
    expect(fs.inodeCount).toBe(2);
    wire.send(toRequest(abi.FUSE_FORGET, body().u64(1).bytes(), { nodeid: ino }));
    expect(fs.inodeCount).toBe(1);
    expect(dispatcher.counters.inodes).toBe(0);
  });

  test("[FUSE-5] BATCH_FORGET takes back all; taking back too much is logged and harms nothing", () => {
    const { wire, fs, log } = start();
    const inos = ["a", "b"].map(
      (name) => readEntry(wire.ok(abi.FUSE_MKDIR, body().u32(0o755, 0).name(name))).ino,
    );
    for (const name of ["a", "b"]) wire.ok(abi.FUSE_RMDIR, body().name(name));
    const batch = body().u32(2, 0);
    for (const ino of inos) batch.u64(ino, 5);
    wire.send(toRequest(abi.FUSE_BATCH_FORGET, batch.bytes()));
    expect(fs.inodeCount).toBe(1);
    expect(log.lines.filter(({ level }) => level === "warn")).toHaveLength(2);
  });

  test("[FUSE-5] a reply that could not be delivered counts nothing and leaves nothing open", () => {
    const { wire, fs, dispatcher } = start();
    wire.ok(abi.FUSE_CREATE, create("a"));
    expect(dispatcher.counters).toMatchObject({ inodes: 1, handles: 1 });
    dispatcher.undelivered();
    expect(dispatcher.counters).toMatchObject({ inodes: 0, handles: 0 });
    wire.ok(abi.FUSE_UNLINK, body().name("a"));
    expect(fs.inodeCount).toBe(1);
  });

  test("[FUSE-5] an open that fails after the file system opened leaves nothing open", () => {
    const refuse = () => {
      throw new FsError("EPERM");
    };
    const { wire, dispatcher } = start({ wrap: replaced({ setattr: refuse }) });
    const { ino } = readEntry(wire.ok(abi.FUSE_MKNOD, body().u32(0o104755, 0, 0, 0).name("a")));
    const killing = body().u32(0o1001, 1);
    expect(wire.call(abi.FUSE_OPEN, killing, { nodeid: ino }).errno).toBe(errnos.EPERM);
    expect(dispatcher.counters.handles).toBe(0);
  });

  test("[FUSE-6] a file without a name is written and read until it is released and forgotten", () => {
    const { wire, fs } = start();
    const made = wire.ok(abi.FUSE_CREATE, create("a"));
    const { ino } = readEntry(made);
    const fh = made.readBigUInt64LE(128);
    wire.ok(abi.FUSE_UNLINK, body().name("a"));
    const write = body().u64(fh, 0).u32(5, 0).u64(0).u32(0, 0).raw(Buffer.from("bytes"));
    wire.ok(abi.FUSE_WRITE, write, { nodeid: ino });
    const read = body().u64(fh, 0).u32(100, 0).u64(0).u32(0, 0);
    expect(wire.ok(abi.FUSE_READ, read, { nodeid: ino }).toString()).toBe("bytes");
    wire.ok(abi.FUSE_RELEASE, body().u64(fh).u32(0, 0).u64(0), { nodeid: ino });
    expect(fs.inodeCount).toBe(2);
    wire.send(toRequest(abi.FUSE_FORGET, body().u64(1).bytes(), { nodeid: ino }));
    expect(fs.inodeCount).toBe(1);
  });

  test("[FUSE-22] the end releases, forgets and abandons all", () => {
    const abandoned: number[] = [];
    const park = () => {
      throw new Parked(7);
    };
    const { wire, fs, dispatcher } = start({
      wrap: replaced({ open: park }),
      abandon: (ticket) => abandoned.push(ticket),
    });
    wire.ok(abi.FUSE_CREATE, create("a"));
    wire.ok(abi.FUSE_UNLINK, body().name("a"));
    wire.ok(abi.FUSE_READDIR, body().u64(0, 0).u32(4096, 0));
    wire.send(toRequest(abi.FUSE_OPEN, openBody(0).bytes(), { unique: 40n }));
    expect(dispatcher.counters).toMatchObject({ inodes: 1, handles: 1, parked: 1 });
    dispatcher.end();
    expect(dispatcher.counters).toMatchObject({ inodes: 0, handles: 0, parked: 0 });
    expect(abandoned).toEqual([7]);
    expect(fs.inodeCount).toBe(1);
  });
});

describe("parked requests", () => {
  function parking(): Setup & { seen: (number | undefined)[]; abandoned: number[] } {
    const seen: (number | undefined)[] = [];
    const abandoned: number[] = [];
    const setup = start({
      abandon: (ticket) => abandoned.push(ticket),
      wrap: (memory) =>
        replaced({
          open(ino, flags, caller) {
            seen.push(caller.resumed);
            if (caller.resumed === undefined) throw new Parked(seen.length);
            if (caller.resumed === 2) throw new FsError("EHOSTUNREACH");
            return memory.open(ino, flags, caller);
          },
        })(memory),
    });
    setup.wire.ok(abi.FUSE_MKNOD, body().u32(0o100644, 0, 0, 0).name("a"));
    return { ...setup, seen, abandoned };
  }

  test("[FUSE-7] it waits while others are served, and is answered once with its own unique", () => {
    const { wire, seen, dispatcher } = parking();
    const request = toRequest(abi.FUSE_OPEN, openBody(0).bytes(), { nodeid: 2, unique: 100n });
    expect(wire.send(request)).toBeUndefined();
    expect(wire.call(abi.FUSE_GETATTR, body().u32(0, 0).u64(0), { unique: 102n }).errno).toBe(0);
    const [reply, ...more] = wire.resume(1);
    expect(reply).toMatchObject({ unique: 100n, errno: 0 });
    expect(more).toEqual([]);
    expect(wire.resume(1)).toEqual([]);
    expect(seen).toEqual([undefined, 1]);
    expect(dispatcher.counters).toMatchObject({ parked: 0, handles: 1 });
  });

  test("[FUSE-7] what the wait came to is the answer, also a failure", () => {
    const { wire, dispatcher } = parking();
    for (const unique of [100n, 102n]) {
      wire.send(toRequest(abi.FUSE_OPEN, openBody(0).bytes(), { nodeid: 2, unique }));
    }
    expect(wire.resume(2)).toMatchObject([{ unique: 102n, errno: errnos.EHOSTUNREACH }]);
    expect(wire.resume(1)).toMatchObject([{ unique: 100n, errno: 0 }]);
    expect(dispatcher.counters.parked).toBe(0);
  });

  test("[FUSE-8] INTERRUPT answers it with EINTR, and its ticket is abandoned", () => {
    const { wire, abandoned } = parking();
    wire.send(toRequest(abi.FUSE_OPEN, openBody(0).bytes(), { nodeid: 2, unique: 100n }));
    const reply = wire.send(
      toRequest(abi.FUSE_INTERRUPT, body().u64(100).bytes(), { unique: 101n }),
    );
    expect(reply).toMatchObject({ unique: 100n, errno: errnos.EINTR });
    expect(abandoned).toEqual([1]);
    expect(wire.resume(1)).toEqual([]);
  });

  test("[FUSE-8] INTERRUPT does not end what only waits for the disk", () => {
    const { wire } = start({
      wrap: replaced({
        fsyncdir(_fh, _dataOnly, caller) {
          if (caller.resumed === undefined) throw new Parked(1, true);
        },
      }),
    });
    const content = body().u64(0).u32(0, 0).bytes();
    wire.send(toRequest(abi.FUSE_FSYNCDIR, content, { nodeid: 1, unique: 100n }));
    const interrupt = toRequest(abi.FUSE_INTERRUPT, body().u64(100).bytes(), { unique: 101n });
    expect(wire.send(interrupt)).toBeUndefined();
    expect(wire.resume(1)).toMatchObject([{ unique: 100n, errno: 0 }]);
  });

  test("[FUSE-8] INTERRUPT of what does not wait does nothing", () => {
    const { wire } = parking();
    expect(
      wire.send(toRequest(abi.FUSE_INTERRUPT, body().u64(2).bytes(), { unique: 3n })),
    ).toBeUndefined();
  });

  test("[FUSE-7] a request that is kept is not changed by the next one in the buffer", () => {
    const paths: string[] = [];
    const { wire } = start({
      wrap: (memory) =>
        replaced({
          mkdir(parent, name, mode, caller) {
            if (caller.resumed === undefined) throw new Parked(1);
            paths.push(name);
            return memory.mkdir(parent, name, mode, caller);
          },
        })(memory),
    });
    wire.send(
      toRequest(abi.FUSE_MKDIR, body().u32(0o755, 0).name("first").bytes(), { unique: 6n }),
    );
    wire.call(abi.FUSE_LOOKUP, body().name("another-name-entirely"));
    expect(wire.resume(1)).toMatchObject([{ unique: 6n, errno: 0 }]);
    expect(paths).toEqual(["first"]);
  });
});

test("[FUSE-2] a reply is well-formed where the test kit says so", () => {
  expect(() => parseReply(Buffer.alloc(16))).toThrow("untrue length");
});
