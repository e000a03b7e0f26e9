/**
 * Inodes without a name: they live until nobody has them open, the frontend has forgotten them, and no deleted
 * entry refers to them. What a crash leaves behind is collected by recover.ts.
 *
 * Freeing acknowledges nothing, so it takes no commit of its own while operations keep coming: it rides with the
 * next transaction, or is done by `tick` when there is none.
 */
import { type Clock, isDirectory, isRegular, type Logger } from "@smfs/core";
import type { ByteStore } from "./byte-store.ts";
import type { Database } from "./database.ts";
import type { Entries, EntryRow } from "./entries.ts";
import { Garbage } from "./garbage.ts";
import type { InodeRow, Inodes } from "./inodes.ts";
import type { OpenFiles } from "./open-files.ts";
import { ReadyFiles } from "./ready-files.ts";

interface OrphansContext {
  readonly db: Database;
  readonly inodes: Inodes;
  readonly entries: Entries;
  readonly bytes: ByteStore;
  readonly openFiles: OpenFiles;
  readonly clock: Clock;
  readonly log: Logger;
}

/** Inodes freed in one transaction at most. */
const batchMax = 128;
/**
 * Milliseconds that freeing waits for a transaction to ride with. Without it whoever removes one file after another
 * would have each freed by a transaction of its own, in the moment in which he comes with the next.
 */
const rideMs = 10;

export class Orphans {
  readonly #context: OrphansContext;
  /** Working files that wait for a row, and those whose row is gone. */
  readonly ready: ReadyFiles;
  readonly garbage: Garbage;
  readonly #held = new Set<number>();
  /** Inodes without a name that were in use when they lost it. */
  readonly #inUse = new Set<number>();
  /** Those of them that nobody uses any more, and since when there is any. */
  readonly #unused = new Set<number>();
  #unusedSinceMs = 0;
  /** Inodes whose name sync has given to another inode: what is written to one of them is written to no file. */
  readonly #replaced = new Set<number>();
  readonly #hasAttempts;
  readonly #deleteOp;
  readonly #deleteRevs;

