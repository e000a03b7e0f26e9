/**
 * When the write-ahead log is folded back into the database. That waits for the disk, so it is done when nothing
 * has been committed for a while; under continuous load when the log would otherwise grow without bound.
 */
import type { Database } from "./database.ts";

/** Time without a commit after which a checkpoint disturbs nobody, in milliseconds. */
const idleMs = 1000;
/** Commits after which it is done anyway: about 100 MB of log. */
const commitsMax = 4096;

export class Checkpoints {
  readonly #db: Database;
  #done: number;
  #seen: number;
  #seenMs = Number.NEGATIVE_INFINITY;

  constructor(db: Database) {
    this.#db = db;
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
    return commitCount - this.#done >= commitsMax ? nowMs : this.#seenMs + idleMs;
  }

  tick(nowMs: number): void {
    if (nowMs < this.dueMs(nowMs)) return;
    this.#db.checkpoint();
    this.#done = this.#db.commitCount;
  }
}
