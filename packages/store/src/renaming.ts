/**
 * Renames: to a free name, over another, exchanged with another (docs/spec/store.md, RENAME-n).
 *
 * Over another file the bytes come from the one and the identity from the other: the document that the server
 * knows at that path gets new bytes, and its history stays.
 */
import {
  type Caller,
  FsError,
  isDirectory,
  isRegular,
  isSymlink,
  linksMax,
  RENAME_EXCHANGE,
  RENAME_NOREPLACE,
  type RenameArgs,
} from "@smfs/core";
import type { Aliases } from "./aliases.ts";
import { checkNewName } from "./creation.ts";
import type { EntryChanges, NamedEntry } from "./entries.ts";
import type { FileContext } from "./file-context.ts";
import type { InodeRow } from "./inodes.ts";
import { keepBase, noteBase } from "./keep-base.ts";
import { linkOf, setLinkVersions } from "./link-versions.ts";
import type { MovedDirectories } from "./moved-directories.ts";
import type { Removal } from "./removal.ts";

/** A name that a rename is about, with what it means. */
interface Named {
  readonly entry: NamedEntry;
  readonly inode: InodeRow;
}

/** No name of a user can be this one: two entries swap their names by way of it. */
const swapName = "\0swap";

export class Renaming {
  readonly #context: FileContext;
  readonly #removal: Removal;
  readonly #moved: MovedDirectories;
  readonly #aliases: Aliases;

  constructor(context: FileContext, removal: Removal, moved: MovedDirectories, aliases: Aliases) {
    this.#context = context;
    this.#aliases = aliases;
    this.#removal = removal;
    this.#moved = moved;
  }

  rename(args: RenameArgs, _caller: Caller): void {
    const { fromParent, fromName, toParent, toName, flags } = args;
    if ((flags & ~(RENAME_NOREPLACE | RENAME_EXCHANGE)) !== 0) {
      throw new FsError("EINVAL", `rename flags ${flags}`);
    }
    checkNewName(toName);
    this.#directory(fromParent);
    const to = this.#directory(toParent);
    const from = this.#named(fromParent, fromName);
    if (from === undefined) throw new FsError("ENOENT", fromName);
    const target = this.#named(toParent, toName);
    if (target !== undefined && (flags & RENAME_NOREPLACE) !== 0) {
      throw new FsError("EEXIST", toName);
    }
    if (isDirectory(from.inode.mode)) this.#checkNoCycle(from.inode.ino, toParent);
    if ((flags & RENAME_EXCHANGE) !== 0) {
      if (target === undefined) throw new FsError("ENOENT", toName);
      this.#exchange(from, target);
    } else if (target === undefined) this.#toFree(from, to, toName);
    else this.#over(from, target);
  }

