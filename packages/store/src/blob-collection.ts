/**
 * Blobs that nothing names any more. One that has just been written is named by the transaction that follows, so a
 * blob goes only when two looks, `betweenMs` apart, found it without a name.
 */
import type { FileContext } from "./file-context.ts";

/** Time between two looks, in milliseconds. Pacing only: who still needs a blob that is gone notices that. */
const betweenMs = 600_000;
/** Blobs removed in one tick. */
const removedMax = 64;
/** Bytes of a blob that is removed at once; a larger one is cut down like a working file without a row. */
const atOnceBytesMax = 16 << 20;

export class BlobCollection {
  readonly #context: FileContext;
  readonly #named;
  #lookedMs: number;
  #lookedCount = -1;
  /** Blobs that the last look found without a name. */
  #nameless = new Set<string>();
  /** Blobs that two looks have, to be removed. */
  readonly #removable: string[] = [];

  constructor(context: FileContext) {
    this.#context = context;
    this.#lookedMs = context.clock.monotonic();
    this.#named = context.db.sql
      .prepare<[], string>(
        `SELECT base_blob FROM entry WHERE base_blob IS NOT NULL
         UNION SELECT snap_blob FROM op WHERE snap_blob IS NOT NULL
         UNION SELECT blob FROM trash WHERE blob IS NOT NULL
         UNION SELECT fill FROM inode WHERE fill IS NOT NULL`,
      )
      .pluck();
  }

  /** When `tick` has something to do, on the monotonic clock; infinite while nothing has changed. */
  get dueMs(): number {
    if (this.#removable.length > 0) return Number.NEGATIVE_INFINITY;
    const isChanged = this.#context.db.commitCount !== this.#lookedCount;
    return isChanged || this.#nameless.size > 0
      ? this.#lookedMs + betweenMs
      : Number.POSITIVE_INFINITY;
  }

  tick(nowMs: number): void {
    if (this.#removable.length > 0) this.#removeSome();
    else if (nowMs >= this.dueMs) this.#look(nowMs);
  }

  #look(nowMs: number): void {
    const { bytes, db } = this.#context;
    const named = new Set(this.#named.all());
    const nameless = bytes.listBlobs().filter((digest) => !named.has(digest));
    this.#removable.push(...nameless.filter((digest) => this.#nameless.has(digest)));
    this.#nameless = new Set(nameless);
    this.#lookedMs = nowMs;
    this.#lookedCount = db.commitCount;
  }

  #removeSome(): void {
    const { fills, log, db } = this.#context;
    // Should a power loss bring back a row that named one, it must be there.
    if (db.durableCount < this.#lookedCount) db.checkpoint();
    for (const digest of this.#removable.splice(0, removedMax)) {
      this.#nameless.delete(digest);
      if (fills.isNeeded(digest, 0)) continue;
      try {
        this.#remove(digest);
      } catch (error) {
        log.log("warn", "a blob could not be removed", { digest, error: String(error) });
      }
    }
  }

  #remove(digest: string): void {
    const { bytes, inodes, orphans } = this.#context;
    if (!bytes.hasBlob(digest)) return;
    const size = bytes.blobSize(digest);
    if (size <= atOnceBytesMax) {
      bytes.removeBlob(digest);
      return;
    }
    const spare = inodes.spare();
    bytes.fillWork(digest, spare, false);
    orphans.garbage.add(spare, size);
  }
}
