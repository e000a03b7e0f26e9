/**
 * The bytes of one reply. A handler writes the body; the dispatcher finishes it with the header. One writer is
 * used for all replies, so a reply is valid until the next one is started.
 */
import { type Attr, assert, type StatFs } from "@smfs/core";
import {
  direntBytes,
  entryOutBytes,
  outHeader,
  STATX_BASIC_STATS,
  STATX_BTIME,
  statxOutBytes,
} from "./abi.ts";

const high = 2 ** 32;
const usPerS = 1_000_000;
/** What programs are told to read and write at a time (`st_blksize`). */
const ioBytes = 4096;

/** Times in the kernel's cache, in seconds. */
export interface CacheTimes {
  readonly entryS: number;
  readonly attrS: number;
}

export class ReplyWriter {
  readonly bytes: Buffer;
  readonly #view: DataView;
  #at: number = outHeader.bytes;

  /** @param bodyBytesMax the longest body any handler will write */
  constructor(bodyBytesMax: number) {
    this.bytes = Buffer.alloc(outHeader.bytes + bodyBytesMax);
    this.#view = new DataView(this.bytes.buffer, this.bytes.byteOffset, this.bytes.byteLength);
  }

  /** Drops what was written since the last reply. */
  start(): void {
    this.#at = outHeader.bytes;
  }

  /** Bytes of body so far. */
  get bodyBytes(): number {
    return this.#at - outHeader.bytes;
  }

