/**
 * Units one after another, several in one commit.
 *
 * Syncing the disk costs more than a small unit, so units that arrive together share one commit: each in a
 * savepoint of its own, so that one that throws takes nothing of the others with it. Nobody is answered before
 * the commit is durable.
 */
import { AssertionError, type Clock } from "@smfs/core";
import { OverloadedError, StorageClosedError, StorageFullError } from "../storage-error.ts";
import type { Database } from "./database.ts";

/** Units in one commit, and milliseconds after which no further one joins: bounds how long the first waits. */
const unitsPerCommitMax = 256;
const commitMsMax = 10;
/** Units that may wait. More means that clients send faster than the disk takes: they are told to come back. */
const unitsWaitingMax = 20_000;

interface Pending {
  readonly run: () => Promise<unknown>;
  readonly resolve: (value: unknown) => void;
  readonly reject: (error: unknown) => void;
}

type Outcome = { readonly value: unknown } | { readonly error: unknown };

export class UnitQueue {
  private readonly waiting: Pending[] = [];
  private readonly begin;
  private readonly commit;
  private readonly rollback;
  private readonly savepoint;
  private readonly release;
  private readonly rollbackTo;
  private running: Promise<void> | undefined;
  private closed: StorageClosedError | undefined;
  private readonly db: Database;
  private readonly clock: Clock;
  private readonly hooks: UnitHooks;

  constructor(db: Database, clock: Clock, hooks: UnitHooks) {
    this.db = db;
    this.clock = clock;
    this.hooks = hooks;
    this.begin = db.prepare("BEGIN IMMEDIATE");
    this.commit = db.prepare("COMMIT");
    this.rollback = db.prepare("ROLLBACK");
    this.savepoint = db.prepare("SAVEPOINT unit");
    this.release = db.prepare("RELEASE unit");
    this.rollbackTo = db.prepare("ROLLBACK TO unit");
  }

  /** Resolves with what `unit` resolves with, once that is durable. */
  run<T>(unit: () => Promise<T>): Promise<T> {
    if (this.closed !== undefined) return Promise.reject(this.closed);
    if (this.waiting.length >= unitsWaitingMax)
      return Promise.reject(new OverloadedError(unitsWaitingMax));
    return new Promise<T>((resolve, reject) => {
      // The queue hands each unit's own value back to it.
      this.waiting.push({ run: unit, resolve: resolve as (value: unknown) => void, reject });
      this.running ??= this.drain();
    });
  }

  /** Refuses new units, waits for those that were accepted. */
  async close(): Promise<void> {
    this.closed ??= new StorageClosedError("the server is stopping");
    await this.running;
  }

  private async drain(): Promise<void> {
    while (this.waiting.length > 0) {
      // Once around the event loop: requests that arrived together join one commit.
      await immediate();
      await this.commitGroup();
    }
    this.running = undefined;
  }

  private async commitGroup(): Promise<void> {
    const group: Pending[] = [];
    const outcomes: Outcome[] = [];
    try {
      this.begin.run();
      const started = this.clock.monotonic();
      while (group.length < unitsPerCommitMax && this.clock.monotonic() - started < commitMsMax) {
        const pending = this.waiting.shift();
        if (pending === undefined) break;
        group.push(pending);
        outcomes.push(await this.runUnit(pending));
      }
      this.hooks.beforeCommit();
      this.commit.run();
    } catch (error) {
      this.abandon(group, error);
      return;
    }
    for (const [index, pending] of group.entries()) {
      const outcome = outcomes[index];
      if (outcome !== undefined && "value" in outcome) pending.resolve(outcome.value);
      else pending.reject(outcome?.error);
    }
    this.hooks.afterCommit();
  }

  private async runUnit(pending: Pending): Promise<Outcome> {
    this.savepoint.run();
    // A unit only awaits its transaction, whose promises settle as microtasks: before any immediate runs.
    const outside = { waited: false };
    const watch = setImmediate(() => {
      outside.waited = true;
    });
    try {
      const value = await pending.run();
      if (outside.waited) throw new AssertionError("a unit awaits only its transaction");
      this.release.run();
      return { value };
    } catch (error) {
      // Some failures (disk full, I/O error) end the whole transaction: then the group fails as one.
      if (!this.db.inTransaction) throw error;
      this.rollbackTo.run();
      this.release.run();
      return { error: told(error) };
    } finally {
      clearImmediate(watch);
    }
  }

  /** A commit that failed: nothing of the group is there, and after an I/O error nothing may be believed. */
  private abandon(group: readonly Pending[], error: unknown): void {
    if (this.db.inTransaction) this.rollback.run();
    if (isFatal(error)) {
      this.closed = new StorageClosedError(String(error));
      this.hooks.failed(error);
      for (const pending of this.waiting.splice(0)) pending.reject(this.closed);
    }
    for (const pending of group) pending.reject(told(error));
  }
}

/** What the storage does around commits. */
export interface UnitHooks {
  beforeCommit(): void;
  afterCommit(): void;
  /** The storage had to stop: see docs/architecture.md, "a failed sync is never repeated". */
  failed(error: unknown): void;
}

function codeOf(error: unknown): string {
  const code = (error as { code?: unknown } | undefined)?.code;
  return typeof code === "string" ? code : "";
}

function isFatal(error: unknown): boolean {
  return /^SQLITE_(IOERR|CORRUPT|NOTADB|CANTOPEN)/.test(codeOf(error));
}

/** An error in the storage's own words, where it has some. */
function told(error: unknown): unknown {
  return codeOf(error) === "SQLITE_FULL" ? new StorageFullError() : error;
}

function immediate(): Promise<void> {
  return new Promise((resolve) => {
    setImmediate(resolve);
  });
}
