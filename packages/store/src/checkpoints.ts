/**
 * When the write-ahead log is folded back into the database. That waits for the disk, for a second and more when others
 * write too, so it is done when nothing has been committed for a while. Under continuous load only the redo log is synced
 * now and then, by another thread: what was removed can be freed then. The logs are bounded all the same.
 */
import type { Database } from "./database.ts";
import type { Syncs } from "./syncs.ts";

/** Time without a commit after which a checkpoint disturbs nobody, in milliseconds. */
const idleMs = 1000;
/** Commits after which they are made durable. */
const commitsMax = 4096;
/** Commits and bytes of records after which a checkpoint is done anyway: about 100 MB of write-ahead log. */
const commitsLong = 32_768;
const recordBytesLong = 32 << 20;

export class Checkpoints {
  readonly #db: Database;
  readonly #syncs: Pick<Syncs, "syncLog" | "isLogRunning"> | undefined;
  /** Commits, and bytes of records, after the last checkpoint. */
  #done: number;
  #doneBytes = 0;
  #seen: number;
  #seenMs = Number.NEGATIVE_INFINITY;

  /** @param syncs has the log synced elsewhere; without it a checkpoint makes commits durable */
  constructor(db: Database, syncs?: Pick<Syncs, "syncLog" | "isLogRunning">) {
    this.#db = db;
    this.#syncs = syncs;
    this.#done = db.commitCount;
    this.#seen = db.commitCount;
  }

  /** When `tick` has something to do, on the monotonic clock; infinite when nothing was committed. */
  dueMs(nowMs: number): number {
    const { commitCount } = this.#db;
    if (commitCount === this.#done) return Number.POSITIVE_INFINITY;
    if (commitCount !== this.#seen) {
      this.#seen = commitCount;
      this.#seenMs = nowMs;
    }
    return this.#isLong || this.#isSyncDue ? nowMs : this.#seenMs + idleMs;
  }

  tick(nowMs: number): void {
    if (nowMs < this.dueMs(nowMs)) return;
    if (!this.#isLong && this.#isSyncDue) {
      this.#syncs?.syncLog();
      return;
    }
    this.#db.checkpoint();
    this.#done = this.#db.commitCount;
    // On a full disk the records stay, and are not to be tried again with each commit.
    this.#doneBytes = this.#db.recordBytes;
  }

  get #isLong(): boolean {
    const { commitCount, recordBytes } = this.#db;
    const commits = this.#syncs === undefined ? commitsMax : commitsLong;
    return commitCount - this.#done >= commits || recordBytes - this.#doneBytes >= recordBytesLong;
  }

  get #isSyncDue(): boolean {
    if (this.#syncs === undefined || this.#syncs.isLogRunning) return false;
    return this.#db.commitCount - this.#db.durableCount >= commitsMax;
  }
}
