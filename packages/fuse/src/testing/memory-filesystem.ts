/**
 * A whole file system with its metadata in memory and each file's bytes in a file of one directory: what the
 * frontend is tested and measured with. It keeps every rule of core's FileSystem, but survives nothing.
 */
import {
  closeSync,
  constants,
  fdatasyncSync,
  fstatSync,
  ftruncateSync,
  openSync,
  readSync,
  statfsSync,
  unlinkSync,
  writeSync,
} from "node:fs";
import { join } from "node:path";
import {
  type Attr,
  type Backing,
  type Caller,
  type Clock,
  type CopyRange,
  canWrite,
  type DirEntry,
  type FileSystem,
  FsError,
  isDirectory,
  isRegular,
  nameBytesMax,
  O_TRUNC,
  type OpenFile,
  RENAME_EXCHANGE,
  RENAME_NOREPLACE,
  type RenameArgs,
  rootIno,
  S_IFDIR,
  S_IFLNK,
  S_IFMT,
  S_IFREG,
  S_ISGID,
  S_ISUID,
  type SetAttr,
  type SetTime,
  type StatFs,
} from "@smfs/core";
import { copyFileRange, fallocate, seekData, seekHole } from "@smfs/native";

const S_IXGRP = 0o010;
const copyBytesMax = 8 << 20;
const XATTR_CREATE = 1;
const XATTR_REPLACE = 2;
const SEEK_DATA = 3;

interface Moment {
  readonly s: number;
  readonly ns: number;
}

interface Entry {
  readonly ino: number;
  readonly cookie: number;
}

interface Node {
  readonly ino: number;
  mode: number;
  nlink: number;
  uid: number;
  gid: number;
  readonly rdev: number;
  atime: Moment;
  mtime: Moment;
  ctime: Moment;
  readonly xattrs: Map<string, Uint8Array>;
  /** Directories only. */
  readonly entries: Map<string, Entry>;
  parent: number;
  readonly target: string;
  held: boolean;
  opens: number;
  writers: number;
  /** Of the file with the bytes, while the node is open. */
  fd: number | undefined;
  /** Whether there is a file with bytes, and what it was like when it was last closed. */
  hasBytes: boolean;
  size: number;
  blocks: number;
}

export class MemoryFileSystem implements FileSystem {
  readonly #dir: string;
  readonly #clock: Clock;
  readonly #nodes = new Map<number, Node>();
  readonly #files = new Map<number, { node: Node; flags: number }>();
  readonly #streams = new Map<number, { node: Node; entries: DirEntry[] }>();
  #nextIno = rootIno;
  #nextCookie = 3;
  #nextFh = 1;
  #lastNs = 0;
  /** Name of each call, in order, while somebody looks: `fs.calls = []`. */
  calls: string[] | undefined;

  /** @param dir an existing, empty directory for the bytes */
  constructor(dir: string, clock: Clock, owner: { uid: number; gid: number }) {
    this.#dir = dir;
    this.#clock = clock;
    const root = this.#newNode(S_IFDIR | 0o755, owner, "", 0);
    root.parent = rootIno;
    root.nlink = 2;
  }

  /** Inodes that exist, with names or without. */
  get inodeCount(): number {
    return this.#nodes.size;
  }

  lookup(parent: number, name: string): Attr {
    this.calls?.push("lookup");
    return this.#attr(this.#child(this.#directory(parent), name));
  }

  getattr(ino: number): Attr {
    this.calls?.push("getattr");
    return this.#attr(this.#node(ino));
  }

