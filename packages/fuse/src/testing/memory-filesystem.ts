/**
 * A whole file system with its metadata in memory and each file's bytes in a file of one directory: what the
 * frontend is tested and measured with. It keeps every rule of core's FileSystem, but survives nothing.
 */
import { fdatasyncSync, ftruncateSync, readSync, statfsSync, writeSync } from "node:fs";
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
  S_IFDIR,
  S_IFLNK,
  S_IFMT,
  S_IFREG,
  S_ISGID,
  type SetAttr,
  type StatFs,
} from "@smfs/core";
import { copyFileRange, fallocate, seekData, seekHole } from "@smfs/native";
import { killSuidGid, MemoryNodes, type Node, toMoment } from "./memory-nodes.ts";

const copyBytesMax = 8 << 20;
const XATTR_CREATE = 1;
const XATTR_REPLACE = 2;
const SEEK_DATA = 3;

export class MemoryFileSystem implements FileSystem {
  readonly #dir: string;
  readonly #nodes: MemoryNodes;
  readonly #files = new Map<number, { node: Node; flags: number }>();
  readonly #streams = new Map<number, { node: Node; entries: DirEntry[] }>();
  #nextFh = 1;
  /** Name of each call, in order, while somebody looks: `fs.calls = []`. */
  calls: string[] | undefined;

  /** @param dir an existing, empty directory for the bytes */
  constructor(dir: string, clock: Clock, owner: { uid: number; gid: number }) {
    this.#dir = dir;
    this.#nodes = new MemoryNodes(dir, clock, owner);
  }

  /** Inodes that exist, with names or without. */
  get inodeCount(): number {
    return this.#nodes.count;
  }

  find(parent: number, name: string): Attr | undefined {
    this.calls?.push("find");
    const ino = this.#nodes.directory(parent).entries.get(name)?.ino;
    return ino === undefined ? undefined : this.#nodes.attr(this.#nodes.node(ino));
  }

  getattr(ino: number): Attr {
    this.calls?.push("getattr");
    return this.#nodes.attr(this.#nodes.node(ino));
  }

