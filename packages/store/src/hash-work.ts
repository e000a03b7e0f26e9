/** Digest of a working file, in steps: on the store thread, where nobody may wait for a large one. */
import { createHash, type Hash } from "node:crypto";
import type { ByteStore } from "./byte-store.ts";

const stepBytes = 1 << 20;

export class HashWork {
  readonly ino: number;
  readonly #bytes: ByteStore;
  readonly #hash: Hash = createHash("sha256");
  #offset = 0;
  #digest: string | undefined;

  constructor(bytes: ByteStore, ino: number) {
    this.#bytes = bytes;
    this.ino = ino;
  }

  /** Reads one step on. Answers the digest once the end is reached. */
  step(): string | undefined {
    if (this.#digest !== undefined) return this.#digest;
    const fd = this.#bytes.openWork(this.ino, "read");
    try {
      const { size } = this.#bytes.stat(fd);
      const part = new Uint8Array(Math.min(stepBytes, Math.max(0, size - this.#offset)));
      const count = this.#bytes.read(fd, part, this.#offset);
      this.#hash.update(part.subarray(0, count));
      this.#offset += count;
      if (count === 0 || this.#offset >= size) this.#digest = this.#hash.digest("hex");
    } finally {
      this.#bytes.close(fd);
    }
    return this.#digest;
  }

  /** All of it at once. */
  finish(): string {
    for (;;) {
      const digest = this.step();
      if (digest !== undefined) return digest;
    }
  }
}
