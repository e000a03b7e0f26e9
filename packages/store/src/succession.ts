/**
 * Makes true what successors.ts tells: a directory whose names all went elsewhere takes the place of the directory that
 * was made for them there. The name, its document and its permissions are that one's; the inode is the old one.
 */
import { rootIno } from "@smfs/core";
import type { StoreContext } from "./context.ts";
import type { EntryRow } from "./entries.ts";
import { namesMax, Successors, takesPlace } from "./successors.ts";

/** Where something was moved. */
interface MovedTo {
  readonly parent: number;
  readonly name: string;
  readonly alias: boolean;
  readonly made?: readonly number[];
}

export class Succession {
  readonly #context: StoreContext;
  readonly #successors = new Successors();
  readonly #names;
  readonly #hasNames;
  readonly #adopt;
  readonly #isMoving;
  readonly #hasOp;

  constructor(context: StoreContext) {
    this.#context = context;
    const { sql } = context.db;
    this.#names = sql
      .prepare<[number, number], string>("SELECT name FROM entry WHERE parent = ? LIMIT ? + 0")
      .pluck();
    this.#hasNames = sql.prepare<[number]>("SELECT 1 FROM entry WHERE parent = ? LIMIT 1").pluck();
    this.#adopt = sql.prepare<[number, number]>("UPDATE entry SET parent = ? WHERE parent = ?");
    this.#isMoving = sql.prepare<[]>("SELECT 1 FROM moved LIMIT 1").pluck();
    this.#hasOp = sql.prepare<[string]>("SELECT 1 FROM op WHERE fid = ?").pluck();
    context.db.onRollback(() => this.#successors.clear());
  }

  /** An entry goes from where it is to `place`, since it was moved there elsewhere. */
  moved(entry: EntryRow, { parent, name, alias, made = [] }: MovedTo): void {
    const nowMs = this.#context.clock.monotonic();
    for (const directory of made) this.#successors.made(directory, nowMs);
    const isAlike = !alias && entry.alias === 0 && entry.name === name;
    this.#successors.left({ from: entry.parent, to: parent, isAlike }, nowMs);
  }

  /** A directory's document was moved to the directory `to`. */
  documentMoved(directory: number, to: number, made: readonly number[]): void {
    const nowMs = this.#context.clock.monotonic();
    for (const one of made) this.#successors.made(one, nowMs);
    this.#successors.left({ from: directory, to, isAlike: true }, nowMs);
  }

  /** Something in a directory was deleted elsewhere. */
  lost(directory: number): void {
    this.#successors.lost(directory, this.#context.clock.monotonic());
  }

  /**
   * An empty directory goes to where all that was in it went. Within a transaction.
   * @returns false when there is no such place: then it is the caller's to remove
   */
  follow(entry: EntryRow): boolean {
    const to = this.#successorOf(entry);
    const nowMs = this.#context.clock.monotonic();
    this.#successors.forget(entry.ino);
    if (to === undefined) {
      this.#successors.lost(entry.parent, nowMs);
      return false;
    }
    this.#successors.forget(to.ino);
    const isAlike = entry.name === to.name;
    this.#successors.left({ from: entry.parent, to: to.parent, isAlike }, nowMs);
    this.#takePlace(entry, to);
    return true;
  }

  #successorOf(entry: EntryRow): EntryRow | undefined {
    const { entries, orphans } = this.#context;
    const ino = this.#successors.of(entry.ino);
    if (ino === undefined || ino === rootIno) return undefined;
    const to = entries.ofInode(ino).find(({ state }) => state === "live");
    if (to === undefined) return undefined;
    const isGiven = takesPlace({
      isUnsettled: to.alias === 1 || this.#hasOp.get(to.fid) !== undefined,
      isNested:
        entries.ancestors(entry.parent).includes(ino) ||
        entries.ancestors(to.parent).includes(entry.ino),
      isMoving: this.#isMoving.get() !== undefined,
      names: this.#names.all(ino, namesMax + 1).length,
      hasDeleted: this.#hasNames.get(entry.ino) !== undefined,
      isUsed: orphans.isHeld(entry.ino),
      isSuccessorUsed: orphans.isHeld(ino),
    });
    return isGiven ? to : undefined;
  }

  #takePlace(entry: EntryRow, to: EntryRow): void {
    const { entries, inodes, orphans, invalidate } = this.#context;
    const { ino } = entry;
    const { mode, nlink, bytes_ver, synced_ver } = inodes.get(to.ino);
    this.#adopt.run(ino, to.ino);
    entries.update(to.fid, { ino });
    inodes.update(ino, { mode, nlink, bytes_ver, synced_ver, ...inodes.touched() });
    // The other inode goes with the old name.
    entries.update(entry.fid, { ino: to.ino });
    orphans.dropEntry({ ...entry, ino: to.ino }, inodes.touched());
    inodes.update(to.parent, inodes.touched());
    // Dropped at once, the old name would take the directory from under whoever stands in it.
    invalidate({ kind: "entry", parent: entry.parent, name: entry.name, isExpired: true });
    invalidate({ kind: "entry", parent: to.parent, name: to.name });
    invalidate({ kind: "inode", ino });
    if (!orphans.isHeld(ino)) return;
    // The kernel may remember that they were gone.
    for (const name of this.#names.all(ino, namesMax)) {
      invalidate({ kind: "entry", parent: ino, name });
    }
  }
}
