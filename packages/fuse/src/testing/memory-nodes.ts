/** The inodes of a MemoryFileSystem: their tree, their attributes, and the files that hold their bytes. */
import { closeSync, constants, fstatSync, openSync, unlinkSync } from "node:fs";
import { join } from "node:path";
import {
  type Attr,
  type Caller,
  type Clock,
  type DirEntry,
  FsError,
  isDirectory,
  rootIno,
  S_IFDIR,
  S_IFMT,
  S_ISGID,
  S_ISUID,
  type SetTime,
} from "@smfs/core";

const S_IXGRP = 0o010;

/** A time: seconds since 1970, and nanoseconds. */
export interface Moment {
  readonly s: number;
  readonly ns: number;
}

/** What a name means. */
export interface Entry {
  readonly ino: number;
  readonly cookie: number;
}

/** An inode. */
export interface Node {
  readonly ino: number;
  mode: number;
  nlink: number;
  uid: number;
  gid: number;
  readonly rdev: number;
  atime: Moment;
  mtime: Moment;
  ctime: Moment;
  readonly birth: Moment;
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
  /** Whether the kernel may write the file with the bytes itself: then that file knows when it was written. */
  isBacked: boolean;
  /** The time of that file that the node's own times already know. */
  bytesNs: bigint;
}

/** All inodes, by number. */
export class MemoryNodes {
  readonly #dir: string;
  readonly #clock: Clock;
  readonly #nodes = new Map<number, Node>();
  #nextIno = rootIno;
  #nextCookie = 3;
  #lastNs = 0;

  constructor(dir: string, clock: Clock, owner: { uid: number; gid: number }) {
    this.#dir = dir;
    this.#clock = clock;
    const root = this.newNode(S_IFDIR | 0o755, owner, "", 0);
    root.parent = rootIno;
    root.nlink = 2;
  }

  get count(): number {
    return this.#nodes.size;
  }

  /** Closes the bytes of every node. */
  close(): void {
    for (const { fd } of this.#nodes.values()) if (fd !== undefined) closeSync(fd);
    this.#nodes.clear();
  }

  /** @throws FsError ESTALE */
  node(ino: number): Node {
    const node = this.#nodes.get(ino);
    if (node === undefined) throw new FsError("ESTALE", `inode ${ino}`);
    return node;
  }

  /** @throws FsError ESTALE, ENOTDIR */
  directory(ino: number): Node {
    const node = this.node(ino);
    if (!isDirectory(node.mode)) throw new FsError("ENOTDIR", `inode ${ino}`);
    return node;
  }

  /** The node of an entry. @throws FsError ENOENT */
  child(directory: Node, name: string): Node {
    const entry = directory.entries.get(name);
    if (entry === undefined) throw new FsError("ENOENT", name);
    return this.node(entry.ino);
  }

  /** All entries, each with its cookie. */
  list(node: Node): DirEntry[] {
    const entries: DirEntry[] = [
      { name: ".", ino: node.ino, type: S_IFDIR, cookie: 1 },
      { name: "..", ino: node.parent, type: S_IFDIR, cookie: 2 },
    ];
    for (const [name, entry] of node.entries) {
      const type = this.node(entry.ino).mode & S_IFMT;
      entries.push({ name, ino: entry.ino, type, cookie: entry.cookie });
    }
    return entries;
  }

  /** A node without a name. */
  newNode(mode: number, owner: { uid: number; gid: number }, target: string, rdev: number): Node {
    const now = this.now();
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
      birth: now,
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
      isBacked: false,
      bytesNs: 0n,
    };
    this.#nextIno += 1;
    this.#nodes.set(node.ino, node);
    return node;
  }

  /** A node with a name. @throws FsError EEXIST, ENOENT in a removed directory */
  add(parent: number, name: string, mode: number, caller: Caller, target = "", rdev = 0): Node {
    const directory = this.directory(parent);
    if (directory.entries.has(name)) throw new FsError("EEXIST", name);
    if (directory.nlink === 0) throw new FsError("ENOENT", "a removed directory");
    const gid = this.groupIn(directory, caller);
    const node = this.newNode(mode, { uid: caller.uid, gid }, target, rdev);
    this.place(directory, name, node);
    this.touch(directory);
    return node;
  }

  /** In a set-group-id directory everything has its group. */
  groupIn(directory: Node, caller: Caller): number {
    return (directory.mode & S_ISGID) === 0 ? caller.gid : directory.gid;
  }