  setattr(ino: number, changes: SetAttr, _caller: Caller): Attr {
    this.calls?.push("setattr");
    const node = this.#nodes.node(ino);
    this.#nodes.adoptTimes(node);
    const now = this.#nodes.now();
    if (changes.size !== undefined) {
      if (!isRegular(node.mode)) throw new FsError("EINVAL", "size of what is no file");
      ftruncateSync(this.#nodes.fd(node), changes.size);
      this.#nodes.sawBytes(node);
      this.#nodes.settle(node);
      node.mtime = now;
    }
    if (changes.mode !== undefined) node.mode = (node.mode & S_IFMT) | changes.mode;
    if (changes.uid !== undefined) node.uid = changes.uid;
    if (changes.gid !== undefined) node.gid = changes.gid;
    if (changes.atime !== undefined) node.atime = toMoment(changes.atime, now);
    if (changes.mtime !== undefined) node.mtime = toMoment(changes.mtime, now);
    if (changes.killSuidGid === true) killSuidGid(node);
    node.ctime = now;
    return this.#nodes.attr(node);
  }

  readlink(ino: number): string {
    this.calls?.push("readlink");
    const node = this.#nodes.node(ino);
    if ((node.mode & S_IFMT) !== S_IFLNK) throw new FsError("EINVAL", "no symlink");
    return node.target;
  }

  symlink(parent: number, name: string, target: string, caller: Caller): Attr {
    this.calls?.push("symlink");
    return this.#nodes.attr(this.#nodes.add(parent, name, S_IFLNK | 0o777, caller, target));
  }

  mknod(parent: number, name: string, mode: number, rdev: number, caller: Caller): Attr {
    this.calls?.push("mknod");
    return this.#nodes.attr(this.#nodes.add(parent, name, mode, caller, "", rdev));
  }

  mkdir(parent: number, name: string, mode: number, caller: Caller): Attr {
    this.calls?.push("mkdir");
    const directory = this.#nodes.directory(parent);
    const setgid = directory.mode & S_ISGID;
    const node = this.#nodes.add(parent, name, S_IFDIR | mode | setgid, caller);
    node.nlink = 2;
    node.parent = parent;
    directory.nlink += 1;
    return this.#nodes.attr(node);
  }

  unlink(parent: number, name: string): void {
    this.calls?.push("unlink");
    const directory = this.#nodes.directory(parent);
    const node = this.#nodes.child(directory, name);
    if (isDirectory(node.mode)) throw new FsError("EISDIR", name);
    this.#nodes.drop(directory, name, node);
  }

  rmdir(parent: number, name: string): void {
    this.calls?.push("rmdir");
    const directory = this.#nodes.directory(parent);
    const node = this.#nodes.child(directory, name);
    if (!isDirectory(node.mode)) throw new FsError("ENOTDIR", name);
    if (node.entries.size > 0) throw new FsError("ENOTEMPTY", name);
    this.#nodes.drop(directory, name, node);
  }

  rename(args: RenameArgs): void {
    this.calls?.push("rename");
    if ((args.flags & ~(RENAME_NOREPLACE | RENAME_EXCHANGE)) !== 0) {
      throw new FsError("EINVAL", `rename flags ${args.flags}`);
    }
    const from = this.#nodes.directory(args.fromParent);
    const to = this.#nodes.directory(args.toParent);
    const node = this.#nodes.child(from, args.fromName);
    const replacedIno = to.entries.get(args.toName)?.ino;
    const replaced = replacedIno === undefined ? undefined : this.#nodes.node(replacedIno);
    if ((args.flags & RENAME_EXCHANGE) !== 0) {
      if (replaced === undefined) throw new FsError("ENOENT", args.toName);
      this.#nodes.checkNotBelow(to, node);
      this.#nodes.checkNotBelow(from, replaced);
      this.#nodes.place(from, args.fromName, replaced);
      this.#nodes.place(to, args.toName, node);
      this.#nodes.moved(node, from, to);
      this.#nodes.moved(replaced, to, from);
      return;
    }
    if (replaced === node) return;
    if (replaced !== undefined && (args.flags & RENAME_NOREPLACE) !== 0) {
      throw new FsError("EEXIST", args.toName);
    }
    this.#nodes.checkNotBelow(to, node);
    if (replaced !== undefined) this.#nodes.replace(to, args.toName, replaced, node);
    from.entries.delete(args.fromName);
    this.#nodes.place(to, args.toName, node);
    this.#nodes.moved(node, from, to);
  }

  link(ino: number, parent: number, name: string): Attr {
    this.calls?.push("link");
    const node = this.#nodes.node(ino);
    if (isDirectory(node.mode)) throw new FsError("EPERM", "link to a directory");
    const directory = this.#nodes.directory(parent);
    if (directory.entries.has(name)) throw new FsError("EEXIST", name);
    this.#nodes.place(directory, name, node);
    node.nlink += 1;
    node.ctime = this.#nodes.touch(directory);
    return this.#nodes.attr(node);
  }

  open(ino: number, flags: number, _caller: Caller): OpenFile {
    this.calls?.push("open");
    const node = this.#nodes.node(ino);
    if (!isRegular(node.mode)) throw new FsError("EINVAL", "open of what is no file");
    if ((flags & O_TRUNC) !== 0) {
      ftruncateSync(this.#nodes.fd(node), 0);
      node.mtime = this.#nodes.now();
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
    const node = this.#nodes.add(parent, name, S_IFREG | (mode & ~S_IFMT), caller);
    const file = this.#open(node, flags);
    return { attr: this.#nodes.attr(node), file };
  }

  tmpfile(
    parent: number,
    mode: number,
    flags: number,
    caller: Caller,
  ): { readonly attr: Attr; readonly file: OpenFile } {
    this.calls?.push("tmpfile");
    const gid = this.#nodes.groupIn(this.#nodes.directory(parent), caller);
    const node = this.#nodes.newNode(S_IFREG | (mode & ~S_IFMT), { uid: caller.uid, gid }, "", 0);
    node.nlink = 0;
    const file = this.#open(node, flags);
    return { attr: this.#nodes.attr(node), file };
  }

  read(fh: number, into: Uint8Array, offset: number): number {
    this.calls?.push("read");
    return readSync(this.#nodes.fd(this.#file(fh).node), into, 0, into.byteLength, offset);
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
      written += writeSync(this.#nodes.fd(node), bytes, written, rest, offset + written);
    }
    if (options?.killSuidGid === true) killSuidGid(node);
    this.#nodes.sawBytes(node);
    node.mtime = this.#nodes.now();
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
    this.#nodes.settle(node);
    if (canWrite(flags)) node.writers -= 1;
    this.#nodes.free(node);
  }

  fsync(fh: number): void {
    this.calls?.push("fsync");
    fdatasyncSync(this.#nodes.fd(this.#file(fh).node));
  }

  lseek(fh: number, offset: number, whence: number): number {
    this.calls?.push("lseek");
    const fd = this.#nodes.fd(this.#file(fh).node);
    const found = whence === SEEK_DATA ? seekData(fd, offset) : seekHole(fd, offset);
    if (found === undefined) throw new FsError("ENXIO", `offset ${offset}`);
    return found;
  }

  fallocate(fh: number, mode: number, offset: number, length: number): void {
    this.calls?.push("fallocate");
    const { node } = this.#file(fh);
    fallocate(this.#nodes.fd(node), mode, offset, length);
    this.#nodes.sawBytes(node);
    node.mtime = this.#nodes.now();
    node.ctime = node.mtime;
  }

  copyFileRange(range: CopyRange): number {
    this.calls?.push("copyFileRange");
    const to = this.#file(range.toFh).node;
    const copied = copyFileRange({
      fromFd: this.#nodes.fd(this.#file(range.fromFh).node),
      fromOffset: range.fromOffset,
      toFd: this.#nodes.fd(to),
      toOffset: range.toOffset,
      length: Math.min(range.length, copyBytesMax),
    });
    this.#nodes.sawBytes(to);
    to.mtime = this.#nodes.now();
    to.ctime = to.mtime;
    return copied;
  }

  backing(ino: number): Backing | undefined {
    const node = this.#nodes.node(ino);
    this.#nodes.fd(node);
    node.isBacked = true;
    this.#nodes.sawBytes(node);
    return { path: this.#nodes.path(node) };
  }

  opendir(ino: number): number {
    this.calls?.push("opendir");
    const fh = this.#nextFh;
    this.#nextFh += 1;
    this.#streams.set(fh, { node: this.#nodes.directory(ino), entries: [] });
    return fh;
  }

  readdir(fh: number, cookie: number, visit: (entry: DirEntry) => boolean): void {
    this.calls?.push("readdir");
    const stream = this.#stream(fh);
    // From the start, also after rewinddir(3), the directory is as it is now.
    if (cookie === 0 || stream.entries.length === 0) stream.entries = this.#nodes.list(stream.node);
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

  getxattr(ino: number, name: string): Uint8Array | undefined {
    this.calls?.push("getxattr");
    return this.#nodes.node(ino).xattrs.get(name);
  }

  setxattr(ino: number, name: string, value: Uint8Array, flags: number): void {
    this.calls?.push("setxattr");
    const node = this.#nodes.node(ino);
    const has = node.xattrs.has(name);
    if ((flags & XATTR_CREATE) !== 0 && has) throw new FsError("EEXIST", name);
    if ((flags & XATTR_REPLACE) !== 0 && !has) throw new FsError("ENODATA", name);
    node.xattrs.set(name, value);
    node.ctime = this.#nodes.now();
  }

  listxattr(ino: number): string[] {
    this.calls?.push("listxattr");
    return [...this.#nodes.node(ino).xattrs.keys()];
  }

  removexattr(ino: number, name: string): void {
    this.calls?.push("removexattr");
    const node = this.#nodes.node(ino);
    if (!node.xattrs.delete(name)) throw new FsError("ENODATA", name);
    node.ctime = this.#nodes.now();
  }

  hold(ino: number): void {
    this.#nodes.node(ino).held = true;
  }

  forget(ino: number): void {
    const node = this.#nodes.node(ino);
    node.held = false;
    this.#nodes.free(node);
  }

  /** Closes the working files. */
  close(): void {
    this.#nodes.close();
  }

  #open(node: Node, flags: number): OpenFile {
    const fh = this.#nextFh;
    this.#nextFh += 1;
    this.#files.set(fh, { node, flags });
    node.opens += 1;
    if (canWrite(flags)) node.writers += 1;
    return { fh, keepCache: true };
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
}
