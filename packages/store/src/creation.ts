/**
 * New names: files, directories, symlinks, special files, hard links, and files without a name.
 *
 * The row commits before the working file exists (docs/spec/store.md, STORE-4): a crash in between leaves an empty
 * file, which is what was asked for.
 */
import {
  type Attr,
  type Caller,
  checkName,
  FsError,
  isDirectory,
  isRegular,
  linksMax,
  S_IFDIR,
  S_IFLNK,
  S_IFMT,
  S_IFREG,
  S_ISGID,
  symlinkBytesMax,
} from "@smfs/core";
import type { Attributes } from "./attributes.ts";
import type { FileContext } from "./file-context.ts";
import type { InodeRow } from "./inodes.ts";
import { linkOf, setLinkVersions } from "./link-versions.ts";
import { directoryDocument } from "./view.ts";
import type { Inherited, Xattrs } from "./xattrs.ts";

/** What a new inode is. */
interface Born {
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly inherited: Inherited | undefined;
}

const permissionBits = 0o7777;

export class Creation {
  readonly #context: FileContext;
  readonly #attributes: Attributes;
  readonly #xattrs: Xattrs;

  constructor(context: FileContext, attributes: Attributes, xattrs: Xattrs) {
    this.#context = context;
    this.#attributes = attributes;
    this.#xattrs = xattrs;
  }

  /** An empty regular file, with its bit set and its working file open: the caller is about to write. */
  file(parent: number, name: string, mode: number, caller: Caller): Attr {
    const { writers, db, orphans, entries } = this.#context;
    const above = this.#vacant(parent, name);
    const born = this.#born(above, S_IFREG | (mode & permissionBits), caller);
    const ino = this.#withReady((ready) => this.#make(above, name, born, { writers: 1, ...ready }));
    try {
      this.#makeWork(ino);
    } catch (error) {
      // Without a working file there is no file: the name goes again, as if it had never been.
      db.transaction(() => {
        const entry = entries.find(parent, name);
        if (entry !== undefined) orphans.dropEntry(entry);
      });
      throw error;
    }
    writers.made(ino);
    return this.#attributes.get(ino);
  }

