/**
 * A damaged store, to be read as far as it can be (docs/spec/store.md, DAMAGE-n): each name and file whose rows and
 * bytes are whole, as they are on the disk; an error for the others. Nothing is changed and nothing fetched.
 */
import { closeSync, existsSync, fstatSync, openSync, readSync, statfsSync } from "node:fs";
import {
  type Attr,
  type Backing,
  canWrite,
  type DirEntry,
  type FileSystem,
  FsError,
  isDirectory,
  isRegular,
  isSymlink,
  nameBytesMax,
  type OpenFile,
  rootIno,
  S_IFDIR,
  S_IFMT,
  type StatFs,
} from "@smfs/core";
import { type InodeRow, toAttr } from "../inodes.ts";
import { blobFile, type StoreImage, workFile } from "./store-image.ts";

const SEEK_HOLE = 4;
/** Names read at a time. */
const pageRows = 128;
/** Cookies of `.` and `..`. */
const selfCookie = 1;
const parentCookie = 2;

interface NameRow {
  readonly id: number;
  readonly name: string;
  readonly ino: number;
}

export class DamagedStore implements FileSystem {
  readonly #dir: string;
  readonly #inode;
  readonly #byName;
  readonly #names;
  readonly #parent;
  readonly #xattr;
  readonly #xattrs;
  /** Descriptors of open files; inodes of open directories. */
  readonly #files = new Map<number, number>();
  readonly #directories = new Map<number, number>();
  #nextFh = 1;

