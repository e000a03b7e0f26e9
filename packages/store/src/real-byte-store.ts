/**
 * The byte layer over real files: `work/<ino>`, `blobs/<digest>`, and `tmp/` for what is not finished.
 *
 * Everything is the daemon's alone (0700, 0600). Writing is done under `tmp/` and renamed once it is durable, so
 * that a name under `blobs/` always means whole bytes.
 */
import { hash } from "node:crypto";
import {
  chmodSync,
  closeSync,
  copyFileSync,
  existsSync,
  fdatasyncSync,
  constants as flags,
  fstatSync,
  fsyncSync,
  ftruncateSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  readSync,
  renameSync,
  statfsSync,
  statSync,
  unlinkSync,
  writeSync,
} from "node:fs";
import { join } from "node:path";
import { assert, FsError, inlineBytesMax } from "@smfs/core";
import {
  copyFileRange,
  fallocate,
  probeUsers,
  probeWriters,
  seekData,
  seekHole,
  setModificationTime,
} from "@smfs/native";
import type { ByteStore, Descriptor, DiskStat, WorkStat } from "./byte-store.ts";
import type { Durability } from "./database.ts";

const openFlags = {
  read: flags.O_RDONLY,
  write: flags.O_RDWR,
  create: flags.O_RDWR | flags.O_CREAT,
} as const;

const ownerFile = 0o600;
const ownerDirectory = 0o700;
const nsPerS = 1_000_000_000n;
const seekDataWhence = 3;
/** Linux; elsewhere every start counts as one after a power loss, unless the last stop was in peace. */
const bootIdFile = "/proc/sys/kernel/random/boot_id";

/** Folders of a state directory. */
export interface ByteFolders {
  readonly work: string;
  readonly blobs: string;
  readonly tmp: string;
}

/** Makes the folders of a state directory, readable by their owner only. */
export function byteFolders(dir: string): ByteFolders {
  const folders = { work: join(dir, "work"), blobs: join(dir, "blobs"), tmp: join(dir, "tmp") };
  for (const folder of [dir, folders.work, folders.blobs, folders.tmp]) {
    mkdirSync(folder, { recursive: true, mode: ownerDirectory });
    if ((statSync(folder).mode & 0o777) !== ownerDirectory) chmodSync(folder, ownerDirectory);
  }
  return folders;
}

export class RealByteStore implements ByteStore {
  readonly #folders: ByteFolders;
  readonly #dir: string;
  #tmpCount = 0;
  #tellsWriters: boolean | undefined;

  /** @param dir the state directory; made if it does not exist */
  constructor(dir: string) {
    this.#dir = dir;
    this.#folders = byteFolders(dir);
  }

