/**
 * Working files whose row is gone. A small one is removed at once; a large one is cut down bit by bit, since
 * freeing its blocks in one call would keep the kernel waiting. What a crash leaves, recovery finds again.
 */
import type { Logger } from "@smfs/core";
import type { ByteStore } from "./byte-store.ts";

/** Bytes freed in one step. */
const stepBytes = 16 << 20;

export class Garbage {
  readonly #bytes: ByteStore;
  readonly #log: Logger;
  /** Sizes of large files that are being cut down. */
  readonly #large = new Map<number, number>();

  constructor(bytes: ByteStore, log: Logger) {
    this.#bytes = bytes;
    this.#log = log;
  }

  /** Removes a working file; `size` as far as it is known. Never throws: the row is gone, and the answer given. */
  remove(ino: number, size: number | undefined): void {
    this.#guard(ino, () => {
      const bytes = size ?? this.#sizeOf(ino);
      if (bytes > stepBytes) this.#large.set(ino, bytes);
      else this.#bytes.removeWork(ino);
    });
  }

  get isPending(): boolean {
    return this.#large.size > 0;
  }

  /** Whether a working file is being cut down. */
  has(ino: number): boolean {
    return this.#large.has(ino);
  }

  /** Frees one step of one file. */
  tick(): void {
    for (const [ino, size] of this.#large) {
      this.#guard(ino, () => {
        const left = Math.max(0, size - stepBytes);
        if (left > 0) this.#cut(ino, left);
        else this.#bytes.removeWork(ino);
        if (left > 0) this.#large.set(ino, left);
        else this.#large.delete(ino);
      });
      return;
    }
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
    const fd = this.#bytes.openWork(ino, "write");
    try {
      this.#bytes.truncate(fd, size);
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