  setattr(ino: number, changes: SetAttr, _caller: Caller): Attr {
    this.calls?.push("setattr");
    const node = this.#node(ino);
    const now = this.#now();
    if (changes.size !== undefined) {
      if (!isRegular(node.mode)) throw new FsError("EINVAL", "size of what is no file");
      ftruncateSync(this.#fd(node), changes.size);
      this.#settle(node);
      node.mtime = now;
    }
    if (changes.mode !== undefined) node.mode = (node.mode & S_IFMT) | changes.mode;
    if (changes.uid !== undefined) node.uid = changes.uid;
    if (changes.gid !== undefined) node.gid = changes.gid;
    if (changes.atime !== undefined) node.atime = toMoment(changes.atime, now);
    if (changes.mtime !== undefined) node.mtime = toMoment(changes.mtime, now);
    if (changes.killSuidGid === true) killSuidGid(node);
    node.ctime = now;
    return this.#attr(node);
  }

  readlink(ino: number): string {
    this.calls?.push("readlink");
    const node = this.#node(ino);
    if ((node.mode & S_IFMT) !== S_IFLNK) throw new FsError("EINVAL", "no symlink");
    return node.target;
  }

  symlink(parent: number, name: string, target: string, caller: Caller): Attr {
    this.calls?.push("symlink");
    return this.#attr(this.#add(parent, name, S_IFLNK | 0o777, caller, target));
  }

  mknod(parent: number, name: string, mode: number, rdev: number, caller: Caller): Attr {
    this.calls?.push("mknod");
    return this.#attr(this.#add(parent, name, mode, caller, "", rdev));
  }

  mkdir(parent: number, name: string, mode: number, caller: Caller): Attr {
    this.calls?.push("mkdir");
    const directory = this.#directory(parent);
    const setgid = directory.mode & S_ISGID;
    const node = this.#add(parent, name, S_IFDIR | mode | setgid, caller);
    node.nlink = 2;
    node.parent = parent;
    directory.nlink += 1;
    return this.#attr(node);
  }

  unlink(parent: number, name: string): void {
    this.calls?.push("unlink");
    const directory = this.#directory(parent);
    const node = this.#child(directory, name);
    if (isDirectory(node.mode)) throw new FsError("EISDIR", name);
    this.#drop(directory, name, node);
  }

  rmdir(parent: number, name: string): void {
    this.calls?.push("rmdir");
    const directory = this.#directory(parent);
    const node = this.#child(directory, name);
    if (!isDirectory(node.mode)) throw new FsError("ENOTDIR", name);
    if (node.entries.size > 0) throw new FsError("ENOTEMPTY", name);
    this.#drop(directory, name, node);
  }

  rename(args: RenameArgs): void {
    this.calls?.push("rename");
    if ((args.flags & ~(RENAME_NOREPLACE | RENAME_EXCHANGE)) !== 0) {
      throw new FsError("EINVAL", `rename flags ${args.flags}`);
    }
    const from = this.#directory(args.fromParent);
    const to = this.#directory(args.toParent);
    const node = this.#child(from, args.fromName);
    const replacedIno = to.entries.get(args.toName)?.ino;
    const replaced = replacedIno === undefined ? undefined : this.#node(replacedIno);
    if ((args.flags & RENAME_EXCHANGE) !== 0) {
      if (replaced === undefined) throw new FsError("ENOENT", args.toName);
      this.#checkNotBelow(to, node);
      this.#checkNotBelow(from, replaced);
      this.#place(from, args.fromName, replaced);
      this.#place(to, args.toName, node);
      this.#moved(node, from, to);
      this.#moved(replaced, to, from);
      return;
    }
    if (replaced === node) return;
    if (replaced !== undefined && (args.flags & RENAME_NOREPLACE) !== 0) {
      throw new FsError("EEXIST", args.toName);
    }
    this.#checkNotBelow(to, node);
    if (replaced !== undefined) this.#replace(to, args.toName, replaced, node);
    from.entries.delete(args.fromName);
    this.#place(to, args.toName, node);
    this.#moved(node, from, to);
  }

  link(ino: number, parent: number, name: string): Attr {
    this.calls?.push("link");
    const node = this.#node(ino);
    if (isDirectory(node.mode)) throw new FsError("EPERM", "link to a directory");
    const directory = this.#directory(parent);
    if (directory.entries.has(name)) throw new FsError("EEXIST", name);
    this.#place(directory, name, node);
    node.nlink += 1;
    node.ctime = this.#touch(directory);
    return this.#attr(node);
  }

  open(ino: number, flags: number): OpenFile {
    this.calls?.push("open");
    const node = this.#node(ino);
    if (!isRegular(node.mode)) throw new FsError("EINVAL", "open of what is no file");
    if ((flags & O_TRUNC) !== 0) {
      ftruncateSync(this.#fd(node), 0);
      node.mtime = this.#now();
      node.ctime = node.mtime;
    }
    return this.#open(node, flags);
  }

  create(
    parent: number,
    name: string,
    mode: number,
    flags: number,
    caller: Caller,
  ): { readonly attr: Attr; readonly file: OpenFile } {
    this.calls?.push("create");
    const node = this.#add(parent, name, S_IFREG | (mode & ~S_IFMT), caller);
    const file = this.#open(node, flags);
    return { attr: this.#attr(node), file };
  }

  tmpfile(
    parent: number,
    mode: number,
    flags: number,
    caller: Caller,
  ): { readonly attr: Attr; readonly file: OpenFile } {
    this.calls?.push("tmpfile");
    const gid = this.#groupIn(this.#directory(parent), caller);
    const node = this.#newNode(S_IFREG | (mode & ~S_IFMT), { uid: caller.uid, gid }, "", 0);
    node.nlink = 0;
    const file = this.#open(node, flags);
    return { attr: this.#attr(node), file };
  }

  read(fh: number, into: Uint8Array, offset: number): number {
    this.calls?.push("read");
    return readSync(this.#fd(this.#file(fh).node), into, 0, into.byteLength, offset);
  }

  write(
    fh: number,
    bytes: Uint8Array,
    offset: number,
    options?: { killSuidGid?: boolean },
  ): number {
    this.calls?.push("write");
    const { node } = this.#file(fh);
    let written = 0;
    while (written < bytes.byteLength) {
      const rest = bytes.byteLength - written;
      written += writeSync(this.#fd(node), bytes, written, rest, offset + written);
    }
    if (options?.killSuidGid === true) killSuidGid(node);
    node.mtime = this.#now();
    node.ctime = node.mtime;
    return written;
  }

  flush(fh: number): void {
    this.calls?.push("flush");
    this.#file(fh);
  }

  release(fh: number): void {
    this.calls?.push("release");
    const { node, flags } = this.#file(fh);
    this.#files.delete(fh);
    node.opens -= 1;
    if (canWrite(flags)) node.writers -= 1;
    this.#settle(node);
    this.#free(node);
  }

  fsync(fh: number): void {
    this.calls?.push("fsync");
    fdatasyncSync(this.#fd(this.#file(fh).node));
  }

  lseek(fh: number, offset: number, whence: number): number {
    this.calls?.push("lseek");
    const fd = this.#fd(this.#file(fh).node);
    const found = whence === SEEK_DATA ? seekData(fd, offset) : seekHole(fd, offset);
    if (found === undefined) throw new FsError("ENXIO", `offset ${offset}`);
    return found;
  }

  fallocate(fh: number, mode: number, offset: number, length: number): void {
    this.calls?.push("fallocate");
    const { node } = this.#file(fh);
    fallocate(this.#fd(node), mode, offset, length);
    node.mtime = this.#now();
    node.ctime = node.mtime;
  }

  copyFileRange(range: CopyRange): number {
    this.calls?.push("copyFileRange");
    const to = this.#file(range.toFh).node;
    const copied = copyFileRange({
      fromFd: this.#fd(this.#file(range.fromFh).node),
      fromOffset: range.fromOffset,
      toFd: this.#fd(to),
      toOffset: range.toOffset,
      length: Math.min(range.length, copyBytesMax),
    });
    to.mtime = this.#now();
    to.ctime = to.mtime;
    return copied;
  }

  backing(ino: number): Backing | undefined {
    const node = this.#node(ino);
    this.#fd(node);
    this.#settle(node);
    return { path: this.#path(node) };
  }

  opendir(ino: number): number {
    this.calls?.push("opendir");
    const fh = this.#nextFh;
    this.#nextFh += 1;
    this.#streams.set(fh, { node: this.#directory(ino), entries: [] });
    return fh;
  }

  readdir(fh: number, cookie: number, visit: (entry: DirEntry) => boolean): void {
    this.calls?.push("readdir");
    const stream = this.#stream(fh);
    // From the start, also after rewinddir(3), the directory is as it is now.
    if (cookie === 0 || stream.entries.length === 0) stream.entries = this.#list(stream.node);
    const { node, entries } = stream;
    let low = 0;
    let high = entries.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((entries[middle]?.cookie ?? 0) <= cookie) low = middle + 1;
      else high = middle;
    }
    for (let i = low; i < entries.length; i += 1) {
      const entry = entries[i];
      if (entry === undefined) return;
      const isThere = entry.cookie < 3 || node.entries.get(entry.name)?.cookie === entry.cookie;
      if (isThere && !visit(entry)) return;
    }
  }

  releasedir(fh: number): void {
    this.calls?.push("releasedir");
    this.#stream(fh);
    this.#streams.delete(fh);
  }

  fsyncdir(fh: number): void {
    this.calls?.push("fsyncdir");
    this.#stream(fh);
  }

  statfs(): StatFs {
    this.calls?.push("statfs");
    const disk = statfsSync(this.#dir);
    return {
      blockBytes: disk.bsize,
      blocks: disk.blocks,
      blocksFree: disk.bfree,
      blocksAvailable: disk.bavail,
      files: disk.files,
      filesFree: disk.ffree,
      nameBytesMax,
    };
  }

  getxattr(ino: number, name: string): Uint8Array {
    this.calls?.push("getxattr");
    const value = this.#node(ino).xattrs.get(name);
    if (value === undefined) throw new FsError("ENODATA", name);
    return value;
  }

  setxattr(ino: number, name: string, value: Uint8Array, flags: number): void {
    this.calls?.push("setxattr");
    const node = this.#node(ino);
    const has = node.xattrs.has(name);
    if ((flags & XATTR_CREATE) !== 0 && has) throw new FsError("EEXIST", name);
    if ((flags & XATTR_REPLACE) !== 0 && !has) throw new FsError("ENODATA", name);
    node.xattrs.set(name, value);
    node.ctime = this.#now();
  }

  listxattr(ino: number): string[] {
    this.calls?.push("listxattr");
    return [...this.#node(ino).xattrs.keys()];
  }

  removexattr(ino: number, name: string): void {
    this.calls?.push("removexattr");
    const node = this.#node(ino);
    if (!node.xattrs.delete(name)) throw new FsError("ENODATA", name);
    node.ctime = this.#now();
  }

  hold(ino: number): void {
    this.#node(ino).held = true;
  }

  forget(ino: number): void {
    const node = this.#node(ino);
    node.held = false;
    this.#free(node);
  }

  /** Closes the working files. */
  close(): void {
    for (const { fd } of this.#nodes.values()) if (fd !== undefined) closeSync(fd);
    this.#nodes.clear();
  }

  #list(node: Node): DirEntry[] {
    const entries: DirEntry[] = [
      { name: ".", ino: node.ino, type: S_IFDIR, cookie: 1 },
      { name: "..", ino: node.parent, type: S_IFDIR, cookie: 2 },
    ];
    for (const [name, entry] of node.entries) {
      const type = this.#node(entry.ino).mode & S_IFMT;
      entries.push({ name, ino: entry.ino, type, cookie: entry.cookie });
    }
    return entries;
  }

  #open(node: Node, flags: number): OpenFile {
    const fh = this.#nextFh;
    this.#nextFh += 1;
    this.#files.set(fh, { node, flags });
    node.opens += 1;
    if (canWrite(flags)) node.writers += 1;
    return { fh, keepCache: true };
  }

  #newNode(mode: number, owner: { uid: number; gid: number }, target: string, rdev: number): Node {
    const now = this.#now();
    const node: Node = {
      ino: this.#nextIno,
      mode,
      nlink: 1,
      uid: owner.uid,
      gid: owner.gid,
      rdev,
      atime: now,
      mtime: now,
      ctime: now,
      xattrs: new Map(),
      entries: new Map(),
      parent: 0,
      target,
      held: false,
      opens: 0,
      writers: 0,
      fd: undefined,
      hasBytes: false,
      size: target.length,
      blocks: 0,
    };
    this.#nextIno += 1;
    this.#nodes.set(node.ino, node);
    return node;
  }

  #add(parent: number, name: string, mode: number, caller: Caller, target = "", rdev = 0): Node {
    const directory = this.#directory(parent);
    if (directory.entries.has(name)) throw new FsError("EEXIST", name);
    if (directory.nlink === 0) throw new FsError("ENOENT", "a removed directory");
    const gid = this.#groupIn(directory, caller);
    const node = this.#newNode(mode, { uid: caller.uid, gid }, target, rdev);
    this.#place(directory, name, node);
    this.#touch(directory);
    return node;
  }

  /** In a set-group-id directory everything has its group. */
  #groupIn(directory: Node, caller: Caller): number {
    return (directory.mode & S_ISGID) === 0 ? caller.gid : directory.gid;
  }

  #place(directory: Node, name: string, node: Node): void {
    directory.entries.delete(name);
    directory.entries.set(name, { ino: node.ino, cookie: this.#nextCookie });
    this.#nextCookie += 1;
  }

  #drop(directory: Node, name: string, node: Node): void {
    directory.entries.delete(name);
    if (isDirectory(node.mode)) {
      node.nlink = 0;
      directory.nlink -= 1;
    } else {
      node.nlink -= 1;
    }
    node.ctime = this.#touch(directory);
    this.#free(node);
  }

  #replace(directory: Node, name: string, replaced: Node, by: Node): void {
    if (isDirectory(replaced.mode)) {
      if (!isDirectory(by.mode)) throw new FsError("EISDIR", name);
      if (replaced.entries.size > 0) throw new FsError("ENOTEMPTY", name);
    } else if (isDirectory(by.mode)) {
      throw new FsError("ENOTDIR", name);
    }
    this.#drop(directory, name, replaced);
  }

  #moved(node: Node, from: Node, to: Node): void {
    node.ctime = this.#touch(from);
    this.#touch(to);
    if (!isDirectory(node.mode) || from === to) return;
    node.parent = to.ino;
    from.nlink -= 1;
    to.nlink += 1;
  }

  #checkNotBelow(directory: Node, node: Node): void {
    for (let at = directory; at.ino !== rootIno; at = this.#node(at.parent)) {
      if (at === node) throw new FsError("EINVAL", "a directory cannot go below itself");
    }
  }

  #touch(directory: Node): Moment {
    directory.mtime = this.#now();
    directory.ctime = directory.mtime;
    return directory.mtime;
  }

  #free(node: Node): void {
    if (node.nlink > 0 || node.held || node.opens > 0) return;
    this.#nodes.delete(node.ino);
    if (node.hasBytes) unlinkSync(this.#path(node));
  }

  /** Closes the bytes of a node that nobody has open: there may be more inodes than descriptors. */
  #settle(node: Node): void {
    if (node.opens > 0 || node.fd === undefined) return;
    const { size, blocks } = fstatSync(node.fd);
    node.size = size;
    node.blocks = blocks;
    closeSync(node.fd);
    node.fd = undefined;
  }

  #attr(node: Node): Attr {
    const { size, blocks } = node.fd === undefined ? node : fstatSync(node.fd);
    return {
      ino: node.ino,
      mode: node.mode,
      nlink: node.nlink,
      uid: node.uid,
      gid: node.gid,
      rdev: node.rdev,
      size,
      blocks,
      atimeS: node.atime.s,
      atimeNs: node.atime.ns,
      mtimeS: node.mtime.s,
      mtimeNs: node.mtime.ns,
      ctimeS: node.ctime.s,
      ctimeNs: node.ctime.ns,
      stable: node.writers === 0,
    };
  }