  constructor(context: OrphansContext) {
    this.#context = context;
    const { db, bytes, inodes, log } = context;
    this.ready = new ReadyFiles(bytes, inodes, log);
    this.garbage = new Garbage(db, bytes, this.ready, log);
    this.#hasAttempts = context.db.sql
      .prepare<[string, string], number>(
        "SELECT EXISTS (SELECT 1 FROM op WHERE fid = ?) OR EXISTS (SELECT 1 FROM rev WHERE fid = ?)",
      )
      .pluck();
    this.#deleteOp = context.db.sql.prepare("DELETE FROM op WHERE fid = ?");
    this.#deleteRevs = context.db.sql.prepare("DELETE FROM rev WHERE fid = ?");
    context.db.atBegin(() => this.#freeUnused());
  }

  /** The frontend refers to this inode. */
  hold(ino: number): void {
    this.#held.add(ino);
  }

  /** The frontend refers to it no more. Frees the inode, soon, if nothing else needs it. */
  forget(ino: number): void {
    if (this.#held.delete(ino)) this.noteUnused(ino);
  }

  isHeld(ino: number): boolean {
    return this.#held.has(ino);
  }

  /** Whether an inode is known to be without a name, and will be freed when nobody uses it. */
  isWaiting(ino: number): boolean {
    return this.#inUse.has(ino);
  }

  /** Within a transaction: sync has given a name of the inode to another one. */
  noteReplaced(ino: number): void {
    this.#context.db.afterCommit(() => {
      if (this.#inUse.has(ino)) this.#replaced.add(ino);
    });
  }

  /**
   * Whether an inode has lost its last name to sync, and not to a user: somebody may have looked the name up before, and
   * must not open for writing what he found then.
   */
  isReplaced({ ino, nlink }: Pick<InodeRow, "ino" | "nlink">): boolean {
    return nlink === 0 && this.#replaced.has(ino);
  }

  /** An inode without a name was made, and is open. */
  noteInUse(ino: number): void {
    this.#inUse.add(ino);
  }

  /** An inode was closed or forgotten: if it has no name it is freed, soon. */
  noteUnused(ino: number): void {
    if (!this.#inUse.has(ino)) return;
    if (this.#unused.size === 0) this.#unusedSinceMs = this.#context.clock.monotonic();
    this.#unused.add(ino);
  }

  /** When `tick` is to free what no transaction has taken along, on the monotonic clock; infinite for nothing. */
  get dueMs(): number {
    return this.#unused.size === 0 ? Number.POSITIVE_INFINITY : this.#unusedSinceMs + rideMs;
  }

  /** Frees what no transaction has taken along. */
  tick(): void {
    if (this.#unused.size > 0) this.#context.db.transaction(() => undefined);
  }

  /**
   * Removes an entry's row with its attempt. A live one takes its link with it. Within a transaction.
   * @param above what changes of its directory besides, if it is live
   */
  dropEntry(
    entry: Pick<EntryRow, "fid" | "state" | "ino" | "parent">,
    above: Partial<Omit<InodeRow, "ino">> = {},
  ): void {
    const { entries } = this.#context;
    // What was never sent has neither: one question costs less than two deletions of nothing.
    if (this.#hasAttempts.get(entry.fid, entry.fid) === 1) {
      this.#deleteOp.run(entry.fid);
      this.#deleteRevs.run(entry.fid);
    }
    entries.delete(entry.fid);
    if (entry.state === "live") this.unlinked(entry.ino, entry.parent, above);
    else this.freeIfUnused(entry.ino);
  }

  /** A name of `ino` in `parent` is gone: counts links down and frees what is unused. Within a transaction. */
  unlinked(ino: number, parent: number, above: Partial<Omit<InodeRow, "ino">> = {}): void {
    const { inodes } = this.#context;
    const inode = inodes.get(ino);
    const isDir = isDirectory(inode.mode);
    const links = isDir ? (inodes.find(parent)?.nlink ?? 0) : 0;
    inodes.update(parent, links > 2 ? { ...above, nlink: links - 1 } : above);
    const nlink = isDir ? 0 : inode.nlink - 1;
    if (nlink === 0 && this.#free({ ...inode, nlink })) return;
    inodes.update(ino, { nlink, ...inodes.touched(true) });
    if (nlink === 0) this.#inUse.add(ino);
  }

  /**
   * Frees an inode that has no name, is not open and is not held: its bytes at once, its row when no deleted
   * entry refers to it any more. Within a transaction; the working file goes after the commit (STORE-5).
   */
  freeIfUnused(ino: number): void {
    const inode = this.#context.inodes.find(ino);
    if (inode === undefined || inode.nlink > 0) return;
    if (!this.#free(inode)) this.#inUse.add(ino);
  }

  /** Whether the inode is freed, or only its row stays, for a deleted entry. */
  #free(inode: InodeRow): boolean {
    const { db, inodes, entries, openFiles } = this.#context;
    const { ino } = inode;
    if (openFiles.isOpen(ino) || this.#held.has(ino)) return false;
    if (entries.refersTo(ino)) inodes.update(ino, { nlink: 0, writers: 0, fill: null });
    else inodes.delete(ino);
    if (isRegular(inode.mode) && inode.stub === 0) {
      db.afterCommit(() => this.garbage.add(ino, inode.writers === 1 ? undefined : inode.size));
    }
    db.afterCommit(() => {
      this.#inUse.delete(ino);
      this.#replaced.delete(ino);
    });
    return true;
  }

  /** Within a transaction that has just begun. */
  #freeUnused(): void {
    if (this.#unused.size === 0) return;
    const due = [...this.#unused].slice(0, batchMax);
    for (const ino of due) this.freeIfUnused(ino);
    // One that got a name, or is open again, is noted anew when it is let go.
    this.#context.db.afterCommit(() => {
      for (const ino of due) this.#unused.delete(ino);
    });
  }
}
