/**
 * Directory renames: one row changes, and everything below is dirty from that moment because an ancestor is in
 * `moved`. The entries below are then marked in slices, directory by directory (docs/spec/store.md, MOVED-n).
 */
import { isDirectory, isRegular, isSymlink } from "@smfs/core";
import type { StoreContext } from "./context.ts";
import { SinceCommit } from "./since-commit.ts";

/** Entries marked in one transaction. */
const sliceRows = 128;

interface MovedRow {
  dir_ino: number;
  seq: number;
  after_id: number;
}

interface ChildRow {
  id: number;
  fid: string;
  ino: number;
  local_ver: number;
  local_only: number;
  mode: number;
}

export class MovedDirectories {
  readonly #context: StoreContext;
  readonly #put;
  readonly #first;
  readonly #children;
  readonly #advance;
  readonly #drop;
  readonly #isPending: SinceCommit<boolean>;

  constructor(context: StoreContext) {
    this.#context = context;
    const { sql } = context.db;
    // A directory that is marked already for a later rename stays marked for that one, from its start.
    this.#put = sql.prepare(
      `INSERT INTO moved (dir_ino, seq, after_id) VALUES (?, ?, 0)
       ON CONFLICT (dir_ino) DO UPDATE SET seq = max(seq, excluded.seq), after_id = 0`,
    );
    this.#first = sql.prepare<[], MovedRow>("SELECT * FROM moved LIMIT 1");
    this.#children = sql.prepare<[number, number, number], ChildRow>(
      `SELECT entry.id, fid, entry.ino, local_ver, local_only, mode FROM entry JOIN inode ON inode.ino = entry.ino
       WHERE parent = ? AND id > ? AND state = 'live' ORDER BY id LIMIT ? + 0`,
    );
    this.#advance = sql.prepare("UPDATE moved SET after_id = ? WHERE dir_ino = ?");
    this.#drop = sql.prepare("DELETE FROM moved WHERE dir_ino = ?");
    this.#isPending = new SinceCommit(context.db, () => this.#first.get() !== undefined);
  }

  /** Within the transaction of a directory's rename, which `version` marks. */
  start(directory: number, version: number): void {
    if (this.#context.entries.hasChildren(directory)) this.#put.run(directory, version);
  }

  get isPending(): boolean {
    return this.#isPending.value;
  }

  /** Marks entries for `sliceMs` milliseconds. Returns whether more is left. */
  mark(sliceMs: number): boolean {
    const { db, clock } = this.#context;
    const endMs = clock.monotonic() + sliceMs;
    while (this.isPending) {
      db.transaction(() => this.#slice());
      if (clock.monotonic() >= endMs) return this.isPending;
    }
    return false;
  }

  #slice(): void {
    const moved = this.#first.get();
    if (moved === undefined) return;
    const { entries, versions } = this.#context;
    const children = this.#children.all(moved.dir_ino, moved.after_id, sliceRows);
    const version = versions.next();
    for (const child of children) {
      // Below it nothing may be marked yet, whatever has happened to the directory itself since.
      if (isDirectory(child.mode) && entries.hasChildren(child.ino)) {
        this.#put.run(child.ino, moved.seq);
      }
      // Who moves the directory of an alias moves the alias: its document follows (ALIAS-2).
      if (child.local_ver < moved.seq) entries.update(child.fid, { local_ver: version, alias: 0 });
      // Patterns are about paths: whether it stays here is looked at anew (IGNORE-1).
      if (child.local_only === 1 && !isSpecial(child.mode))
        entries.update(child.fid, { local_only: 0 });
    }
    const last = children.at(-1);
    if (children.length < sliceRows || last === undefined) this.#drop.run(moved.dir_ino);
    else this.#advance.run(last.id, moved.dir_ino);
    this.#context.db.afterCommit(() => this.#context.emit({ kind: "dirty" }));
  }
}

function isSpecial(mode: number): boolean {
  return !isRegular(mode) && !isSymlink(mode) && !isDirectory(mode);
}