  /** A regular file without a name. `link` may give it one; else it goes with its last handle. */
  tmpfile(parent: number, mode: number, caller: Caller): Attr {
    const { db, inodes, versions, writers, orphans } = this.#context;
    const born = this.#born(this.#directory(parent), S_IFREG | (mode & permissionBits), caller);
    const ino = this.#withReady((ready) =>
      db.transaction(() => {
        const bytesVer = versions.next();
        const made = inodes.insert({ ...born, ...ready, nlink: 0, writers: 1, bytesVer });
        if (born.inherited !== undefined) this.#xattrs.inherit(made, false, born.inherited);
        return made;
      }),
    );
    try {
      this.#makeWork(ino);
    } catch (error) {
      db.transaction(() => inodes.delete(ino));
      throw error;
    }
    orphans.noteInUse(ino);
    writers.made(ino);
    return this.#attributes.get(ino);
  }

  /** Makes rows for an inode that may have its working file already. */
  #withReady(make: (ready: { readonly ino?: number }) => number): number {
    const { ready } = this.#context.orphans;
    const ino = ready.take();
    try {
      return make(ino === undefined ? {} : { ino });
    } catch (error) {
      ready.giveBack(ino);
      throw error;
    }
  }

  /** One that was ready has the times of its removal. */
  #makeWork(ino: number): void {
    const { working, bytes, inodes } = this.#context;
    working.create(ino);
    const { mtime_s, mtime_ns } = inodes.get(ino);
    bytes.setTimes(working.descriptor(ino, true), mtime_s, mtime_ns);
  }

  directory(parent: number, name: string, mode: number, caller: Caller): Attr {
    const above = this.#vacant(parent, name);
    // One link of each subdirectory's `..` and no more than the disk file systems have.
    if (above.nlink >= linksMax) throw new FsError("EMLINK", `directory ${parent}`);
    const born = this.#born(above, S_IFDIR | (mode & permissionBits), caller);
    return this.#attributes.get(this.#make(above, name, born, {}));
  }

  symlink(parent: number, name: string, target: string, caller: Caller): Attr {
    if (target === "") throw new FsError("ENOENT", "empty target");
    if (target.length > symlinkBytesMax) throw new FsError("ENAMETOOLONG", "target");
    if (target.includes("\0")) throw new FsError("EINVAL", "target with NUL");
    const above = this.#vacant(parent, name);
    const born = { ...this.#owner(above, caller), mode: S_IFLNK | 0o777, inherited: undefined };
    return this.#attributes.get(this.#make(above, name, born, { target, size: target.length }));
  }

  /** A FIFO, socket or device node: the kernel gives it its meaning, we keep its name. */
  special(parent: number, name: string, mode: number, rdev: number, caller: Caller): Attr {
    const above = this.#vacant(parent, name);
    const type = mode & S_IFMT;
    const born = this.#born(above, type | (mode & permissionBits), caller);
    return this.#attributes.get(this.#make(above, name, born, { rdev, localOnly: true }));
  }

  /** Another name for an inode. @throws FsError EPERM (a directory), EMLINK, Parked (its bytes are not here) */
  link(ino: number, parent: number, name: string, caller: Caller): Attr {
    const { db, waits, inodes, entries, versions, verification } = this.#context;
    waits.take(caller.resumed);
    verification.verify(ino);
    const row = inodes.get(ino);
    this.#attributes.checkStands(row);
    if (isDirectory(row.mode)) throw new FsError("EPERM", `link directory ${ino}`);
    if (row.nlink >= linksMax) throw new FsError("EMLINK", `inode ${ino}`);
    const above = this.#vacant(parent, name);
    // The new name is a document of its own, and its bytes must be there to be sent.
    if (row.stub === 1) this.#attributes.wantBytes(ino);
    const isLocalOnly = !isRegular(row.mode) && row.target === null;
    db.transaction(() => {
      const version = versions.next();
      const before = linkOf(this.#context, ino);
      const fid = entries.insert({ ino, parent, name, localVer: version });
      if (isLocalOnly) entries.update(fid, { local_only: 1 });
      setLinkVersions(this.#context, ino, before, version);
      inodes.update(ino, { nlink: row.nlink + 1, ...inodes.touched(true) });
      inodes.update(above.ino, inodes.touched());
    });
    this.#context.emit({ kind: "dirty" });
    return this.#attributes.get(ino);
  }

  /** The directory in which `name` is free. */
  #vacant(parent: number, name: string): InodeRow {
    checkNewName(name);
    const above = this.#directory(parent);
    if (this.#context.entries.inoOf(parent, name) !== undefined) throw new FsError("EEXIST", name);
    return above;
  }

  /** A directory in which something can be made: one that was removed takes nothing any more. */
  #directory(ino: number): InodeRow {
    const row = this.#context.inodes.get(ino);
    if (!isDirectory(row.mode)) throw new FsError("ENOTDIR", `inode ${ino}`);
    if (row.nlink === 0) throw new FsError("ENOENT", `directory ${ino} was removed`);
    return row;
  }

  /** What is made belongs to the caller, and in a set-group-id directory to the directory's group. */
  #owner(above: InodeRow, caller: Caller): { uid: number; gid: number } {
    return { uid: caller.uid, gid: (above.mode & S_ISGID) === 0 ? caller.gid : above.gid };
  }

  #born(above: InodeRow, mode: number, caller: Caller): Born {
    const inGroup = (above.mode & S_ISGID) !== 0 && isDirectory(mode) ? mode | S_ISGID : mode;
    const { mode: bits, inherited } = this.#xattrs.modeIn(above.ino, inGroup, caller.umask);
    return { mode: bits, inherited, ...this.#owner(above, caller) };
  }

  #make(
    above: InodeRow,
    name: string,
    born: Born,
    more: {
      readonly ino?: number;
      readonly writers?: number;
      readonly target?: string;
      readonly size?: number;
      readonly rdev?: number;
      readonly localOnly?: boolean;
    },
  ): number {
    const { db, inodes, entries, versions } = this.#context;
    const isDir = isDirectory(born.mode);
    const { mode, uid, gid, inherited } = born;
    const { localOnly, ...columns } = more;
    const ino = db.transaction(() => {
      const version = versions.next();
      const nlink = isDir ? 2 : 1;
      const made = inodes.insert({ mode, uid, gid, nlink, bytesVer: version, ...columns });
      const fid = entries.insert({ ino: made, parent: above.ino, name, localVer: version });
      if (localOnly === true) entries.update(fid, { local_only: 1 });
      if (inherited !== undefined) this.#xattrs.inherit(made, isDir, inherited);
      const touched = inodes.touched();
      inodes.update(above.ino, isDir ? { ...touched, nlink: above.nlink + 1 } : touched);
      return made;
    });
    this.#context.emit({ kind: "dirty" });
    return ino;
  }
}

/** @throws FsError EEXIST, ENOENT, EINVAL, ENAMETOOLONG, and EPERM for a name that stands for a directory's document */
export function checkNewName(name: string): void {
  checkName(name);
  if (name === directoryDocument) throw new FsError("EPERM", `${name} is reserved`);
}
