/**
 * Long work on bytes over real files, off the store thread: freezes, hashes, receives and streams, at most
 * `stepBytes` between two looks at whether it is still wanted.
 */
import { createHash } from "node:crypto";
import { type FileHandle, open, readFile, rename, unlink } from "node:fs/promises";
import { FsError } from "@smfs/core";
import { cloneFile } from "@smfs/native";
import type { FileWorker, Snapshot } from "./byte-store.ts";
import { type ByteFolders, byteFolders } from "./real-byte-store.ts";

/** Bytes handled in one step. */
const stepBytes = 1 << 20;
/** Bytes that show whether a file was replaced. */
const headBytes = 64 << 10;
const zeroes = Buffer.alloc(stepBytes);

/** What must be the same before and after a copy for the copy to be one state of the file. */
interface Looks {
  readonly size: number;
  readonly stamp: string;
}

export class RealFileWorker implements FileWorker {
  readonly #folders: ByteFolders;
  #tmpCount = 0;

  /** @param dir the store's state directory */
  constructor(dir: string) {
    this.#folders = byteFolders(dir);
  }

  async snapshot(
    ino: number,
    mayChange: boolean,
    signal?: AbortSignal,
  ): Promise<Snapshot | undefined> {
    await using work = await open(`${this.#folders.work}/${ino}`, "r");
    const before = await looks(work);
    // In this order: the sync write-protects the pages of shared mappings, so that a later store moves the times.
    await work.datasync();
    // The size must be that of the bytes: a file that was replaced by a longer one between the two has no state that
    // begins like the new and is as long as the old.
    const head = await headOf(work, before.size);
    if ((await looks(work)).stamp !== before.stamp) return undefined;
    const digest = await this.#freeze(work, before.size, signal, async (copied) => {
      const after = await looks(work);
      if (after.size < before.size) return false;
      if (after.stamp === before.stamp && !mayChange) return true;
      if (!head.equals(await headOf(work, before.size))) return false;
      return (await hashRange(work, before.size, signal)) === copied;
    });
    return digest === undefined ? undefined : { digest, size: before.size };
  }

  /** Copies the first `size` bytes to a blob, if `isWhole` says that the copy is one state of the file. */
  async #freeze(
    from: FileHandle,
    size: number,
    signal: AbortSignal | undefined,
    isWhole: (digest: string) => Promise<boolean>,
  ): Promise<string | undefined> {
    return await this.#intoBlob(async (to) => {
      let digest: string;
      if (cloneFile(from.fd, to.fd)) {
        await to.truncate(size);
        digest = await hashRange(to, size, signal);
      } else {
        digest = await copyRange(from, to, size, signal);
      }
      return (await isWhole(digest)) ? digest : undefined;
    });
  }

  async hashWork(ino: number, signal?: AbortSignal): Promise<Snapshot> {
    await using work = await open(`${this.#folders.work}/${ino}`, "r");
    const { size } = await work.stat();
    return { digest: await hashRange(work, size, signal), size };
  }

  async writeBlob(
    source: ReadableStream<Uint8Array>,
    bytesMax: number,
    signal?: AbortSignal,
  ): Promise<Snapshot> {
    let size = 0;
    const digest = await this.#intoBlob(async (to) => {
      const hash = createHash("sha256");
      for await (const part of source) {
        signal?.throwIfAborted();
        if (size + part.length > bytesMax) throw new FsError("EFBIG", `over ${bytesMax} bytes`);
        await writeAll(to, part, size);
        hash.update(part);
        size += part.length;
      }
      return hash.digest("hex");
    });
    return { digest, size };
  }

  async readBlob(digest: string): Promise<Uint8Array> {
    return await readFile(this.#blob(digest));
  }

  streamBlob(digest: string): ReadableStream<Uint8Array> {
    const path = this.#blob(digest);
    let file: FileHandle | undefined;
    let offset = 0;
    return new ReadableStream<Uint8Array>({
      async pull(controller) {
        file ??= await open(path, "r");
        const step = new Uint8Array(stepBytes);
        const { bytesRead } = await file.read(step, 0, stepBytes, offset);
        offset += bytesRead;
        if (bytesRead > 0) {
          controller.enqueue(step.subarray(0, bytesRead));
          return;
        }
        await file.close();
        controller.close();
      },
      async cancel() {
        await file?.close();
      },
    });
  }

  /**
   * Gives `fill` a file under `tmp/` and, if it answers a digest, makes that file the blob of it, durably. In every
   * other case nothing is left.
   */
  async #intoBlob<T extends string | undefined>(fill: (to: FileHandle) => Promise<T>): Promise<T> {
    this.#tmpCount += 1;
    const tmp = `${this.#folders.tmp}/worker-${this.#tmpCount}`;
    let isKept = false;
    try {
      await using to = await open(tmp, "wx+", 0o600);
      const digest = await fill(to);
      if (digest === undefined) return digest;
      await to.datasync();
      await rename(tmp, this.#blob(digest));
      isKept = true;
      await using folder = await open(this.#folders.blobs, "r");
      await folder.sync();
      return digest;
    } finally {
      if (!isKept) await removeIfThere(tmp);
    }
  }

  #blob(digest: string): string {
    if (!/^[0-9a-f]{64}$/.test(digest)) throw new FsError("EINVAL", "not a digest");
    return `${this.#folders.blobs}/${digest}`;
  }
}

