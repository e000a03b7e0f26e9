/**
 * The operations that a kernel frontend may call: the seam between protocols (FUSE, NFS) and the store.
 *
 * Every operation is synchronous, runs to completion, and either has its whole effect or throws. A caller that
 * gets an answer has an acknowledged operation: it survives the death of the process.
 *
 * Names are byte strings (path.ts). Inode numbers and offsets are integers up to 2^53 − 1; a frontend refuses
 * larger ones with EINVAL or EFBIG before it calls. Permission bits are not checked here: with FUSE the kernel
 * does it (`default_permissions`), the NFS frontend does it itself (mode.ts).
 */
import type { Attr, DirEntry, SetAttr, StatFs } from "./attr.ts";

/** Inode number of the root directory. */
export const rootIno = 1;

/** Who made a call. */
export interface Caller {
  readonly uid: number;
  readonly gid: number;
  readonly pid: number;
  /** Already applied by the kernel unless it was asked not to. */
  readonly umask: number;
  /** Set when the frontend dispatches an operation again after `Parked`: the ticket it was parked with. */
  readonly resumed?: Ticket;
}

/** Names one parked wait. */
export type Ticket = number;

/**
 * Thrown by an operation that must wait (for bytes that are not here, or for a long copy). Nothing has been
 * done. The frontend keeps the request, serves others, and dispatches it again with `caller.resumed` set when
 * the store announces the ticket; what the wait came to (also a failure) is answered then.
 */
export class Parked extends Error {
  readonly ticket: Ticket;
  /** Only the disk is waited for: as there, no signal ends it. */
  readonly isBrief: boolean;

  constructor(ticket: Ticket, isBrief = false) {
    super(`parked until ticket ${ticket}`);
    this.name = "Parked";
    this.ticket = ticket;
    this.isBrief = isBrief;
  }
}

/** An open file. */
export interface OpenFile {
  /** Names the handle in the calls below. Never reused while the store runs. */
  readonly fh: number;
  /** Whether the kernel may keep cached bytes from before this open: they have not changed since. */
  readonly keepCache: boolean;
}

export interface RenameArgs {
  readonly fromParent: number;
  readonly fromName: string;
  readonly toParent: number;
  readonly toName: string;
  /** RENAME_NOREPLACE, RENAME_EXCHANGE or 0 (mode.ts). */
  readonly flags: number;
}

export interface CopyRange {
  readonly fromFh: number;
  readonly fromOffset: number;
  readonly toFh: number;
  readonly toOffset: number;
  /** Bytes. */
  readonly length: number;
}

/** What statx(2) and the passthrough of file data need to know of the bytes behind an open file. */
export interface Backing {
  /** Absolute path of the working file. It outlives the handle, and is never a blob. */
  readonly path: string;
}

export interface FileSystem {
  /**
   * The entry `name` of a directory; undefined when there is none, since that is an everyday answer and an exception
   * costs ten times the look.
   * @throws FsError ENOTDIR, ENAMETOOLONG
   */
  find(parent: number, name: string): Attr | undefined;
  /** @throws FsError ESTALE or ENOENT for an inode that is gone */
  getattr(ino: number): Attr;
  /** Changes attributes; with `size` the bytes. `fh` when the call came through an open file (ftruncate). */
  setattr(ino: number, changes: SetAttr, caller: Caller, fh?: number): Attr;

  /** Target of a symlink, a byte string. */
  readlink(ino: number): string;
  symlink(parent: number, name: string, target: string, caller: Caller): Attr;
  /** Regular files, FIFOs and sockets; device nodes where the caller is root. `mode` has the type. */
  mknod(parent: number, name: string, mode: number, rdev: number, caller: Caller): Attr;
  mkdir(parent: number, name: string, mode: number, caller: Caller): Attr;
  unlink(parent: number, name: string, caller: Caller): void;
  rmdir(parent: number, name: string, caller: Caller): void;
  rename(args: RenameArgs, caller: Caller): void;
  link(ino: number, parent: number, name: string, caller: Caller): Attr;

  /** `flags` of open(2). A writing open is durably noted before it returns (spec.md WRITERS-1). */
  open(ino: number, flags: number, caller: Caller): OpenFile;
  create(
    parent: number,
    name: string,
    mode: number,
    flags: number,
    caller: Caller,
  ): { readonly attr: Attr; readonly file: OpenFile };
  /** A file without a name (O_TMPFILE); `link` may give it one. */
  tmpfile(
    parent: number,
    mode: number,
    flags: number,
    caller: Caller,
  ): { readonly attr: Attr; readonly file: OpenFile };
  /** Reads into `into` from `offset`. Returns bytes read: short only at the end of the file. */
  read(fh: number, into: Uint8Array, offset: number): number;
  /**
   * Writes all of `bytes` at `offset` (at the end for a handle with O_APPEND, unless `isExact`: a page of a shared
   * mapping is written back where it belongs). Returns bytes written.
   */
  write(
    fh: number,
    bytes: Uint8Array,
    offset: number,
    options?: { killSuidGid?: boolean; isExact?: boolean },
  ): number;
  /** A descriptor of this handle was closed. Never a sign that writing has ended. */
  flush(fh: number): void;
  release(fh: number): void;
  /** Makes bytes (and, unless `dataOnly`, attributes and names) survive a power loss. */
  fsync(fh: number, dataOnly: boolean, caller: Caller): void;
  /** Next data or hole at or after `offset` (SEEK_DATA = 3, SEEK_HOLE = 4). @throws FsError ENXIO past the end */
  lseek(fh: number, offset: number, whence: number): number;
  /** `mode` of fallocate(2). @throws FsError EOPNOTSUPP for a mode that the disk does not have */
  fallocate(fh: number, mode: number, offset: number, length: number): void;
  /** Copies between two open files; may copy less than asked. Returns bytes copied. */
  copyFileRange(range: CopyRange): number;
  /** The working file behind an inode, for passthrough; undefined where passthrough must not be used. */
  backing(ino: number): Backing | undefined;

  /** Opens a directory stream: what it lists is fixed for entries that neither come nor go meanwhile. */
  opendir(ino: number): number;
  /**
   * Calls `visit` for each entry after `cookie` (0 = from the start; `.` and `..` come first) until it returns
   * false. An entry that exists throughout is visited exactly once, whatever is added or removed meanwhile.
   */
  readdir(fh: number, cookie: number, visit: (entry: DirEntry) => boolean): void;
  releasedir(fh: number): void;
  fsyncdir(fh: number, dataOnly: boolean, caller: Caller): void;

  statfs(): StatFs;

  /** Undefined when the attribute is not set: the kernel asks for one that hardly any file has with each first write. */
  getxattr(ino: number, name: string): Uint8Array | undefined;
  /** `flags`: 1 = XATTR_CREATE, 2 = XATTR_REPLACE. */
  setxattr(ino: number, name: string, value: Uint8Array, flags: number): void;
  listxattr(ino: number): string[];
  removexattr(ino: number, name: string): void;

  /** The frontend now refers to this inode from outside (the kernel was told of it). Nests not. */
  hold(ino: number): void;
  /** The frontend refers to it no more: an inode with no name and no open file is freed. */
  forget(ino: number): void;
}
