/**
 * A file in memory that remembers what a power loss would do to it: its bytes as they are, its bytes as they
 * were when last synced, and every effect since.
 */
import { FsError } from "@smfs/core";
import type { Moment } from "./inodes.ts";

/** Bytes of a block: what a disk allocates, and where holes begin and end. */
export const blockBytes = 4096;
/** Bytes that a disk writes whole or not at all. */
export const sectorBytes = 512;
/** Effects kept per file; beyond it the older half counts as written back, as a kernel would have done long since. */
const effectsMax = 4096;

/** Something done to a file since it was last synced. */
export type FileEffect =
  | { readonly kind: "write"; readonly offset: number; readonly bytes: Uint8Array }
  | { readonly kind: "truncate"; readonly size: number }
  | { readonly kind: "allocate"; readonly offset: number; readonly length: number; size: number }
  | { readonly kind: "zero"; readonly offset: number; readonly length: number; size: number }
  | { readonly kind: "punch"; readonly offset: number; readonly length: number };

/** Sparse bytes. Blocks are never changed in place, so that states can share them; a short block ends in zeroes. */
export class Content {
  readonly #blocks: Map<number, Uint8Array>;
  size: number;

  constructor(blocks: Iterable<[number, Uint8Array]> = [], size = 0) {
    this.#blocks = new Map(blocks);
    this.size = size;
  }

  copy(): Content {
    return new Content(this.#blocks, this.size);
  }

  get blockCount(): number {
    return this.#blocks.size;
  }

  /** Blocks that writing or allocating a range would add. */
  missingBlocks(offset: number, length: number): number {
    const first = Math.floor(offset / blockBytes);
    const end = Math.ceil((offset + length) / blockBytes);
    let present = 0;
    if (end - first < this.#blocks.size) {
      for (let at = first; at < end; at += 1) if (this.#blocks.has(at)) present += 1;
    } else {
      for (const at of this.#blocks.keys()) if (at >= first && at < end) present += 1;
    }
    return end - first - present;
  }

  read(into: Uint8Array, offset: number): number {
    const count = Math.max(0, Math.min(into.length, this.size - offset));
    into.fill(0, 0, count);
    for (let done = 0; done < count; ) {
      const at = offset + done;
      const within = at % blockBytes;
      const length = Math.min(blockBytes - within, count - done);
      const block = this.#blocks.get(Math.floor(at / blockBytes));
      if (block !== undefined) into.set(block.subarray(within, within + length), done);
      done += length;
    }
    return count;
  }

  apply(effect: FileEffect): void {
    switch (effect.kind) {
      case "write":
        this.#write(effect.offset, effect.bytes);
        break;
      case "truncate":
        this.#truncate(effect.size);
        break;
      case "allocate":
        this.#allocate(effect.offset, effect.length);
        this.size = Math.max(this.size, effect.size);
        break;
      case "zero":
        this.#punch(effect.offset, effect.length);
        this.#allocate(effect.offset, effect.length);
        this.size = Math.max(this.size, effect.size);
        break;
      default:
        this.#punch(effect.offset, effect.length);
    }
  }

  /** The part of a write whose sectors `survives` says yes to. The size moves as if all had. */
  applyTorn(offset: number, bytes: Uint8Array, survives: (sector: number) => boolean): void {
    this.size = Math.max(this.size, offset + bytes.length);
    const size = this.size;
    let sector = 0;
    for (let done = 0; done < bytes.length; sector += 1) {
      const length = Math.min(sectorBytes - ((offset + done) % sectorBytes), bytes.length - done);
      if (survives(sector)) this.#write(offset + done, bytes.subarray(done, done + length));
      done += length;
    }
    this.size = size;
  }

  /** Next data (3) or hole (4) at or after `offset`, as lseek(2) says. @throws FsError ENXIO */
  seek(offset: number, whence: number): number {
    if (offset >= this.size) throw new FsError("ENXIO", `seek from ${offset}`);
    let at = Math.floor(offset / blockBytes);
    if (whence === 4) {
      while (this.#blocks.has(at)) at += 1;
      return Math.min(this.size, Math.max(offset, at * blockBytes));
    }
    let next = Number.POSITIVE_INFINITY;
    for (const block of this.#blocks.keys()) if (block >= at && block < next) next = block;
    if (next * blockBytes >= this.size) throw new FsError("ENXIO", `seek from ${offset}`);
    return Math.max(offset, next * blockBytes);
  }

  #write(offset: number, bytes: Uint8Array): void {
    for (let done = 0; done < bytes.length; ) {
      const at = offset + done;
      const within = at % blockBytes;
      const length = Math.min(blockBytes - within, bytes.length - done);
      this.#put(Math.floor(at / blockBytes), within, bytes.subarray(done, done + length));
      done += length;
    }
    this.size = Math.max(this.size, offset + bytes.length);
  }

  #put(index: number, within: number, bytes: Uint8Array): void {
    const old = this.#blocks.get(index);
    const block = new Uint8Array(Math.max(old?.length ?? 0, within + bytes.length));
    if (old !== undefined) block.set(old);
    block.set(bytes, within);
    this.#blocks.set(index, block);
  }

  #truncate(size: number): void {
    if (size < this.size) this.#punch(size, this.size - size);
    const last = Math.ceil(size / blockBytes);
    for (const at of this.#blocks.keys()) if (at >= last) this.#blocks.delete(at);
    this.size = size;
  }

  #allocate(offset: number, length: number): void {
    const end = Math.ceil((offset + length) / blockBytes);
    for (let at = Math.floor(offset / blockBytes); at < end; at += 1) {
      if (!this.#blocks.has(at)) this.#blocks.set(at, new Uint8Array(0));
    }
  }

  /** Zeroes a range; blocks that lie in it wholly become holes. */
  #punch(offset: number, length: number): void {
    const end = offset + length;
    for (const [at, block] of [...this.#blocks]) {
      const start = at * blockBytes;
      if (start >= end || start + blockBytes <= offset) continue;
      if (start >= offset && start + blockBytes <= end) {
        this.#blocks.delete(at);
        continue;
      }
      const zeroed = block.slice();
      zeroed.fill(0, Math.max(0, offset - start), Math.max(0, end - start));
      this.#blocks.set(at, zeroed);
    }
  }
}

/** What `stat` tells besides size and blocks. */
export interface FileTimes {
  readonly mtime: Moment;
  readonly changed: Moment;
  /** Differs after every change. */
  readonly ctime: string;
}

export class MemoryFile {
  content: Content = new Content();
  times: FileTimes;
  durable: Content = new Content();
  durableTimes: FileTimes;
  readonly effects: FileEffect[] = [];

  constructor(times: FileTimes) {
    this.times = times;
    this.durableTimes = times;
  }

  /** Does something to the bytes, and remembers it as not yet durable. */
  apply(effect: FileEffect, times: FileTimes): void {
    this.content.apply(effect);
    this.times = times;
    this.effects.push(effect);
    if (this.effects.length <= effectsMax) return;
    for (const old of this.effects.splice(0, effectsMax / 2)) this.durable.apply(old);
  }

  /** fdatasync: what is now is what a power loss leaves. */
  sync(): void {
    this.durable = this.content.copy();
    this.durableTimes = this.times;
    this.effects.length = 0;
  }

  copy(): MemoryFile {
    const copy = new MemoryFile(this.times);
    copy.content = this.content.copy();
    copy.durable = this.durable.copy();
    copy.durableTimes = this.durableTimes;
    copy.effects.push(...this.effects);
    return copy;
  }
}
