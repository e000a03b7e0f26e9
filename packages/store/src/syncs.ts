/**
 * Syncs that another thread waits for: the operation is parked meanwhile, and everybody else is served
 * (docs/spec/store.md, FSYNC-3).
 */
import { type ErrnoName, Parked, type Ticket } from "@smfs/core";
import type { Descriptor } from "./byte-store.ts";
import type { Database } from "./database.ts";
import type { Waits } from "./waits.ts";

/** What is to be synced, in this order. */
export interface SyncJob {
  readonly id: number;
  /** A working file. It is the job's own descriptor: whoever does the job closes it. */
  readonly file: Descriptor | undefined;
  /** The names of the working files. */
  readonly names: boolean;
  /** The redo log, begun after all before it. */
  readonly log: boolean;
}

/** What came of a job. */
export interface SyncResult {
  readonly id: number;
  readonly failure?: { readonly of: "bytes" | "log"; readonly code: ErrnoName };
}

/** Has a job done. `Store.synced` is to be called with its result; until the store is closed, always. */
export type Syncer = (job: SyncJob) => void;

/** What was known of a file before its bytes were synced. */
export interface SyncedBytes {
  readonly ino: number;
  readonly bytesVer: number;
  readonly size: number;
}

/** What is to be done when a parked operation goes on. */
export type SyncStage = { readonly note: SyncedBytes } | "done";

interface Running {
  /** Commits before the job, if it makes them durable. */
  readonly commits: number | undefined;
  /** Whether an operation waits for it. */
  readonly isAwaited: boolean;
}

export class Syncs {
  readonly #db: Database;
  readonly #waits: Waits;
  readonly #begin: Syncer;
  readonly #running = new Map<number, Running>();
  readonly #stages = new Map<Ticket, SyncStage>();
  #next = 1;
  #isLogRunning = false;

  constructor(db: Database, waits: Waits, begin: Syncer) {
    this.#db = db;
    this.#waits = waits;
    this.#begin = begin;
  }

  /** Parks the running operation until the job is done; `stage` is what it then goes on with. */
  park(what: Omit<SyncJob, "id">, stage: SyncStage): never {
    const id = this.#next;
    this.#next += 1;
    const ticket = this.#waits.ticket(keyOf(id));
    this.#stages.set(ticket, stage);
    const commits = what.log ? this.#db.commitCount : undefined;
    this.#running.set(id, { isAwaited: true, commits });
    this.#begin({ id, ...what });
    throw new Parked(ticket, true);
  }

  /** Whether a job of `syncLog` runs. */
  get isLogRunning(): boolean {
    return this.#isLogRunning;
  }

  /** Has what is committed made durable; no operation waits for it. One at a time: while one runs it does nothing. */
  syncLog(): void {
    if (this.#isLogRunning) return;
    this.#isLogRunning = true;
    const id = this.#next;
    this.#next += 1;
    this.#running.set(id, { isAwaited: false, commits: this.#db.commitCount });
    this.#begin({ id, file: undefined, names: false, log: true });
  }

  /** What a resumed operation goes on with; undefined for one that begins. @throws FsError when the disk failed */
  resume(ticket: Ticket | undefined): SyncStage | undefined {
    if (ticket === undefined) return undefined;
    const stage = this.#stages.get(ticket);
    this.#stages.delete(ticket);
    this.#waits.take(ticket, "the disk failed under a sync");
    return stage;
  }

  /** A job has ended. */
  ended({ id, failure }: SyncResult): void {
    const running = this.#running.get(id);
    if (running === undefined) return;
    this.#running.delete(id);
    if (failure?.of === "log") this.#db.fail(new Error(`the redo log: ${failure.code}`));
    else if (failure === undefined && running.commits !== undefined) {
      this.#db.noteDurable(running.commits);
    }
    if (running.isAwaited) this.#waits.settle(keyOf(id), failure?.code ?? "ready");
    else this.#isLogRunning = false;
  }

  /** Nobody waits for the ticket any more. */
  abandon(ticket: Ticket): void {
    this.#stages.delete(ticket);
  }
}

function keyOf(id: number): string {
  return `sync ${id}`;
}