  #node(ino: number): Node {
    const node = this.#nodes.get(ino);
    if (node === undefined) throw new FsError("ESTALE", `inode ${ino}`);
    return node;
  }

  #directory(ino: number): Node {
    const node = this.#node(ino);
    if (!isDirectory(node.mode)) throw new FsError("ENOTDIR", `inode ${ino}`);
    return node;
  }

  #child(directory: Node, name: string): Node {
    const entry = directory.entries.get(name);
    if (entry === undefined) throw new FsError("ENOENT", name);
    return this.#node(entry.ino);
  }

  #file(fh: number): { node: Node; flags: number } {
    const file = this.#files.get(fh);
    if (file === undefined) throw new FsError("EBADF", `file ${fh}`);
    return file;
  }

  #stream(fh: number): { node: Node; entries: DirEntry[] } {
    const stream = this.#streams.get(fh);
    if (stream === undefined) throw new FsError("EBADF", `directory stream ${fh}`);
    return stream;
  }

  #fd(node: Node): number {
    node.fd ??= openSync(this.#path(node), constants.O_RDWR | constants.O_CREAT, 0o600);
    node.hasBytes = true;
    return node.fd;
  }

  #path(node: Node): string {
    return join(this.#dir, String(node.ino));
  }

  /** Nanosecond times that never repeat, so that every change shows. */
  #now(): Moment {
    const ms = this.#clock.now();
    this.#lastNs = (this.#lastNs + 1) % 1_000_000;
    return { s: Math.floor(ms / 1000), ns: (Math.floor(ms) % 1000) * 1_000_000 + this.#lastNs };
  }
}

function toMoment(time: SetTime, now: Moment): Moment {
  return time === "now" ? now : time;
}

function killSuidGid(node: Node): void {
  node.mode &= ~S_ISUID;
  if ((node.mode & S_IXGRP) !== 0) node.mode &= ~S_ISGID;
}
