/** Extended attributes: kept here, not sent to the server. Access lists among them move the mode bits. */
import {
  FsError,
  isDirectory,
  isSymlink,
  xattrListBytesMax,
  xattrNameBytesMax,
  xattrValueBytesMax,
} from "@smfs/core";
import type { StoreContext } from "./context.ts";
import {
  type Acl,
  accessAclName,
  aclBytes,
  aclMode,
  defaultAclName,
  inheritAcl,
  parseAcl,
} from "./posix-acl.ts";

/** Flags of setxattr(2). */
const XATTR_CREATE = 1;
const XATTR_REPLACE = 2;

const namespaces = ["user.", "trusted.", "security."];

export class Xattrs {
  readonly #context: StoreContext;
  readonly #get;
  readonly #put;
  readonly #remove;
  readonly #names;

  constructor(context: StoreContext) {
    this.#context = context;
    const { sql } = context.db;
    this.#get = sql
      .prepare<[number, string], Uint8Array>("SELECT value FROM xattr WHERE ino = ? AND name = ?")
      .pluck();
    this.#put = sql.prepare(
      `INSERT INTO xattr (ino, name, value) VALUES (?, ?, ?)
       ON CONFLICT (ino, name) DO UPDATE SET value = excluded.value`,
    );
    this.#remove = sql.prepare("DELETE FROM xattr WHERE ino = ? AND name = ?");
    this.#names = sql
      .prepare<[number], string>("SELECT name FROM xattr WHERE ino = ? ORDER BY name")
      .pluck();
  }

  /** Undefined when it is not set. @throws FsError ESTALE */
  get(ino: number, name: string): Uint8Array | undefined {
    const value = this.#get.get(ino, name);
    if (value === undefined) this.#context.inodes.get(ino);
    return value;
  }

  /** @throws FsError EEXIST, ENODATA (by `flags`), E2BIG, ENOSPC (names too long together), EOPNOTSUPP, ERANGE */
  set(ino: number, name: string, value: Uint8Array, flags: number): void {
    const { db, inodes } = this.#context;
    const row = inodes.get(ino);
    checkXattr(name, value);
    if (name.startsWith("user.") && isSymlink(row.mode)) throw new FsError("EPERM", name);
    const isThere = this.#get.get(ino, name) !== undefined;
    if (isThere && (flags & XATTR_CREATE) !== 0) throw new FsError("EEXIST", name);
    if (!isThere && (flags & XATTR_REPLACE) !== 0) throw new FsError("ENODATA", name);
    if (!isThere) this.#checkList(ino, name);
    const acl = name === accessAclName || name === defaultAclName ? parseAcl(value) : undefined;
    if (name === defaultAclName && !isDirectory(row.mode)) throw new FsError("EACCES", name);
    db.transaction(() => {
      if (acl !== undefined && name === accessAclName) this.#setAccess(ino, row.mode, acl);
      else this.#put.run(ino, name, value);
      inodes.update(ino, inodes.touched(true));
    });
  }

  list(ino: number): string[] {
    this.#context.inodes.get(ino);
    return this.#names.all(ino);
  }

  /** @throws FsError ENODATA */
  remove(ino: number, name: string): void {
    const { db, inodes } = this.#context;
    if (this.get(ino, name) === undefined) throw new FsError("ENODATA", name);
    db.transaction(() => {
      this.#remove.run(ino, name);
      inodes.update(ino, inodes.touched(true));
    });
  }

  accessAcl(ino: number): Acl | undefined {
    const value = this.#get.get(ino, accessAclName);
    return value === undefined ? undefined : parseAcl(value);
  }

  /** Within a transaction. */
  putAccessAcl(ino: number, acl: Acl): void {
    this.#put.run(ino, accessAclName, aclBytes(acl));
  }

  /** The mode a new inode gets in a directory: by the directory's default list, or else by the umask. */
  modeIn(parent: number, mode: number, umask: number): { mode: number; inherited?: Inherited } {
    const value = this.#get.get(parent, defaultAclName);
    if (value === undefined) return { mode: mode & ~umask };
    const { mode: bits, access } = inheritAcl(parseAcl(value), mode);
    return {
      mode: bits,
      inherited: { defaults: value, access: access === undefined ? undefined : aclBytes(access) },
    };
  }

  /** Within the transaction that makes an inode. */
  inherit(ino: number, isDir: boolean, inherited: Inherited): void {
    if (inherited.access !== undefined) this.#put.run(ino, accessAclName, inherited.access);
    if (isDir) this.#put.run(ino, defaultAclName, inherited.defaults);
  }

  /** A list that the bits can say is the bits; any other also moves them. The mode travels: versions move. */
  #setAccess(ino: number, mode: number, acl: Acl): void {
    const { inodes, entries, versions } = this.#context;
    const { mode: bits, isMinimal } = aclMode(acl);
    if (isMinimal) this.#remove.run(ino, accessAclName);
    else this.putAccessAcl(ino, acl);
    const changed = (mode & ~0o777) | bits;
    if (changed === mode) return;
    inodes.update(ino, { mode: changed });
    entries.bumpInode(ino, versions.next());
    this.#context.db.afterCommit(() => this.#context.emit({ kind: "dirty" }));
  }

  #checkList(ino: number, name: string): void {
    let bytes = name.length + 1;
    for (const other of this.#names.all(ino)) bytes += other.length + 1;
    if (bytes > xattrListBytesMax) throw new FsError("ENOSPC", `names of ${bytes} bytes`);
  }
}

/** What a directory's default list gives to what is made in it. */
export interface Inherited {
  readonly defaults: Uint8Array;
  readonly access: Uint8Array | undefined;
}

function checkXattr(name: string, value: Uint8Array): void {
  if (name === "" || name.length > xattrNameBytesMax) throw new FsError("ERANGE", "name");
  if (value.length > xattrValueBytesMax) throw new FsError("E2BIG", `${value.length} bytes`);
  if (name === accessAclName || name === defaultAclName) return;
  const space = namespaces.find((prefix) => name.startsWith(prefix));
  if (space === undefined || name === space) throw new FsError("EOPNOTSUPP", name);
}
