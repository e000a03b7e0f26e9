/**
 * Blobs: bytes in files named by their digest, `blobs/<first two digits>/<digest>`.
 *
 * A blob is durable (file and directory synced) before any commit names it, and is never written again; so a
 * crash leaves at most a blob that nothing names, or an unfinished file under `uploads/`.
 */
import { createHash } from "node:crypto";
import { type FileHandle, mkdir, open, readdir, rename, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import { Readable } from "node:stream";
import { type Clock, type Random, toHex } from "@smfs/core";
import type { BlobWriter, ByteRange } from "../storage.ts";

/** Bytes that are read at once. */
const pieceBytes: number = 256 << 10;

export interface Blobs {
  receive(): Promise<BlobWriter>;
  read(digest: string, range: ByteRange): Promise<Uint8Array>;
  stream(digest: string, range: ByteRange): ReadableStream<Uint8Array>;
  /** Size in bytes, or undefined when it is not there. */
  size(digest: string): Promise<number | undefined>;
  path(digest: string): string;
  /** All digests; nothing else is in the directory. */
  list(): AsyncIterable<string>;
  /**
   * Removes a blob unless it is named, or was received less than `ageMs` ago. Never while a blob is being put in
   * its place: a blob that somebody has just received and not yet named stays.
   */
  removeUnused(
    digest: string,
    ageMs: number,
    isNamed: (digest: string) => boolean,
  ): Promise<boolean>;
}

/** The file of a blob within a data directory. */
export function blobPath(dataDir: string, digest: string): string {
  return join(dataDir, "blobs", digest.slice(0, 2), digest);
}

/** The blobs of a data directory that another process serves: nothing there is touched. */
export function blobFiles(dataDir: string): Pick<Blobs, "size" | "path"> {
  const path = (digest: string) => blobPath(dataDir, digest);
  return { path, size: async (digest) => (await statOrUndefined(path(digest)))?.size };
}

/** Opens the blobs of a data directory; what uploads a crash left unfinished are removed. */
export async function openBlobs(dataDir: string, clock: Clock, random: Random): Promise<Blobs> {
  const root = join(dataDir, "blobs");
  const uploads = join(dataDir, "uploads");
  await rm(uploads, { recursive: true, force: true });
  await mkdir(root, { recursive: true, mode: 0o700 });
  await mkdir(uploads, { recursive: true, mode: 0o700 });
  const path = (digest: string) => blobPath(dataDir, digest);
  // When each blob of this run was received, by the clock that never goes back.
  const received = new Map<string, number>();
  const alone = serial();

  return {
    path,
    receive: () =>
      receive(join(uploads, toHex(random.bytes(16))), (file, upload, digest) =>
        alone(async () => {
          received.set(digest, clock.monotonic());
          await settle(file, upload, path(digest));
        }),
      ),
    removeUnused: (digest, ageMs, isNamed) =>
      alone(async () => {
        const at = received.get(digest);
        if (at !== undefined && clock.monotonic() - at < ageMs) return false;
        if (isNamed(digest)) return false;
        await rm(path(digest), { force: true });
        received.delete(digest);
        return true;
      }),
    read: async (digest, range) => {
      const pieces: Uint8Array[] = [];
      for await (const piece of piecesOf(path(digest), range)) pieces.push(piece);
      return Buffer.concat(pieces);
    },
    stream: (digest, range) =>
      // Node's own stream class and the global one are the same at run time; their declarations differ.
      Readable.toWeb(Readable.from(piecesOf(path(digest), range))) as ReadableStream<Uint8Array>,
    size: async (digest) => (await statOrUndefined(path(digest)))?.size,
    list: () => list(root),
  };
}

/**
 * The bytes of a file in a range, piece by piece.
 * @throws Error when there are fewer than there were
 */
async function* piecesOf(path: string, range: ByteRange): AsyncGenerator<Uint8Array> {
  const file = await open(path, "r");
  try {
    for (let at = range.start; at < range.end; ) {
      const piece = Buffer.allocUnsafe(Math.min(pieceBytes, range.end - at));
      const { bytesRead } = await file.read(piece, 0, piece.length, at);
      if (bytesRead === 0) throw new Error(`the blob ${path} is shorter than it was`);
      yield piece.subarray(0, bytesRead);
      at += bytesRead;
    }
  } finally {
    await file.close();
  }
}

async function receive(
  upload: string,
  settle: (file: FileHandle, upload: string, digest: string) => Promise<void>,
): Promise<BlobWriter> {
  const file = await open(upload, "wx", 0o600);
  const hash = createHash("sha256");
  let size = 0;
  let finishing = false;
  return {
    write: async (bytes) => {
      hash.update(bytes);
      for (let written = 0; written < bytes.length; ) {
        written += (await file.write(bytes, written, bytes.length - written)).bytesWritten;
      }
      size += bytes.length;
    },
    finish: async () => {
      finishing = true;
      const digest = hash.digest("hex");
      await settle(file, upload, digest);
      return { kind: "blob", digest, size };
    },
    abort: async () => {
      // finish closes the file whether or not it succeeds.
      if (!finishing) await file.close();
      await rm(upload, { force: true });
    },
  };
}

/** Puts an upload in its place, durably. */
async function settle(file: FileHandle, upload: string, target: string): Promise<void> {
  const directory = join(target, "..");
  try {
    await file.sync();
  } finally {
    await file.close();
  }
  if ((await mkdir(directory, { recursive: true, mode: 0o700 })) !== undefined) {
    await syncDirectory(join(directory, ".."));
  }
  await rename(upload, target);
  await syncDirectory(directory);
}

async function syncDirectory(directory: string): Promise<void> {
  const handle = await open(directory, "r");
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

async function* list(root: string): AsyncGenerator<string> {
  for (const prefix of await readdir(root)) yield* await readdir(join(root, prefix));
}

/** Runs pieces of work one after another. */
function serial(): <T>(work: () => Promise<T>) => Promise<T> {
  let last: Promise<unknown> = Promise.resolve();
  return (work) => {
    const result = last.then(work);
    last = result.catch(() => undefined);
    return result;
  };
}

async function statOrUndefined(path: string) {
  try {
    return await stat(path);
  } catch (error) {
    if ((error as { code?: unknown }).code === "ENOENT") return undefined;
    throw error;
  }
}