  /** Makes the entry mean the node. */
  place(directory: Node, name: string, node: Node): void {
    directory.entries.delete(name);
    directory.entries.set(name, { ino: node.ino, cookie: this.#nextCookie });
    this.#nextCookie += 1;
  }

  /** Takes an entry, and the node with its last. */
  drop(directory: Node, name: string, node: Node): void {
    directory.entries.delete(name);
    if (isDirectory(node.mode)) {
      node.nlink = 0;
      directory.nlink -= 1;
    } else {
      node.nlink -= 1;
    }
    node.ctime = this.touch(directory);
    this.free(node);
  }

  /** Takes the entry that a rename goes over. @throws FsError EISDIR, ENOTDIR, ENOTEMPTY */
  replace(directory: Node, name: string, replaced: Node, by: Node): void {
    if (isDirectory(replaced.mode)) {
      if (!isDirectory(by.mode)) throw new FsError("EISDIR", name);
      if (replaced.entries.size > 0) throw new FsError("ENOTEMPTY", name);
    } else if (isDirectory(by.mode)) {
      throw new FsError("ENOTDIR", name);
    }
    this.drop(directory, name, replaced);
  }

  /** What a rename means for the node and both directories. */
  moved(node: Node, from: Node, to: Node): void {
    node.ctime = this.touch(from);
    this.touch(to);
    if (!isDirectory(node.mode) || from === to) return;
    node.parent = to.ino;
    from.nlink -= 1;
    to.nlink += 1;
  }

  /** @throws FsError EINVAL when the directory is the node or below it */
  checkNotBelow(directory: Node, node: Node): void {
    for (let at = directory; at.ino !== rootIno; at = this.node(at.parent)) {
      if (at === node) throw new FsError("EINVAL", "a directory cannot go below itself");
    }
  }

  /** The directory has changed. Returns when. */
  touch(directory: Node): Moment {
    directory.mtime = this.now();
    directory.ctime = directory.mtime;
    return directory.mtime;
  }

  /** Frees a node that nothing refers to. */
  free(node: Node): void {
    if (node.nlink > 0 || node.held || node.opens > 0) return;
    this.#nodes.delete(node.ino);
    if (node.hasBytes) unlinkSync(this.path(node));
  }

  /** Closes the bytes of a node that nobody has open: there may be more inodes than descriptors. */
  settle(node: Node): void {
    if (node.opens > 0 || node.fd === undefined) return;
    this.adoptTimes(node);
    const { size, blocks } = fstatSync(node.fd);
    node.size = size;
    node.blocks = blocks;
    closeSync(node.fd);
    node.fd = undefined;
    node.isBacked = false;
  }

  /** The bytes were changed by a call, or their times were: what the file says of that is no news. */
  sawBytes(node: Node): void {
    if (node.isBacked && node.fd !== undefined) node.bytesNs = mtimeNs(node.fd);
  }

  /** Takes over that the kernel has written the bytes itself. */
  adoptTimes(node: Node): void {
    if (!node.isBacked || node.fd === undefined) return;
    const written = mtimeNs(node.fd);
    if (written === node.bytesNs) return;
    node.bytesNs = written;
    node.mtime = this.now();
    node.ctime = node.mtime;
  }

  /** What stat shows. */
  attr(node: Node): Attr {
    this.adoptTimes(node);
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
      birthUs: node.birth.s * 1_000_000 + Math.floor(node.birth.ns / 1000),
      stable: node.writers === 0,
    };
  }

  /** Descriptor of the bytes, opened if need be. */
  fd(node: Node): number {
    node.fd ??= openSync(this.path(node), constants.O_RDWR | constants.O_CREAT, 0o600);
    node.hasBytes = true;
    return node.fd;
  }

  /** The file with the bytes. */
  path(node: Node): string {
    return join(this.#dir, String(node.ino));
  }

  /** Nanosecond times that never repeat, so that every change shows. */
  now(): Moment {
    const ms = this.#clock.now();
    this.#lastNs = (this.#lastNs + 1) % 1_000_000;
    return { s: Math.floor(ms / 1000), ns: (Math.floor(ms) % 1000) * 1_000_000 + this.#lastNs };
  }
}
function mtimeNs(fd: number): bigint {
  return fstatSync(fd, { bigint: true }).mtimeNs;
}

export function toMoment(time: SetTime, now: Moment): Moment {
  return time === "now" ? now : time;
}

export function killSuidGid(node: Node): void {
  node.mode &= ~S_ISUID;
  if ((node.mode & S_IXGRP) !== 0) node.mode &= ~S_ISGID;
}
