/**
 * Attributes of inodes. While somebody may write, size, blocks and times of a file are the working file's
 * (docs/spec/store.md, ATTR-n); otherwise the row's.
 */
import {
  type Attr,
  type Caller,
  FsError,
  isDirectory,
  isRegular,
  isSymlink,
  S_IFMT,
  S_ISGID,
  S_ISUID,
  type SetAttr,
  type SetTime,
} from "@smfs/core";
import type { FileContext } from "./file-context.ts";
import { type InodeRow, type Moment, momentOf, toAttr } from "./inodes.ts";
import { keepBase, noteBase } from "./keep-base.ts";
import { chmodAcl } from "./posix-acl.ts";
import { bytesOf } from "./waits.ts";
import { columnsOf } from "./writers.ts";
import type { Xattrs } from "./xattrs.ts";

type Columns = Partial<Omit<InodeRow, "ino">>;

const permissionBits = 0o7777;

export class Attributes {
  readonly #context: FileContext;
  readonly #xattrs: Xattrs;

  constructor(context: FileContext, xattrs: Xattrs) {
    this.#context = context;
    this.#xattrs = xattrs;
  }

  /** @throws FsError ESTALE */
  get(ino: number): Attr {
    return this.of(this.#context.inodes.get(ino));
  }

  of(row: InodeRow): Attr {
    if (row.writers === 0 || !isRegular(row.mode)) return toAttr(row);
    return toAttr({ ...row, ...columnsOf(row, this.#context.working.stat(row.ino)) });
  }

  set(ino: number, changes: SetAttr, caller: Caller, fh?: number): Attr {
    const { waits, inodes, openFiles, verification } = this.#context;
    waits.take(caller.resumed);
    if (changes.size !== undefined) verification.verify(ino);
    const row = inodes.get(ino);
    if (fh === undefined) this.checkStands(row);
    if (fh !== undefined && changes.size !== undefined && !openFiles.get(fh).isWriter) {
      throw new FsError("EBADF", `file ${fh} is not open for writing`);
    }
    if (changes.size === undefined) this.#setColumns(row, changes);
    else this.#setSize(row, changes, changes.size);
    return this.get(ino);
  }

  #setColumns(row: InodeRow, changes: SetAttr): void {
    const { db, inodes, entries, versions } = this.#context;
    const columns = this.#columns(row, changes);
    if (Object.keys(columns).length === 0) return;
    const isSynced = travels(row, columns);
    db.transaction(() => {
      inodes.update(row.ino, { ...columns, ...inodes.touched(true) });
      this.#chmodAcl(row, columns);
      if (isSynced) entries.bumpInode(row.ino, versions.next());
    });
    this.#setWorkTimes(row, columns);
    if (isSynced) this.#context.emit({ kind: "dirty" });
  }

  #setSize(row: InodeRow, changes: SetAttr, size: number): void {
    const { db, waits, fills, working, bytes, writers, inodes } = this.#context;
    if (isDirectory(row.mode)) throw new FsError("EISDIR", `truncate ${row.ino}`);
    if (!isRegular(row.mode)) throw new FsError("EINVAL", `truncate ${row.ino}`);
    if (!Number.isSafeInteger(size) || size < 0) throw new FsError("EINVAL", `size ${size}`);
    if (row.stub === 1 && size > 0) this.wantBytes(row.ino);
    if (size > 0) fills.finish(row);
    const columns = this.#columns(row, changes);
    const kept = row.fill === null ? keepBase(this.#context, row) : undefined;
    // Emptied without having been here: the bytes that are on their way are no longer wanted.
    const isReplaced = row.stub === 1 || row.fill !== null;
    if (row.writers === 0 || Object.keys(columns).length > 0) {
      db.transaction(() => {
        noteBase(this.#context, kept);
        const more = isReplaced ? { stub: 0, fill: null } : {};
        writers.intend(row, { ...columns, ...more, ...inodes.touched(true) });
        this.#chmodAcl(row, columns);
      });
    }
    writers.touched(row.ino);
    try {
      if (isReplaced) working.create(row.ino);
      bytes.truncate(working.descriptor(row.ino, true), size);
      this.#setWorkTimes({ ...row, writers: 1 }, columns);
    } finally {
      this.#letGo(row.ino);
    }
    if (isReplaced) waits.settle(bytesOf(row.ino), "ready");
    this.#context.emit({ kind: "dirty" });
  }

  /** After writing without a handle: nobody writes any more, unless a handle does. */
  #letGo(ino: number): void {
    const { working, writers, openFiles } = this.#context;
    if (openFiles.writers(ino) > 0) return;
    if (openFiles.isOpen(ino)) working.closeWritable(ino);
    else working.close(ino);
    writers.released(ino);
  }

  /**
   * Whoever comes by a name that stands for another inode by now is to look it up again, as the kernel does then.
   * @throws FsError ESTALE
   */
  checkStands(row: InodeRow): void {
    if (this.#context.orphans.isReplaced(row))
      throw new FsError("ESTALE", `inode ${row.ino} was replaced by a change from elsewhere`);
  }

  /** Parks the running operation until the bytes of a stub are here. */
  wantBytes(ino: number): never {
    this.#context.emit({ kind: "want", ino });
    return this.#context.waits.park(bytesOf(ino));
  }

  /** Clears set-user-id and the set-group-id of a group-executable file, as a write by another must. */
  killSuidGid(ino: number): void {
    this.#setColumns(this.#context.inodes.get(ino), { killSuidGid: true });
  }

  #columns(row: InodeRow, changes: SetAttr): Columns {
    const columns: Columns = {};
    let mode = changes.mode === undefined ? row.mode : setPermissions(row.mode, changes.mode);
    if (changes.killSuidGid === true) mode = withoutSuidGid(mode);
    if (mode !== row.mode || changes.mode !== undefined) columns.mode = mode;
    if (changes.uid !== undefined) columns.uid = changes.uid;
    if (changes.gid !== undefined) columns.gid = changes.gid;
    if (changes.atime !== undefined) {
      const { s, ns } = this.#moment(changes.atime);
      columns.atime_s = s;
      columns.atime_ns = ns;
    }
    if (changes.mtime !== undefined) {
      const { s, ns } = this.#moment(changes.mtime);
      columns.mtime_s = s;
      columns.mtime_ns = ns;
    }
    return columns;
  }

  #moment(time: SetTime): Moment {
    if (time === "now") return momentOf(this.#context.clock);
    if (!Number.isSafeInteger(time.s) || time.ns < 0 || time.ns > 999_999_999) {
      throw new FsError("EINVAL", `time ${time.s}.${time.ns}`);
    }
    return time;
  }

  /** An access list speaks of the same bits as the mode: chmod changes both. */
  #chmodAcl(row: InodeRow, columns: Columns): void {
    if (columns.mode === undefined) return;
    const acl = this.#xattrs.accessAcl(row.ino);
    if (acl !== undefined) this.#xattrs.putAccessAcl(row.ino, chmodAcl(acl, columns.mode));
  }

  /** While the bit is set the working file's time is the one that counts. */
  #setWorkTimes(row: InodeRow, columns: Columns): void {
    if (row.writers === 0 || !isRegular(row.mode)) return;
    if (columns.mtime_s === undefined || columns.mtime_ns === undefined) return;
    const { working, bytes, openFiles } = this.#context;
    bytes.setTimes(working.descriptor(row.ino, false), columns.mtime_s, columns.mtime_ns);
    if (!openFiles.isOpen(row.ino)) working.close(row.ino);
  }
}

/** Mode bits with other permissions and the same type. */
export function setPermissions(mode: number, permissions: number): number {
  return (mode & S_IFMT) | (permissions & permissionBits);
}

export function withoutSuidGid(mode: number): number {
  const groupExecute = 0o010;
  const killed = mode & ~S_ISUID;
  // Without group-execute the bit meant mandatory locking, and stays (chown(2)).
  return (mode & groupExecute) === 0 ? killed : killed & ~S_ISGID;
}

/** Whether a change concerns what other devices are told: permissions, and a file's modification time. */
function travels(row: InodeRow, columns: Columns): boolean {
  if (isSymlink(row.mode)) return false;
  if (columns.mode !== undefined && columns.mode !== row.mode) return true;
  if (!isRegular(row.mode) || columns.mtime_s === undefined) return false;
  return columns.mtime_s !== row.mtime_s || columns.mtime_ns !== row.mtime_ns;
}
