/**
 * Working files whose row is gone. They are removed when that is durable: should a power loss bring the row back, its
 * bytes must be there. A large one is cut down bit by bit, since freeing its blocks in one call would keep the
 * kernel waiting. What a crash leaves, recovery finds again.
 */
import type { Logger } from "@smfs/core";
import type { ByteStore } from "./byte-store.ts";
import type { Database } from "./database.ts";
import type { ReadyFiles } from "./ready-files.ts";

/** Bytes freed in one step. */
const stepBytes = 16 << 20;
/** Files removed in one tick: so many when nothing was committed since the last one, and so many while somebody works. */
const removedMax = 64;
const removedMaxBusy = 8;
/** Milliseconds between two ticks while somebody works, and how many files may wait meanwhile. */
const busyMs = 10;
const waitingMax = 8192;

interface Waiting {
  /** Bytes, as far as they are known. */
  readonly size: number | undefined;
  /** The commit that dropped the row. */
  readonly commit: number;
}

export class Garbage {
  readonly #db: Database;
  readonly #bytes: ByteStore;
  readonly #log: Logger;
  readonly #ready: ReadyFiles;
  /** In the order in which they lost their rows. */
  readonly #waiting = new Map<number, Waiting>();
  /** Bytes of those, as far as they are known. */
  #waitingBytes = 0;
  /** Sizes of large files that are being cut down. */
  readonly #large = new Map<number, number>();
  /** Commits at the last tick. */
  #seenCommits = 0;

  constructor(db: Database, bytes: ByteStore, ready: ReadyFiles, log: Logger) {
    this.#db = db;
    this.#ready = ready;
    this.#bytes = bytes;
    this.#log = log;
  }

  /** A row is gone with the last commit; `size` is what it said. */
  add(ino: number, size: number | undefined): void {
    this.#waitingBytes += size ?? 0;
    this.#waiting.set(ino, { size, commit: this.#db.commitCount });
  }

  /** Bytes that wait to be freed until their removal survives a power loss. */
  get waitingBytes(): number {
    return this.#waitingBytes;
  }

  /** Whether a working file waits here to be removed. */
  has(ino: number): boolean {
    return this.#waiting.has(ino) || this.#large.has(ino);
  }

  /** Milliseconds until `tick` has something to do; infinite when it has nothing. */
  get nextTickMs(): number {
    if (!this.#isReady) return Number.POSITIVE_INFINITY;
    return this.#isBusy ? busyMs : 0;
  }

  get #isReady(): boolean {
    if (this.#large.size > 0) return true;
    for (const { commit } of this.#waiting.values()) return commit <= this.#db.durableCount;
    return false;
  }

  /** Whether somebody works, who would wait for what is removed. */
  get #isBusy(): boolean {
    return this.#db.commitCount !== this.#seenCommits && this.#waiting.size <= waitingMax;
  }

  /** Removes some of what may go. Never fails: the rows are gone, and the answers given. */
  tick(): void {
    const countMax = this.#isBusy ? removedMaxBusy : removedMax;
    this.#seenCommits = this.#db.commitCount;
    let count = 0;
    for (const [ino, { size, commit }] of this.#waiting) {
      if (commit > this.#db.durableCount || count === countMax) break;
      count += 1;
      this.#waiting.delete(ino);
      this.#waitingBytes -= size ?? 0;
      this.#guard(ino, () => this.#remove(ino, size ?? this.#sizeOf(ino)));
    }
    for (const [ino, size] of this.#large) {
      this.#guard(ino, () => this.#cut(ino, size));
      break;
    }
  }

  /** The disk is full: everything goes at once. Answers whether there was anything. */
  removeAll(): boolean {
    const hadReady = this.#ready.clear();
    if (this.#waiting.size + this.#large.size === 0) return hadReady;
    this.#db.checkpoint();
    for (const ino of [...this.#waiting.keys(), ...this.#large.keys()]) {
      this.#guard(ino, () => this.#bytes.removeWork(ino));
    }
    this.#waiting.clear();
    this.#waitingBytes = 0;
    this.#large.clear();
    return true;
  }

  #remove(ino: number, size: number): void {
    if (size > stepBytes) this.#large.set(ino, size);
    else this.#end(ino);
  }

  #end(ino: number): void {
    if (!this.#ready.keep(ino)) this.#bytes.removeWork(ino);
  }

  #sizeOf(ino: number): number {
    if (!this.#bytes.hasWork(ino)) return 0;
    const fd = this.#bytes.openWork(ino, "read");
    try {
      return this.#bytes.stat(fd).size;
    } finally {
      this.#bytes.close(fd);
    }
  }

  #cut(ino: number, size: number): void {
    const left = size - stepBytes;
    if (left <= 0) {
      this.#large.delete(ino);
      this.#end(ino);
      return;
    }
    this.#large.set(ino, left);
    const fd = this.#bytes.openWork(ino, "write");
    try {
      this.#bytes.truncate(fd, left);
    } finally {
      this.#bytes.close(fd);
    }
  }

  #guard(ino: number, action: () => void): void {
    try {
      action();
    } catch (error) {
      this.#large.delete(ino);
      this.#log.log("warn", "a working file could not be removed; the next start tries again", {
        ino,
        error: String(error),
      });
    }
  }
}
