/** Whole calls on the wire, for tests: what a program does, as the kernel says it. */
import * as abi from "../abi.ts";
import { body, type Reply, readEntry, type Wire, type WireEntry } from "./wire.ts";

const O_RDWR = 0o2;

/** Makes a file, open for reading and writing. */
export function createFile(wire: Wire, name: string, mode = 0o644): { ino: number; fh: bigint } {
  const made = wire.ok(abi.FUSE_CREATE, body().u32(O_RDWR, mode, 0, 0).name(name));
  return { ino: readEntry(made).ino, fh: made.readBigUInt64LE(abi.entryOutBytes) };
}

export function write(
  wire: Wire,
  fh: bigint,
  offset: number | bigint,
  text: string,
  writeFlags = 0,
): Reply {
  const content = body().u64(fh, offset).u32(text.length, writeFlags).u64(0).u32(0, 0);
  return wire.call(abi.FUSE_WRITE, content.raw(Buffer.from(text, "latin1")));
}

export function read(wire: Wire, fh: bigint, offset: number | bigint, size: number): Buffer {
  return wire.ok(abi.FUSE_READ, body().u64(fh, offset).u32(size, 0).u64(0).u32(0, 0));
}

export function lookup(wire: Wire, name: string, nodeid = 1): WireEntry {
  return readEntry(wire.ok(abi.FUSE_LOOKUP, body().name(name), { nodeid }));
}

/** Makes a directory. Returns its inode. */
export function mkdir(wire: Wire, name: string, nodeid = 1): number {
  return readEntry(wire.ok(abi.FUSE_MKDIR, body().u32(0o755, 0).name(name), { nodeid })).ino;
}
