/** The file worker over the memory byte layer: as the real one, with a pause where another thread could run. */
import { FsError } from "@smfs/core";
import type { FileWorker, Snapshot } from "./byte-store.ts";
import type { MemoryByteStore } from "./memory-byte-store.ts";

const stepBytes = 1 << 20;

export class MemoryFileWorker implements FileWorker {
  readonly #bytes: MemoryByteStore;
  readonly #pause: () => Promise<void>;

  /** @param pause awaited between two steps: whatever else is to happen may happen there */
  constructor(bytes: MemoryByteStore, pause: () => Promise<void>) {
    this.#bytes = bytes;
    this.#pause = pause;
  }

  async snapshot(
    ino: number,
    mayChange: boolean,
    signal?: AbortSignal,
  ): Promise<Snapshot | undefined> {
    await this.#step(signal);
    const fd = this.#bytes.openWork(ino, "read");
    try {
      const before = this.#bytes.stat(fd);
      this.#bytes.sync(fd);
      // As RealFileWorker does: the size must be that of the bytes.
      const head = await this.#read(fd, Math.min(stepBytes, before.size), signal);
      if (this.#bytes.stat(fd).ctime !== before.ctime) return undefined;
      const copy = await this.#read(fd, before.size, signal);
      const after = this.#bytes.stat(fd);
      if (after.size < before.size || copy.length < before.size) return undefined;
      const digest = this.#bytes.digest(copy);
      if (after.ctime !== before.ctime || mayChange) {
        const again = await this.#read(fd, before.size, signal);
        if (!head.every((byte, at) => again[at] === byte)) return undefined;
        if (this.#bytes.digest(again) !== digest) return undefined;
      }
      return { digest: this.#bytes.putBlob(copy), size: copy.length };
    } finally {
      this.#bytes.close(fd);
    }
  }

  async hashWork(ino: number, signal?: AbortSignal): Promise<Snapshot> {
    await this.#step(signal);
    const fd = this.#bytes.openWork(ino, "read");
    try {
      const bytes = await this.#read(fd, this.#bytes.stat(fd).size, signal);
      return { digest: this.#bytes.digest(bytes), size: bytes.length };
    } finally {
      this.#bytes.close(fd);
    }
  }

  async writeBlob(
    source: ReadableStream<Uint8Array>,
    bytesMax: number,
    signal?: AbortSignal,
  ): Promise<Snapshot> {
    const parts: Uint8Array[] = [];
    let size = 0;
    for await (const part of source) {
      await this.#step(signal);
      size += part.length;
      if (size > bytesMax) throw new FsError("EFBIG", `over ${bytesMax} bytes`);
      parts.push(part);
    }
    const bytes = new Uint8Array(size);
    let offset = 0;
    for (const part of parts) {
      bytes.set(part, offset);
      offset += part.length;
    }
    return { digest: this.#bytes.putBlob(bytes), size };
  }

  async readBlob(digest: string): Promise<Uint8Array> {
    await this.#step();
    return this.#bytes.readBlob(digest);
  }

  streamBlob(digest: string): ReadableStream<Uint8Array> {
    const step = () => this.#step();
    const bytes = this.#bytes;
    let offset = 0;
    return new ReadableStream<Uint8Array>({
      async pull(controller) {
        await step();
        const all = bytes.readBlob(digest);
        if (offset < all.length) controller.enqueue(all.subarray(offset, offset + stepBytes));
        offset += stepBytes;
        if (offset >= all.length) controller.close();
      },
    });
  }

  async #read(fd: number, size: number, signal: AbortSignal | undefined): Promise<Uint8Array> {
    const bytes = new Uint8Array(size);
    for (let offset = 0; offset < size; ) {
      await this.#step(signal);
      const count = this.#bytes.read(fd, bytes.subarray(offset, offset + stepBytes), offset);
      if (count === 0) return bytes.subarray(0, offset);
      offset += count;
    }
    return bytes;
  }

  async #step(signal?: AbortSignal): Promise<void> {
    await this.#pause();
    signal?.throwIfAborted();
  }
}