async function looks(file: FileHandle): Promise<Looks> {
  const { size, mtimeNs, ctimeNs } = await file.stat({ bigint: true });
  return { size: Number(size), stamp: `${size} ${mtimeNs} ${ctimeNs}` };
}

async function headOf(file: FileHandle, size: number): Promise<Buffer> {
  const head = Buffer.alloc(Math.min(headBytes, size));
  const { bytesRead } = await file.read(head, 0, head.length, 0);
  return head.subarray(0, bytesRead);
}

/** Hashes the first `size` bytes while writing them to `to`, where long runs of zeroes become holes. */
async function copyRange(
  from: FileHandle,
  to: FileHandle,
  size: number,
  signal: AbortSignal | undefined,
): Promise<string> {
  const hash = createHash("sha256");
  await to.truncate(size);
  await eachStep(from, size, signal, async (part, offset) => {
    hash.update(part);
    if (!part.equals(zeroes.subarray(0, part.length))) await writeAll(to, part, offset);
  });
  return hash.digest("hex");
}

async function hashRange(
  file: FileHandle,
  size: number,
  signal: AbortSignal | undefined,
): Promise<string> {
  const hash = createHash("sha256");
  await eachStep(file, size, signal, async (part) => {
    hash.update(part);
  });
  return hash.digest("hex");
}

async function eachStep(
  file: FileHandle,
  size: number,
  signal: AbortSignal | undefined,
  visit: (part: Buffer, offset: number) => Promise<void>,
): Promise<void> {
  const step = Buffer.allocUnsafe(Math.min(stepBytes, size));
  for (let offset = 0; offset < size; ) {
    signal?.throwIfAborted();
    const length = Math.min(stepBytes, size - offset);
    const { bytesRead } = await file.read(step, 0, length, offset);
    // Cut short under the reader: what was read is not what was asked for, and the digest shows it.
    if (bytesRead === 0) return;
    await visit(step.subarray(0, bytesRead), offset);
    offset += bytesRead;
  }
}

async function writeAll(file: FileHandle, bytes: Uint8Array, offset: number): Promise<void> {
  for (let done = 0; done < bytes.length; ) {
    const { bytesWritten } = await file.write(bytes, done, bytes.length - done, offset + done);
    done += bytesWritten;
  }
}

async function removeIfThere(path: string): Promise<void> {
  try {
    await unlink(path);
  } catch (error) {
    if ((error as { code?: string }).code !== "ENOENT") throw error;
  }
}
