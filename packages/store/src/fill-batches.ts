/** When fills are finished that nobody waits for: many at once, since each batch waits for the disk. */
import type { FileContext } from "./file-context.ts";
import { SinceCommit } from "./since-commit.ts";

/** Time from the first that is seen to the batch, in milliseconds. */
const gatherMs = 500;
/** Fills finished in one batch. */
const batchMax = 256;

export class FillBatches {
  readonly #context: FileContext;
  readonly #isAny: SinceCommit<boolean>;
  #firstSeenMs: number | undefined;

  constructor(context: FileContext) {
    this.#context = context;
    this.#isAny = new SinceCommit(context.db, () => context.fills.unfinished(1).length > 0);
  }

  /** When `tick` has something to do, on the monotonic clock; infinite when nothing is unfinished. */
  dueMs(nowMs: number): number {
    if (!this.#isAny.value) {
      this.#firstSeenMs = undefined;
      return Number.POSITIVE_INFINITY;
    }
    this.#firstSeenMs ??= nowMs;
    return this.#firstSeenMs + gatherMs;
  }

  tick(nowMs: number): void {
    if (nowMs < this.dueMs(nowMs)) return;
    if (!this.#context.fills.finishSome(batchMax)) this.#firstSeenMs = undefined;
  }
}
