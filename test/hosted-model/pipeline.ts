/** Processing: what happens to a document between the answer to a write and `done`. */
import type { Random } from "@smfs/core";
import type { Doc, Status } from "./document.ts";
import type { Quirks } from "./quirks.ts";

/** Statuses on the way, and the share of the whole time at which each begins. */
const stages: readonly (readonly [Status, number])[] = [
  ["extracting", 0.2],
  ["chunking", 0.4],
  ["embedding", 0.6],
  ["indexing", 0.8],
];

interface Job {
  readonly id: string;
  /** Monotonic milliseconds. */
  readonly startedAt: number;
  readonly endsAt: number;
  readonly fails: boolean;
  stage: number;
  /** Writes that wait for the end of this processing. */
  readonly queued: (() => void)[];
}

/** What the pipeline does to documents; the model carries it out. */
export interface PipelineEffects {
  stage(id: string, status: Status): void;
  end(id: string, status: "done" | "failed"): void;
  autoDelete(id: string): void;
}

export class Pipeline {
  readonly #quirksNow: () => Quirks;
  readonly #random: Random;
  readonly #effects: PipelineEffects;
  readonly #jobs = new Map<string, Job>();
  /** Failed documents and the monotonic time at which they are deleted. */
  readonly #failed = new Map<string, number>();
  /** While held, no processing makes progress (a control of tests). */
  held = false;

  constructor(quirks: () => Quirks, random: Random, effects: PipelineEffects) {
    this.#quirksNow = quirks;
    this.#random = random;
    this.#effects = effects;
  }

  get #quirks(): Quirks {
    return this.#quirksNow();
  }

  /** Whether a write at this moment is answered with `done`. */
  get isInstant(): boolean {
    const { processingMs, failShare, stuckShare } = this.#quirks;
    return processingMs[1] === 0 && failShare === 0 && stuckShare === 0 && !this.held;
  }

  isBusy(id: string): boolean {
    return this.#jobs.has(id);
  }

  start(doc: Doc, now: number): void {
    const queued = this.#jobs.get(doc.id)?.queued ?? [];
    const [least, most] = this.#quirks.processingMs;
    const ms = least + Math.floor(this.#random.next() * (most - least + 1));
    const stuck = this.#quirks.stuckShare > 0 && this.#random.next() < this.#quirks.stuckShare;
    const fails = this.#quirks.failShare > 0 && this.#random.next() < this.#quirks.failShare;
    const endsAt = stuck ? Number.POSITIVE_INFINITY : now + ms;
    this.#failed.delete(doc.id);
    this.#jobs.set(doc.id, { id: doc.id, startedAt: now, endsAt, fails, stage: 0, queued });
  }

  /** Runs `write` when the processing of `id` has ended. */
  queue(id: string, write: () => void): void {
    this.#jobs.get(id)?.queued.push(write);
  }

  drop(id: string): void {
    this.#jobs.delete(id);
    this.#failed.delete(id);
  }

  /** What was stuck is taken up again. */
  restart(now: number): void {
    for (const [id, job] of this.#jobs)
      if (job.endsAt === Number.POSITIVE_INFINITY)
        this.#jobs.set(id, { ...job, endsAt: now + this.#quirks.processingMs[1] });
  }

  /** When the next thing happens by itself: monotonic milliseconds, or Infinity. */
  nextAt(): number {
    let next = Number.POSITIVE_INFINITY;
    if (!this.held)
      for (const job of this.#jobs.values()) next = Math.min(next, stageAt(job) ?? job.endsAt);
    for (const at of this.#failed.values()) next = Math.min(next, at);
    return next;
  }

  /** Makes everything happen that is due at `now`, in order of time. */
  advance(now: number): void {
    while (this.nextAt() <= now) {
      const at = this.nextAt();
      for (const [id, deleteAt] of [...this.#failed]) {
        if (deleteAt > at) continue;
        this.#failed.delete(id);
        this.#effects.autoDelete(id);
      }
      if (this.held) continue;
      for (const job of [...this.#jobs.values()]) this.#step(job, at);
    }
  }

  #step(job: Job, at: number): void {
    const due = stageAt(job);
    if (due !== undefined) {
      if (due > at) return;
      const status = stages[job.stage]?.[0];
      job.stage += 1;
      if (status !== undefined) this.#effects.stage(job.id, status);
      return;
    }
    if (job.endsAt > at) return;
    this.#jobs.delete(job.id);
    if (job.fails) this.#failed.set(job.id, at + this.#quirks.failedDeleteMs);
    this.#effects.end(job.id, job.fails ? "failed" : "done");
    for (const write of job.queued) write();
  }
}

/** When the job's next stage begins; undefined after the last one, or when it is stuck. */
function stageAt(job: Job): number | undefined {
  const share = stages[job.stage]?.[1];
  if (share === undefined || job.endsAt === Number.POSITIVE_INFINITY) return undefined;
  return job.startedAt + (job.endsAt - job.startedAt) * share;
}