  constructor({ dir, sql }: StoreImage) {
    this.#dir = dir;
    this.#inode = sql.prepare<[number], InodeRow>("SELECT * FROM inode WHERE ino = ?");
    this.#byName = sql
      .prepare<[number, string], number>(
        "SELECT ino FROM entry WHERE parent = ? AND name = ? AND state = 'live'",
      )
      .pluck();
    this.#names = sql.prepare<[number, number, number], NameRow>(
      "SELECT id, name, ino FROM entry WHERE parent = ? AND id > ? AND state = 'live' ORDER BY id LIMIT ? + 0",
    );
    this.#parent = sql
      .prepare<[number], number>("SELECT parent FROM entry WHERE ino = ? AND state = 'live'")
      .pluck();
    this.#xattr = sql
      .prepare<[number, string], Uint8Array>("SELECT value FROM xattr WHERE ino = ? AND name = ?")
      .pluck();
    this.#xattrs = sql
      .prepare<[number], string>("SELECT name FROM xattr WHERE ino = ? ORDER BY name")
      .pluck();
  }

  #row(ino: number): InodeRow {
    const row = this.#inode.get(ino);
    if (row === undefined) throw new FsError("ESTALE", `inode ${ino}`);
    return row;
  }

  find(parent: number, name: string): Attr | undefined {
    const ino = this.#byName.get(parent, name);
    return ino === undefined ? undefined : this.getattr(ino);
  }

  getattr(ino: number): Attr {
    const row = this.#row(ino);
    const path = isRegular(row.mode) ? this.#bytesOf(row) : undefined;
    if (path === undefined || !existsSync(path)) return { ...toAttr(row), stable: true };
    const fd = openSync(path, "r");
    try {
      const { size, blocks } = fstatSync(fd);
      return { ...toAttr(row), size, blocks, stable: true };
    } finally {
      closeSync(fd);
    }
  }

  /** Where the bytes of a file are: undefined for one that was not fetched. */
  #bytesOf(row: InodeRow): string | undefined {
    if (row.stub === 1) return undefined;
    const arrived = row.fill === null ? undefined : blobFile(this.#dir, row.fill);
    return arrived !== undefined && existsSync(arrived) ? arrived : workFile(this.#dir, row.ino);
  }

  readlink(ino: number): string {
    const { mode, target } = this.#row(ino);
    if (!isSymlink(mode)) throw new FsError("EINVAL", `inode ${ino} is no symlink`);
    return target ?? "";
  }

  open(ino: number, flags: number): OpenFile {
    if (canWrite(flags)) throw new FsError("EROFS", "the store is damaged");
    const row = this.#row(ino);
    if (isDirectory(row.mode)) throw new FsError("EISDIR", `open ${ino}`);
    const path = this.#bytesOf(row);
    if (path === undefined) throw new FsError("EHOSTUNREACH", "its bytes are not here");
    if (!existsSync(path)) throw new FsError("EIO", `the bytes of inode ${ino} are missing`);
    const fh = this.#handle();
    this.#files.set(fh, openSync(path, "r"));
    return { fh, keepCache: true };
  }

  #handle(): number {
    const fh = this.#nextFh;
    this.#nextFh += 1;
    return fh;
  }

  #descriptor(fh: number): number {
    const fd = this.#files.get(fh);
    if (fd === undefined) throw new FsError("EBADF", `file ${fh}`);
    return fd;
  }

  read(fh: number, into: Uint8Array, offset: number): number {
    const fd = this.#descriptor(fh);
    let done = 0;
    while (done < into.length) {
      const count = readSync(fd, into, done, into.length - done, offset + done);
      if (count === 0) break;
      done += count;
    }
    return done;
  }

  flush(): void {
    // Nothing was written.
  }

  fsync(): void {
    // Nothing was written.
  }

  release(fh: number): void {
    closeSync(this.#descriptor(fh));
    this.#files.delete(fh);
  }

  lseek(fh: number, offset: number, whence: number): number {
    const { size } = fstatSync(this.#descriptor(fh));
    if (offset < 0 || offset >= size) throw new FsError("ENXIO", `offset ${offset}`);
    return whence === SEEK_HOLE ? size : offset;
  }

  backing(): Backing | undefined {
    return undefined;
  }

  opendir(ino: number): number {
    if (!isDirectory(this.#row(ino).mode)) throw new FsError("ENOTDIR", `${ino}`);
    const fh = this.#handle();
    this.#directories.set(fh, ino);
    return fh;
  }

  readdir(fh: number, cookie: number, visit: (entry: DirEntry) => boolean): void {
    const ino = this.#directories.get(fh);
    if (ino === undefined) throw new FsError("EBADF", `directory ${fh}`);
    const self = { name: ".", ino, type: S_IFDIR, cookie: selfCookie };
    if (cookie < selfCookie && !visit(self)) return;
    const parent = this.#parent.get(ino) ?? rootIno;
    const above = { name: "..", ino: parent, type: S_IFDIR, cookie: parentCookie };
    if (cookie < parentCookie && !visit(above)) return;
    let afterId = Math.max(0, cookie - parentCookie);
    for (;;) {
      const rows = this.#names.all(ino, afterId, pageRows);
      for (const row of rows) {
        afterId = row.id;
        const type = this.#typeOf(row.ino);
        // One whose row is gone or cannot be read is not shown: the listing goes on.
        if (type === undefined) continue;
        if (!visit({ name: row.name, ino: row.ino, type, cookie: row.id + parentCookie })) return;
      }
      if (rows.length < pageRows) return;
    }
  }

  #typeOf(ino: number): number | undefined {
    try {
      return this.#row(ino).mode & S_IFMT;
    } catch {
      return undefined;
    }
  }

  releasedir(fh: number): void {
    this.#directories.delete(fh);
  }

  fsyncdir(): void {
    // Nothing was written.
  }

  statfs(): StatFs {
    const { bsize, blocks, bfree, bavail, files, ffree } = statfsSync(this.#dir);
    return {
      blockBytes: bsize,
      blocks,
      blocksFree: bfree,
      blocksAvailable: bavail,
      files,
      filesFree: ffree,
      nameBytesMax,
    };
  }

  getxattr(ino: number, name: string): Uint8Array | undefined {
    return this.#xattr.get(ino, name);
  }

  listxattr(ino: number): string[] {
    return this.#xattrs.all(ino);
  }

  hold(): void {
    // Nothing is freed here.
  }

  forget(): void {
    // Nothing is freed here.
  }

  setattr(): never {
    return refuse();
  }
  symlink(): never {
    return refuse();
  }
  mknod(): never {
    return refuse();
  }
  mkdir(): never {
    return refuse();
  }
  unlink(): never {
    return refuse();
  }
  rmdir(): never {
    return refuse();
  }
  rename(): never {
    return refuse();
  }
  link(): never {
    return refuse();
  }
  create(): never {
    return refuse();
  }
  tmpfile(): never {
    return refuse();
  }
  write(): never {
    return refuse();
  }
  fallocate(): never {
    return refuse();
  }
  copyFileRange(): never {
    return refuse();
  }
  setxattr(): never {
    return refuse();
  }
  removexattr(): never {
    return refuse();
  }

  /** Closes what is still open. */
  close(): void {
    for (const fd of this.#files.values()) closeSync(fd);
    this.#files.clear();
  }
}

function refuse(): never {
  throw new FsError("EROFS", "the store is damaged, and is only read");
}