  clearUnfinished(): void {
    for (const name of readdirSync(this.#folders.tmp)) unlinkSync(join(this.#folders.tmp, name));
  }

  openWork(ino: number, access: "read" | "write" | "create"): Descriptor {
    return openSync(this.#work(ino), openFlags[access], ownerFile);
  }

  close(fd: Descriptor): void {
    closeSync(fd);
  }

  read(fd: Descriptor, into: Uint8Array, offset: number): number {
    let done = 0;
    while (done < into.length) {
      const count = readSync(fd, into, done, into.length - done, offset + done);
      if (count === 0) break;
      done += count;
    }
    return done;
  }

  write(fd: Descriptor, bytes: Uint8Array, offset: number): void {
    let done = 0;
    while (done < bytes.length) {
      const count = writeSync(fd, bytes, done, bytes.length - done, offset + done);
      if (count === 0) throw new FsError("EIO", `write ${fd}: nothing written`);
      done += count;
    }
  }

  truncate(fd: Descriptor, size: number): void {
    ftruncateSync(fd, size);
  }

  stat(fd: Descriptor): WorkStat {
    const { size, blocks, mtimeNs, ctimeNs } = fstatSync(fd, { bigint: true });
    const mtime = toMoment(mtimeNs);
    const ctime = toMoment(ctimeNs);
    return {
      size: Number(size),
      blocks: Number(blocks),
      mtimeS: mtime.s,
      mtimeNs: mtime.ns,
      ctimeS: ctime.s,
      ctimeNs: ctime.ns,
      ctime: ctimeNs.toString(),
    };
  }

  setTimes(fd: Descriptor, mtimeS: number, mtimeNs: number): void {
    setModificationTime(fd, mtimeS, mtimeNs);
  }

  sync(fd: Descriptor): void {
    fdatasyncSync(fd);
  }

  seek(fd: Descriptor, offset: number, whence: number): number {
    const found = whence === seekDataWhence ? seekData(fd, offset) : seekHole(fd, offset);
    if (found === undefined) throw new FsError("ENXIO", `seek ${fd} from ${offset}`);
    return found;
  }

  allocate(fd: Descriptor, mode: number, offset: number, length: number): void {
    fallocate(fd, mode, offset, length);
  }

  copyRange(
    from: Descriptor,
    fromOffset: number,
    to: Descriptor,
    toOffset: number,
    length: number,
  ): number {
    return copyFileRange({ fromFd: from, fromOffset, toFd: to, toOffset, length });
  }

  workPath(ino: number): string {
    return this.#work(ino);
  }

  hasWork(ino: number): boolean {
    return existsSync(this.#work(ino));
  }

  removeWork(ino: number): void {
    remove(this.#work(ino));
  }

  reuseWork(from: number, to: number): boolean {
    const path = this.#work(from);
    if (!existsSync(path)) return false;
    const fd = openSync(path, openFlags.write);
    try {
      // A reader's mapping outlives every handle that we know of.
      if (probeUsers(fd) !== "granted") return false;
      // Before the rename: a journal that has the new name has the empty file too.
      ftruncateSync(fd, 0);
    } finally {
      closeSync(fd);
    }
    renameSync(path, this.#work(to));
    return true;
  }

  listWork(): number[] {
    return readdirSync(this.#folders.work)
      .filter((name) => /^[1-9]\d{0,15}$/.test(name))
      .map(Number);
  }

  statUnwritten(ino: number): WorkStat | undefined {
    const fd = openSync(this.#work(ino), openFlags.read);
    try {
      return this.tellsWriters() && probeWriters(fd) !== "granted" ? undefined : this.stat(fd);
    } finally {
      closeSync(fd);
    }
  }

  tellsWriters(): boolean {
    if (this.#tellsWriters === undefined) {
      const tmp = this.#tmp();
      closeSync(openSync(tmp, flags.O_WRONLY | flags.O_CREAT, ownerFile));
      const fd = openSync(tmp, openFlags.read);
      this.#tellsWriters = probeWriters(fd) === "granted";
      closeSync(fd);
      remove(tmp);
    }
    return this.#tellsWriters;
  }

  hasBlob(digest: string): boolean {
    return existsSync(this.#blob(digest));
  }

  blobSize(digest: string): number {
    return statSync(this.#blob(digest)).size;
  }

  readBlob(digest: string): Uint8Array {
    const path = this.#blob(digest);
    assert(statSync(path).size <= inlineBytesMax, "a large blob is read by the file worker");
    return readFileSync(path);
  }

  putBlob(bytes: Uint8Array, durability: Durability = "power"): string {
    const digest = this.digest(bytes);
    const path = this.#blob(digest);
    const isThere = existsSync(path);
    if (isThere && durability === "process") return digest;
    // One that is there may have been put with "process": written again it is durable whatever it was.
    const tmp = this.#tmp();
    const fd = openSync(tmp, flags.O_WRONLY | flags.O_CREAT | flags.O_EXCL, ownerFile);
    try {
      this.write(fd, bytes, 0);
      if (durability === "power") fdatasyncSync(fd);
    } catch (error) {
      remove(tmp);
      throw error;
    } finally {
      closeSync(fd);
    }
    renameSync(tmp, path);
    if (durability === "power") syncFolder(this.#folders.blobs);
    return digest;
  }

  removeBlob(digest: string): void {
    remove(this.#blob(digest));
  }

  listBlobs(): string[] {
    return readdirSync(this.#folders.blobs).filter((name) => /^[0-9a-f]{64}$/.test(name));
  }

  moveWorkToBlob(ino: number, digest: string): void {
    renameSync(this.#work(ino), this.#blob(digest));
  }

  fillWork(digest: string, ino: number, keep: boolean, durability: Durability = "power"): void {
    const blob = this.#blob(digest);
    const work = this.#work(ino);
    if (!existsSync(blob)) {
      if (existsSync(work)) return;
      throw new FsError("EIO", `the bytes of inode ${ino} are neither a blob nor a working file`);
    }
    if (keep) {
      const tmp = this.#tmp();
      copyFileSync(blob, tmp, flags.COPYFILE_FICLONE | flags.COPYFILE_EXCL);
      const fd = openSync(tmp, openFlags.write);
      try {
        fdatasyncSync(fd);
      } finally {
        closeSync(fd);
      }
      renameSync(tmp, work);
    } else {
      renameSync(blob, work);
    }
    // Of a rename between the two folders a journal keeps both sides or neither.
    if (durability === "power") this.syncNames("work");
  }

  syncNames(folder?: "work" | "blobs"): void {
    if (folder !== "blobs") syncFolder(this.#folders.work);
    if (folder !== "work") syncFolder(this.#folders.blobs);
  }

  bootId(): string | undefined {
    return existsSync(bootIdFile) ? readFileSync(bootIdFile, "utf8").trim() : undefined;
  }

  digest(bytes: Uint8Array): string {
    return hash("sha256", bytes, "hex");
  }

  disk(): DiskStat {
    const { bsize, blocks, bfree, bavail, files, ffree } = statfsSync(this.#dir);
    return {
      blockBytes: bsize,
      blocks,
      blocksFree: bfree,
      blocksAvailable: bavail,
      files,
      filesFree: ffree,
    };
  }

  reserve(bytes: number): void {
    const fd = openSync(`${this.#dir}/reserve`, openFlags.create, ownerFile);
    try {
      const { size } = fstatSync(fd);
      if (bytes > size) this.#allocateReserve(fd, size, bytes);
      else ftruncateSync(fd, bytes);
    } finally {
      closeSync(fd);
    }
  }

  #allocateReserve(fd: Descriptor, have: number, bytes: number): void {
    try {
      try {
        fallocate(fd, 0, 0, bytes);
      } catch (error) {
        const { code } = error as { code?: unknown };
        if (code !== "EOPNOTSUPP" && code !== "ENOSYS") throw error;
        // A disk without fallocate gives blocks for bytes written, also for zeros.
        for (let at = have; at < bytes; at += inlineBytesMax) {
          writeSync(fd, Buffer.alloc(Math.min(inlineBytesMax, bytes - at)), 0, undefined, at);
        }
      }
    } catch (error) {
      ftruncateSync(fd, have);
      throw error;
    }
  }

  #work(ino: number): string {
    return `${this.#folders.work}/${ino}`;
  }

  /** A digest becomes a file name only if it has the form of one. */
  #blob(digest: string): string {
    assert(/^[0-9a-f]{64}$/.test(digest), "a blob is named by a SHA-256 in hexadecimal");
    return `${this.#folders.blobs}/${digest}`;
  }

  #tmp(): string {
    this.#tmpCount += 1;
    return `${this.#folders.tmp}/store-${this.#tmpCount}`;
  }
}

/** Rounded down, not towards zero: before 1970 the nanoseconds still count upwards. */
function toMoment(all: bigint): { s: number; ns: number } {
  const ns = ((all % nsPerS) + nsPerS) % nsPerS;
  return { s: Number((all - ns) / nsPerS), ns: Number(ns) };
}

/** fsync of a directory: names made and removed in it survive a power loss. */
function syncFolder(path: string): void {
  const fd = openSync(path, flags.O_RDONLY | flags.O_DIRECTORY);
  try {
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
}

/** Removes a file that need not exist. */
function remove(path: string): void {
  try {
    unlinkSync(path);
  } catch (error) {
    if ((error as { code?: string }).code !== "ENOENT") throw error;
  }
}
