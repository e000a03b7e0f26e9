import { mkdtempSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { systemClock, toErrno } from "@smfs/core";
import { afterEach, describe, expect, test } from "vitest";
import type { ByteStore, FileWorker } from "./byte-store.ts";
import { RealFileWorker } from "./file-worker.ts";
import { MemoryByteStore } from "./memory-byte-store.ts";
import { MemoryFileWorker } from "./memory-file-worker.ts";
import { RealByteStore } from "./real-byte-store.ts";

interface Made {
  readonly bytes: ByteStore;
  readonly worker: FileWorker;
}

const dirs: string[] = [];
afterEach(() => {
  for (const dir of dirs.splice(0)) rmSync(dir, { recursive: true });
});

function stateDir(): string {
  const dir = mkdtempSync(join(tmpdir(), "smfs-bytes-"));
  dirs.push(dir);
  return dir;
}

const kinds: Record<string, () => Made> = {
  "real files": () => {
    const dir = stateDir();
    return { bytes: new RealByteStore(dir), worker: new RealFileWorker(dir) };
  },
  memory: () => {
    const bytes = new MemoryByteStore(systemClock);
    return { bytes, worker: new MemoryFileWorker(bytes, async () => undefined) };
  },
};

const utf8 = (text: string) => new TextEncoder().encode(text);

function write(bytes: ByteStore, ino: number, text: string, offset = 0): void {
  const fd = bytes.openWork(ino, "create");
  bytes.write(fd, utf8(text), offset);
  bytes.close(fd);
}

function read(bytes: ByteStore, ino: number): string {
  const fd = bytes.openWork(ino, "read");
  const into = new Uint8Array(bytes.stat(fd).size);
  expect(bytes.read(fd, into, 0)).toBe(into.length);
  bytes.close(fd);
  return new TextDecoder().decode(into);
}

function errnoOf(action: () => unknown): number {
  try {
    action();
  } catch (error) {
    return toErrno(error);
  }
  return 0;
}

async function streamed(stream: ReadableStream<Uint8Array>): Promise<string> {
  let text = "";
  for await (const part of stream) text += new TextDecoder().decode(part);
  return text;
}

describe.each(Object.entries(kinds))("byte layer: %s", (_name, make) => {
  test("[BYTES-1] reads what was written, short at the end, zeroes in holes", () => {
    const { bytes } = make();
    write(bytes, 5, "tail", 10_000);
    const fd = bytes.openWork(5, "read");
    const into = new Uint8Array(20);
    expect(bytes.read(fd, into, 9_990)).toBe(14);
    expect(new TextDecoder().decode(into.subarray(0, 14))).toBe(`${"\0".repeat(10)}tail`);
    expect(bytes.read(fd, into, 20_000)).toBe(0);
    bytes.close(fd);
  });

  test("[BYTES-1] a working file that must exist and does not is ENOENT", () => {
    const { bytes } = make();
    expect(errnoOf(() => bytes.openWork(9, "read"))).toBe(2);
    expect(errnoOf(() => bytes.openWork(9, "write"))).toBe(2);
    expect(bytes.hasWork(9)).toBe(false);
  });

  test("[BYTES-1] truncates, extends with zeroes, and keeps nothing of what was cut off", () => {
    const { bytes } = make();
    write(bytes, 1, "abcdef");
    const fd = bytes.openWork(1, "write");
    bytes.truncate(fd, 2);
    bytes.truncate(fd, 5);
    bytes.close(fd);
    expect(read(bytes, 1)).toBe("ab\0\0\0");
  });

  test("[BYTES-2] modification times are kept to the nanosecond, before 1970 too", () => {
    const { bytes } = make();
    write(bytes, 1, "x");
    const fd = bytes.openWork(1, "write");
    for (const [s, ns] of [
      [1_700_000_000, 123_456_789],
      [-3, 999_999_999],
      [0, 0],
    ] as const) {
      bytes.setTimes(fd, s, ns);
      expect(bytes.stat(fd)).toMatchObject({ mtimeS: s, mtimeNs: ns });
    }
    bytes.close(fd);
  });

  test("[BYTES-2] ctime differs after a change of bytes", async () => {
    const { bytes } = make();
    write(bytes, 1, "x");
    const fd = bytes.openWork(1, "write");
    const before = bytes.stat(fd).ctime;
    await systemClock.sleep(15);
    bytes.write(fd, utf8("y"), 0);
    expect(bytes.stat(fd).ctime).not.toBe(before);
    bytes.close(fd);
  });

  test("[BYTES-3] finds data and holes; past the end is ENXIO", () => {
    const { bytes } = make();
    write(bytes, 1, "head");
    write(bytes, 1, "tail", 1 << 20);
    const fd = bytes.openWork(1, "read");
    expect(bytes.seek(fd, 0, 3)).toBe(0);
    expect(bytes.seek(fd, 0, 4)).toBe(4096);
    expect(bytes.seek(fd, 8192, 3)).toBe(1 << 20);
    expect(bytes.seek(fd, 1 << 20, 4)).toBe((1 << 20) + 4);
    expect(errnoOf(() => bytes.seek(fd, (1 << 20) + 4, 3))).toBe(6);
    bytes.close(fd);
  });

  test("[BYTES-3] allocates, keeps the size where asked, punches and zeroes", () => {
    const { bytes } = make();
    write(bytes, 1, "x".repeat(8192));
    const fd = bytes.openWork(1, "write");
    bytes.allocate(fd, 0, 0, 16_384);
    expect(bytes.stat(fd)).toMatchObject({ size: 16_384, blocks: 32 });
    bytes.allocate(fd, 1, 16_384, 4096);
    expect(bytes.stat(fd)).toMatchObject({ size: 16_384 });
    bytes.allocate(fd, 3, 0, 4096);
    const into = new Uint8Array(4097);
    bytes.read(fd, into, 0);
    expect(into.findIndex((byte) => byte !== 0)).toBe(4096);
    bytes.allocate(fd, 0x10, 4096, 4096);
    bytes.read(fd, into, 4096);
    expect(into.every((byte) => byte === 0)).toBe(true);
    expect(errnoOf(() => bytes.allocate(fd, 0x800, 0, 4096))).toBe(95);
    bytes.close(fd);
  });

  test("[BYTES-3] copies a range, short at the end of the source", () => {
    const { bytes } = make();
    write(bytes, 1, "0123456789");
    write(bytes, 2, "abc");
    const from = bytes.openWork(1, "read");
    const to = bytes.openWork(2, "write");
    expect(bytes.copyRange(from, 4, to, 2, 100)).toBe(6);
    bytes.close(from);
    bytes.close(to);
    expect(read(bytes, 2)).toBe("ab456789");
  });

  test("[BYTES-4] nobody writes when no writable descriptor is open", () => {
    const { bytes } = make();
    write(bytes, 1, "x");
    expect(bytes.tellsWriters()).toBe(true);
    expect(bytes.statUnwritten(1)?.size).toBe(1);
    const writer = bytes.openWork(1, "write");
    expect(bytes.statUnwritten(1)).toBeUndefined();
    bytes.close(writer);
    const reader = bytes.openWork(1, "read");
    expect(bytes.statUnwritten(1)?.size).toBe(1);
    bytes.close(reader);
  });

  test("[BYTES-5] a removed working file goes on for who has it open", () => {
    const { bytes } = make();
    write(bytes, 1, "still here");
    const fd = bytes.openWork(1, "read");
    bytes.removeWork(1);
    bytes.removeWork(1);
    expect(bytes.hasWork(1)).toBe(false);
    const into = new Uint8Array(10);
    expect(bytes.read(fd, into, 0)).toBe(10);
    bytes.close(fd);
    expect(bytes.listWork()).toEqual([]);
  });

  test("[BYTES-6] a blob is named by the digest of its bytes", () => {
    const { bytes } = make();
    const digest = bytes.putBlob(utf8("hello"));
    expect(digest).toBe("2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824");
    expect(bytes.putBlob(utf8("hello"))).toBe(digest);
    expect(bytes.listBlobs()).toEqual([digest]);
    expect(bytes.blobSize(digest)).toBe(5);
    expect(new TextDecoder().decode(bytes.readBlob(digest))).toBe("hello");
    bytes.removeBlob(digest);
    expect(bytes.hasBlob(digest)).toBe(false);
    expect(() => bytes.hasBlob("../work/1")).toThrow(/SHA-256/);
  });

  test("[BYTES-6] a working file becomes a blob by moving", () => {
    const { bytes } = make();
    write(bytes, 1, "hello");
    const digest = bytes.digest(utf8("hello"));
    bytes.moveWorkToBlob(1, digest);
    expect(bytes.hasWork(1)).toBe(false);
    expect(new TextDecoder().decode(bytes.readBlob(digest))).toBe("hello");
  });

  test.each([true, false])("[BYTES-7] fills a working file once (blob kept: %s)", (keep) => {
    const { bytes } = make();
    write(bytes, 1, "old");
    const digest = bytes.putBlob(utf8("new"));
    bytes.fillWork(digest, 1, keep);
    expect(read(bytes, 1)).toBe("new");
    expect(bytes.hasBlob(digest)).toBe(keep);
    bytes.fillWork(digest, 1, keep);
    expect(read(bytes, 1)).toBe("new");
    write(bytes, 1, "NEW");
    if (keep) expect(new TextDecoder().decode(bytes.readBlob(digest))).toBe("new");
    expect(errnoOf(() => bytes.fillWork("0".repeat(64), 2, keep))).toBe(5);
  });

  test("[BYTES-8] freezes a file as a blob while nobody writes", async () => {
    const { bytes, worker } = make();
    write(bytes, 1, "a".repeat(3 << 20));
    const snapshot = await worker.snapshot(1, false);
    expect(snapshot?.size).toBe(3 << 20);
    expect(await worker.hashWork(1)).toEqual(snapshot);
    write(bytes, 1, "b");
    expect(await streamed(worker.streamBlob(snapshot?.digest ?? ""))).toBe("a".repeat(3 << 20));
    expect(await worker.snapshot(1, true)).not.toEqual(snapshot);
    write(bytes, 2, "");
    expect((await worker.snapshot(2, false))?.size).toBe(0);
  });

  test("[BYTES-9] receives a stream as a blob, within its bound", async () => {
    const { bytes, worker } = make();
    const stream = () => new Blob(["hello ", "world"]).stream() as ReadableStream<Uint8Array>;
    const { digest, size } = await worker.writeBlob(stream(), 11);
    expect(size).toBe(11);
    expect(new TextDecoder().decode(await worker.readBlob(digest))).toBe("hello world");
    bytes.removeBlob(digest);
    await expect(worker.writeBlob(stream(), 10)).rejects.toMatchObject({ code: "EFBIG" });
    expect(bytes.listBlobs()).toEqual([]);
  });

  test("[BYTES-9] work that is cancelled leaves nothing", async () => {
    const { bytes, worker } = make();
    write(bytes, 1, "a".repeat(3 << 20));
    await expect(worker.snapshot(1, false, AbortSignal.abort())).rejects.toThrow();
    await expect(worker.hashWork(1, AbortSignal.abort())).rejects.toThrow();
    expect(bytes.listBlobs()).toEqual([]);
  });

  test("tells how large the disk is", () => {
    const { bytes } = make();
    const disk = bytes.disk();
    expect(disk.blocksFree).toBeGreaterThan(0);
    expect(disk.blocksFree).toBeLessThanOrEqual(disk.blocks);
    expect(disk.blockBytes).toBeGreaterThanOrEqual(512);
  });

  test("[ROOM-1] holds room on the disk, and gives it back", () => {
    const { bytes } = make();
    bytes.reserve(1 << 20);
    bytes.reserve(256 << 10);
    bytes.reserve(0);
    bytes.reserve(4096);
    expect(bytes.listWork()).toEqual([]);
    expect(() => bytes.reserve(2 ** 50)).toThrow();
    bytes.reserve(0);
  });
});

test("[BYTES-10] the state directory and all in it are their owner's alone", () => {
  const dir = stateDir();
  const bytes = new RealByteStore(join(dir, "state"));
  write(bytes, 1, "secret");
  const digest = bytes.putBlob(utf8("secret"));
  for (const path of ["", "work", "blobs", "tmp"]) {
    expect(statSync(join(dir, "state", path)).mode & 0o777).toBe(0o700);
  }
  expect(statSync(bytes.workPath(1)).mode & 0o777).toBe(0o600);
  expect(statSync(join(dir, "state", "blobs", digest)).mode & 0o777).toBe(0o600);
});

test("[BYTES-10] what a crash left unfinished goes when the owner says so, and not before", () => {
  const dir = stateDir();
  const bytes = new RealByteStore(dir);
  writeFileSync(join(dir, "tmp", "worker-1"), "half");
  expect(new RealByteStore(dir).hasWork(1)).toBe(false);
  expect(statSync(join(dir, "tmp", "worker-1")).size).toBe(4);
  bytes.clearUnfinished();
  expect(() => statSync(join(dir, "tmp", "worker-1"))).toThrow(/ENOENT/);
});
