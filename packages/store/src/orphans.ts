/**
 * Inodes without a name: they live until nobody has them open, the frontend has forgotten them, and no deleted
 * entry refers to them. What a crash leaves behind is collected by recover.ts.
 */
import { isDirectory, isRegular } from "@smfs/core";
import type { ByteStore } from "./byte-store.ts";
import type { Database } from "./database.ts";
import type { Entries, EntryRow } from "./entries.ts";
import type { Inodes } from "./inodes.ts";
import type { OpenFiles } from "./open-files.ts";

interface OrphansContext {
  readonly db: Database;
  readonly inodes: Inodes;
  readonly entries: Entries;
  readonly bytes: ByteStore;
  readonly openFiles: OpenFiles;
}

export class Orphans {
  readonly #context: OrphansContext;
  readonly #held = new Set<number>();
  readonly #deleteOp;
  readonly #deleteRevs;

  constructor(context: OrphansContext) {
    this.#context = context;
    this.#deleteOp = context.db.sql.prepare("DELETE FROM op WHERE fid = ?");
    this.#deleteRevs = context.db.sql.prepare("DELETE FROM rev WHERE fid = ?");
  }

  /** The frontend refers to this inode. */
  hold(ino: number): void {
    this.#held.add(ino);
  }

  /** The frontend refers to it no more. Frees the inode if nothing else needs it. */
  forget(ino: number): void {
    if (!this.#held.delete(ino)) return;
    const inode = this.#context.inodes.find(ino);
    if (inode?.nlink === 0) this.#context.db.transaction(() => this.freeIfUnused(ino));
  }

  isHeld(ino: number): boolean {
    return this.#held.has(ino);
  }

  /** Removes an entry's row with its attempt. A live one takes its link with it. Within a transaction. */
  dropEntry(entry: EntryRow): void {
    const { entries } = this.#context;
    this.#deleteOp.run(entry.fid);
    this.#deleteRevs.run(entry.fid);
    entries.delete(entry.fid);
    if (entry.state === "live") this.unlinked(entry.ino, entry.parent);
    else this.freeIfUnused(entry.ino);
  }

  /** A name of `ino` in `parent` is gone: counts links down and frees what is unused. Within a transaction. */
  unlinked(ino: number, parent: number): void {
    const { inodes } = this.#context;
    const inode = inodes.get(ino);
    if (isDirectory(inode.mode)) {
      inodes.update(ino, { nlink: 0, ...inodes.touched(true) });
      const above = inodes.find(parent);
      if (above !== undefined && above.nlink > 2) inodes.update(parent, { nlink: above.nlink - 1 });
    } else {
      inodes.update(ino, { nlink: inode.nlink - 1, ...inodes.touched(true) });
    }
    this.freeIfUnused(ino);
  }

  /**
   * Frees an inode that has no name, is not open and is not held: its bytes at once, its row when no deleted
   * entry refers to it any more. Within a transaction; the working file goes after the commit (STORE-5).
   */
  freeIfUnused(ino: number): void {
    const { db, inodes, entries, bytes, openFiles } = this.#context;
    const inode = inodes.find(ino);
    if (inode === undefined || inode.nlink > 0) return;
    if (openFiles.isOpen(ino) || this.#held.has(ino)) return;
    if (entries.ofInode(ino).length === 0) inodes.delete(ino);
    if (isRegular(inode.mode) && inode.stub === 0) db.afterCommit(() => bytes.removeWork(ino));
  }
}