  #directory(ino: number): InodeRow {
    const row = this.#context.inodes.get(ino);
    if (!isDirectory(row.mode)) throw new FsError("ENOTDIR", `inode ${ino}`);
    if (row.nlink === 0) throw new FsError("ENOENT", `directory ${ino} was removed`);
    return row;
  }

  #named(parent: number, name: string): Named | undefined {
    const entry = this.#context.entries.named(parent, name);
    if (entry === undefined) return undefined;
    this.#context.verification.verify(entry.ino);
    return { entry, inode: this.#context.inodes.get(entry.ino) };
  }

  /** @throws FsError EINVAL when `directory` would come to lie in itself */
  #checkNoCycle(directory: number, parent: number): void {
    if (this.#context.entries.ancestors(parent).includes(directory)) {
      throw new FsError("EINVAL", `directory ${directory} into itself`);
    }
  }

  #toFree(from: Named, to: InodeRow, toName: string): void {
    const { db, entries, versions } = this.#context;
    const { entry, inode } = from;
    const isDir = isDirectory(inode.mode);
    if (isDir && to.ino !== entry.parent && to.nlink >= linksMax) {
      throw new FsError("EMLINK", `directory ${to.ino}`);
    }
    db.transaction(() => {
      const version = versions.next();
      entries.update(entry.fid, this.#moveTo(from, to.ino, toName, version));
      if (isDir) this.#moved.start(inode.ino, version);
      this.#settleParents(from, to.ino, version);
      this.#aliases.endAt(entry.parent, entry.name);
    });
    this.#context.emit({ kind: "dirty" });
  }

  #over(from: Named, target: Named): void {
    if (from.inode.ino === target.inode.ino) return;
    const fromIsDir = isDirectory(from.inode.mode);
    const targetIsDir = isDirectory(target.inode.mode);
    if (fromIsDir && !targetIsDir) throw new FsError("ENOTDIR", target.entry.name);
    if (!fromIsDir && targetIsDir) throw new FsError("EISDIR", target.entry.name);
    if (targetIsDir) this.#removal.checkEmpty(target.inode.ino);
    const { db, versions } = this.#context;
    const isHandedOn = this.#handsIdentityOn(from, target);
    const kept = isHandedOn ? keepBase(this.#context, target.inode) : undefined;
    if (kept !== undefined) this.#closeUnlessOpen(target.inode.ino);
    db.transaction(() => {
      const version = versions.next();
      if (isHandedOn) {
        noteBase(this.#context, kept);
        this.#giveInode(from, target, version);
      } else this.#takeName(from, target, version);
      this.#settleParents(from, target.entry.parent, version);
      this.#aliases.endAt(from.entry.parent, from.entry.name);
    });
    this.#context.emit({ kind: "dirty" });
  }

  /**
   * Whether the name's own document goes on with the new bytes. Not a stub's: its bytes are not here to be sent.
   * Not where one of the two is a directory or special, or the name's document does not exist.
   */
  #handsIdentityOn(from: Named, target: Named): boolean {
    if (isSpecialFile(from.inode) || isSpecialFile(target.inode)) return false;
    if (isDirectory(target.inode.mode) || from.inode.stub === 1) return false;
    return target.entry.doc_id !== null || target.entry.sent === 1;
  }

  /** f keeps its fid and document and gets the other's inode; the other name goes. */
  #giveInode(from: Named, target: Named, version: number): void {
    const { entries, inodes, orphans } = this.#context;
    const { ino } = from.inode;
    const isLinked = target.inode.nlink > 1;
    const link = isLinked ? linkOf(this.#context, target.inode.ino) : null;
    entries.update(target.entry.fid, { ino });
    inodes.update(ino, { nlink: from.inode.nlink + 1, bytes_ver: version });
    this.#removal.drop(from.entry, from.inode, version);
    entries.bumpInode(ino, version);
    orphans.unlinked(target.inode.ino, target.entry.parent);
    if (isLinked) setLinkVersions(this.#context, target.inode.ino, link, version);
  }

  /** The renamed entry keeps its fid and document and takes the name; the other goes. */
  #takeName(from: Named, target: Named, version: number): void {
    const { entries } = this.#context;
    this.#removal.drop(target.entry, target.inode, version);
    const { parent, name } = target.entry;
    entries.update(from.entry.fid, this.#moveTo(from, parent, name, version));
    if (isDirectory(from.inode.mode)) this.#moved.start(from.inode.ino, version);
  }

  /**
   * What changes of an entry that gets another name. Of the rest nothing is written, not even as it is: SQLite would write
   * every index anew that has such a column.
   */
  #moveTo(from: Named, parent: number, name: string, version: number): EntryChanges {
    const { entry } = from;
    const local = localOnly(from);
    return {
      ...(parent === entry.parent ? {} : { parent }),
      name,
      // Where it is now is where the user put it: an alias that was renamed is none any more.
      ...(this.#context.entries.mayHaveAliases ? { alias: 0 } : {}),
      ...(local === entry.local_only ? {} : { local_only: local }),
      local_ver: version,
    };
  }

  /** "names swap, inodes stay with their fid" */
  #exchange(from: Named, target: Named): void {
    const { db, entries, inodes, versions } = this.#context;
    if (from.inode.ino === target.inode.ino) return;
    const a = from.entry;
    const b = target.entry;
    const isMoved = a.parent !== b.parent;
    if (isDirectory(target.inode.mode)) this.#checkNoCycle(target.inode.ino, a.parent);
    db.transaction(() => {
      const version = versions.next();
      entries.update(a.fid, { name: swapName });
      const moved = { alias: 0, local_ver: version };
      const kept = { a: localOnly(from), b: localOnly(target) };
      entries.update(b.fid, { ...moved, parent: a.parent, name: a.name, local_only: kept.b });
      entries.update(a.fid, { ...moved, parent: b.parent, name: b.name, local_only: kept.a });
      for (const { inode } of [from, target]) {
        if (isDirectory(inode.mode)) this.#moved.start(inode.ino, version);
        inodes.update(inode.ino, inodes.touched(true));
      }
      for (const parent of new Set([a.parent, b.parent])) inodes.update(parent, inodes.touched());
      const balance = Number(isDirectory(target.inode.mode)) - Number(isDirectory(from.inode.mode));
      if (isMoved && balance !== 0) {
        this.#addLinks(a.parent, balance);
        this.#addLinks(b.parent, -balance);
      }
    });
    this.#context.emit({ kind: "dirty" });
  }

  /** Times and link counts of the two directories, and of what moved. */
  #settleParents(from: Named, toParent: number, version: number): void {
    const { inodes } = this.#context;
    const fromParent = from.entry.parent;
    inodes.update(from.inode.ino, inodes.touched(true));
    inodes.update(fromParent, inodes.touched());
    if (toParent === fromParent) return;
    inodes.update(toParent, inodes.touched());
    if (isDirectory(from.inode.mode)) {
      this.#addLinks(fromParent, -1);
      this.#addLinks(toParent, 1);
    }
    this.#removal.leftEmpty(fromParent, version);
  }

  #addLinks(directory: number, count: number): void {
    const { inodes } = this.#context;
    inodes.update(directory, { nlink: inodes.get(directory).nlink + count });
  }

  #closeUnlessOpen(ino: number): void {
    if (!this.#context.openFiles.isOpen(ino)) this.#context.working.close(ino);
  }
}

/** A special file stays here as what it is; whether a pattern matches the new path is looked at anew (IGNORE-1). */
function localOnly({ entry, inode }: Named): number {
  return isSpecialFile(inode) ? entry.local_only : 0;
}

function isSpecialFile({ mode }: InodeRow): boolean {
  return !isRegular(mode) && !isSymlink(mode) && !isDirectory(mode);
}
