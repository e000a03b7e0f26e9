/**
 * Names that go. An entry that the server may know of stays as a deleted one until its deletion is confirmed; any
 * other is dropped at once (docs/spec/store.md, REMOVE-n).
 */
import { type Caller, FsError, isDirectory, rootIno } from "@smfs/core";
import type { Aliases } from "./aliases.ts";
import type { NamedEntry } from "./entries.ts";
import type { FileContext } from "./file-context.ts";
import type { InodeRow } from "./inodes.ts";
import { linkOf, setLinkVersions } from "./link-versions.ts";

export class Removal {
  readonly #context: FileContext;
  readonly #aliases: Aliases;
  readonly #hasOp;
  readonly #dropMoved;

  constructor(context: FileContext, aliases: Aliases) {
    this.#context = context;
    this.#aliases = aliases;
    const { sql } = context.db;
    this.#hasOp = sql.prepare<[string], number>("SELECT 1 FROM op WHERE fid = ?").pluck();
    this.#dropMoved = sql.prepare("DELETE FROM moved WHERE dir_ino = ?");
  }

  unlink(parent: number, name: string, _caller: Caller): void {
    const { entry, inode } = this.#find(parent, name);
    if (isDirectory(inode.mode)) throw new FsError("EISDIR", name);
    this.#remove(entry, inode);
  }

  rmdir(parent: number, name: string, _caller: Caller): void {
    if (name === ".") throw new FsError("EINVAL", name);
    if (name === "..") throw new FsError("ENOTEMPTY", name);
    const { entry, inode } = this.#find(parent, name);
    if (!isDirectory(inode.mode)) throw new FsError("ENOTDIR", name);
    this.checkEmpty(inode.ino);
    this.#remove(entry, inode);
  }

  /** @throws FsError ENOTEMPTY */
  checkEmpty(directory: number): void {
    if (this.#context.entries.hasChildren(directory)) {
      throw new FsError("ENOTEMPTY", `directory ${directory}`);
    }
  }

  #find(parent: number, name: string): { entry: NamedEntry; inode: InodeRow } {
    const { entries, inodes } = this.#context;
    const entry = entries.named(parent, name);
    if (entry === undefined) {
      if (!isDirectory(inodes.get(parent).mode)) throw new FsError("ENOTDIR", `inode ${parent}`);
      throw new FsError("ENOENT", name);
    }
    return { entry, inode: inodes.get(entry.ino) };
  }

  #remove(entry: NamedEntry, inode: InodeRow): void {
    const { db, inodes, versions } = this.#context;
    db.transaction(() => {
      const version = versions.next();
      this.drop(entry, inode, version, inodes.touched());
      this.leftEmpty(entry.parent, version);
      this.#aliases.endAt(entry.parent, entry.name);
    });
    this.#context.emit({ kind: "dirty" });
  }

  /**
   * Within a transaction: a live entry loses its name, and its inode a link.
   * @param above what changes of the directory besides
   */
  drop(
    entry: NamedEntry,
    inode: InodeRow,
    version: number,
    above: Partial<Omit<InodeRow, "ino">> = {},
  ): void {
    const { entries, orphans } = this.#context;
    const isLinked = inode.nlink > 1 && !isDirectory(inode.mode);
    const link = isLinked ? linkOf(this.#context, inode.ino) : null;
    if (isDirectory(inode.mode)) this.#dropMoved.run(inode.ino);
    if (this.#isKnownRemotely(entry)) {
      entries.update(entry.fid, { state: "deleted", alias: 0, local_ver: version });
      orphans.unlinked(entry.ino, entry.parent, above);
    } else {
      orphans.dropEntry(entry, above);
    }
    // Later than the removal: where that has arrived first, nothing needs to be split for what the others say then.
    if (isLinked) setLinkVersions(this.#context, inode.ino, link, this.#context.versions.next());
  }

  /** A directory that loses its last name needs a document from now on, to be known at all (PUSH-0). */
  leftEmpty(directory: number, version: number): void {
    const { entries } = this.#context;
    if (directory === rootIno || entries.hasChildren(directory)) return;
    entries.bumpInode(directory, version);
  }

  #isKnownRemotely(entry: NamedEntry): boolean {
    return entry.doc_id !== null || entry.sent === 1 || this.#hasOp.get(entry.fid) !== undefined;
  }
}
