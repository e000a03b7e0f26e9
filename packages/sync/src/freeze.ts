/** Freezing the bytes of a working file that goes on living: it may change, or be gone, before that is done. */
import type { FileWorker, Snapshot } from "@smfs/store";

/** The bytes of an inode as a blob; undefined when they changed meanwhile, or the file has been removed. */
export async function freeze(
  worker: FileWorker,
  ino: number,
  mayChange: boolean,
  signal?: AbortSignal,
): Promise<Snapshot | undefined> {
  try {
    return await worker.snapshot(ino, mayChange, signal);
  } catch (error) {
    if ((error as { code?: unknown }).code === "ENOENT") return undefined;
    throw error;
  }
}