  /** Completes the reply. @param errno 0, or a positive errno: then there is no body. Returns its whole length. */
  finish(uniqueLow: number, uniqueHigh: number, errno: number): number {
    if (errno !== 0) this.#at = outHeader.bytes;
    const view = this.#view;
    view.setUint32(outHeader.len, this.#at, true);
    view.setInt32(outHeader.error, -errno, true);
    view.setUint32(outHeader.unique, uniqueLow, true);
    view.setUint32(outHeader.unique + 4, uniqueHigh, true);
    return this.#at;
  }

  u16(value: number): void {
    this.#view.setUint16(this.#at, value, true);
    this.#at += 2;
  }

  u32(value: number): void {
    this.#view.setUint32(this.#at, value, true);
    this.#at += 4;
  }

  /** An integer within ±2^53; negative ones as two's complement, as times before 1970 are. */
  u64(value: number): void {
    const low = value >>> 0;
    this.#view.setUint32(this.#at, low, true);
    // Nearly all are small, and a division takes longer than the rest.
    this.#view.setInt32(this.#at + 4, low === value ? 0 : Math.floor(value / high), true);
    this.#at += 8;
  }

  zeroes(count: number): void {
    this.bytes.fill(0, this.#at, this.#at + count);
    this.#at += count;
  }

  /** A byte string without its NUL. */
  text(value: string): void {
    this.#at += this.bytes.write(value, this.#at, "latin1");
  }

  raw(value: Uint8Array): void {
    this.bytes.set(value, this.#at);
    this.#at += value.byteLength;
  }

  /** Room for `count` bytes that the caller fills in place; `commit` says how many it did. */
  room(count: number): Uint8Array {
    assert(this.#at + count <= this.bytes.byteLength, "a reply fits its buffer");
    return this.bytes.subarray(this.#at, this.#at + count);
  }

  commit(count: number): void {
    this.#at += count;
  }

  /** struct fuse_attr. */
  attr(attr: Attr): void {
    this.u64(attr.ino);
    this.u64(attr.size);
    this.u64(attr.blocks);
    this.u64(attr.atimeS);
    this.u64(attr.mtimeS);
    this.u64(attr.ctimeS);
    this.u32(attr.atimeNs);
    this.u32(attr.mtimeNs);
    this.u32(attr.ctimeNs);
    this.u32(attr.mode);
    this.u32(attr.nlink);
    this.u32(attr.uid);
    this.u32(attr.gid);
    this.u32(attr.rdev);
    this.u32(ioBytes);
    this.u32(0);
  }

  /** struct fuse_attr_out. */
  attrOut(attr: Attr, times: CacheTimes): void {
    this.u64(attr.stable ? times.attrS : 0);
    this.u64(0);
    this.attr(attr);
  }

  /** struct fuse_statx_out. */
  statxOut(attr: Attr, times: CacheTimes): void {
    const end = this.#at + statxOutBytes;
    this.u64(attr.stable ? times.attrS : 0);
    this.zeroes(24);
    this.u32(attr.birthUs === undefined ? STATX_BASIC_STATS : STATX_BASIC_STATS | STATX_BTIME);
    this.u32(ioBytes);
    this.u64(0);
    this.u32(attr.nlink);
    this.u32(attr.uid);
    this.u32(attr.gid);
    this.u16(attr.mode);
    this.u16(0);
    this.u64(attr.ino);
    this.u64(attr.size);
    this.u64(attr.blocks);
    this.u64(0);
    this.#sxTime(attr.atimeS, attr.atimeNs);
    const birthUs = attr.birthUs ?? 0;
    const birthS = Math.floor(birthUs / usPerS);
    this.#sxTime(birthS, (birthUs - birthS * usPerS) * 1000);
    this.#sxTime(attr.ctimeS, attr.ctimeNs);
    this.#sxTime(attr.mtimeS, attr.mtimeNs);
    // A device number as the kernel packs it into 32 bits: the minor number's upper bits lie above the major number.
    this.u32((attr.rdev >>> 8) & 0xfff);
    this.u32((attr.rdev & 0xff) | ((attr.rdev >>> 12) & 0xfff00));
    this.zeroes(end - this.#at);
  }

  /** struct fuse_sx_time. */
  #sxTime(s: number, ns: number): void {
    this.u64(s);
    this.u32(ns);
    this.u32(0);
  }

  /** struct fuse_entry_out. Inode numbers are never reused, so the generation is 0. */
  entryOut(attr: Attr, times: CacheTimes, unstableNs: number): void {
    this.u64(attr.ino);
    this.u64(0);
    this.u64(attr.transient === true ? 0 : times.entryS);
    this.u64(attr.stable ? times.attrS : 0);
    this.u32(0);
    this.u32(attr.stable || times.attrS === 0 ? 0 : unstableNs);
    this.attr(attr);
  }

  /** struct fuse_entry_out for a name that is not there: the kernel may remember that. */
  negativeEntry(times: CacheTimes): void {
    this.u64(0);
    this.u64(0);
    this.u64(times.entryS);
    this.zeroes(entryOutBytes - 24);
  }

  /** struct fuse_open_out. */
  openOut(fh: number, flags: number, backingId: number): void {
    this.u64(fh);
    this.u32(flags);
    this.u32(backingId);
  }

  /** struct fuse_dirent with its name, padded to 8 bytes. */
  dirent(entry: { ino: number; cookie: number; type: number; name: string }): void {
    this.u64(entry.ino);
    this.u64(entry.cookie);
    this.u32(entry.name.length);
    // DT_* of readdir(3) are the type bits of the mode, shifted.
    this.u32(entry.type >>> 12);
    this.#padded(entry.name);
  }

  /** A byte string and zeroes up to a multiple of 8. Names are short: a call of Buffer's costs more than writing them. */
  #padded(name: string): void {
    const { bytes } = this;
    const end = this.#at + name.length;
    for (let from = 0; from < name.length; from += 1)
      bytes[this.#at + from] = name.charCodeAt(from);
    this.#at = (end + 7) & ~7;
    for (let to = end; to < this.#at; to += 1) bytes[to] = 0;
  }

  /** struct fuse_kstatfs. */
  statfs(statfs: StatFs): void {
    this.u64(statfs.blocks);
    this.u64(statfs.blocksFree);
    this.u64(statfs.blocksAvailable);
    this.u64(statfs.files);
    this.u64(statfs.filesFree);
    this.u32(statfs.blockBytes);
    this.u32(statfs.nameBytesMax);
    this.u32(statfs.blockBytes);
    this.zeroes(28);
  }
}

/** Bytes that a directory entry takes in a READDIR reply. */
export function direntSize(name: string): number {
  return (direntBytes + name.length + 7) & ~7;
}
