/**
 * Descriptors of the working files of open inodes: opened when first needed, one per inode, shared by its
 * handles. The number is bounded; one that was closed to make room is opened again by its path.
 */
import { FsError } from "@smfs/core";
import type { ByteStore, Descriptor, WorkStat } from "./byte-store.ts";

/** Working files open at a time. Machines may allow a process no more than 1024 descriptors in all. */
const openMax = 512;

interface Opened {
  readonly fd: Descriptor;
  readonly canWrite: boolean;
}

export class WorkingFiles {
  readonly #bytes: ByteStore;
  readonly #opened = new Map<number, Opened>();

  constructor(bytes: ByteStore) {
    this.#bytes = bytes;
  }

  /** Makes the working file of a new inode, empty, and keeps it open for writing. */
  create(ino: number): void {
    this.close(ino);
    this.#keep(ino, { fd: this.#bytes.openWork(ino, "create"), canWrite: true });
  }

  /**
   * A descriptor good for reading, and for writing if asked. Valid until the next call for another inode.
   * @throws FsError EIO when the working file is not there: a row says it is
   */
  descriptor(ino: number, canWrite: boolean): Descriptor {
    const opened = this.#opened.get(ino);
    if (opened !== undefined && (opened.canWrite || !canWrite)) return opened.fd;
    if (opened !== undefined) this.close(ino);
    const fd = this.#open(ino, canWrite);
    this.#keep(ino, { fd, canWrite });
    return fd;
  }

  /** What fstat says now, whether the file is open or not. */
  stat(ino: number): WorkStat {
    const opened = this.#opened.get(ino);
    if (opened !== undefined) return this.#bytes.stat(opened.fd);
    const fd = this.#open(ino, false);
    try {
      return this.#bytes.stat(fd);
    } finally {
      this.#bytes.close(fd);
    }
  }

  /** Closes a descriptor that could write: only then can anybody else's be told. */
  closeWritable(ino: number): void {
    if (this.#opened.get(ino)?.canWrite === true) this.close(ino);
  }

  close(ino: number): void {
    const opened = this.#opened.get(ino);
    if (opened === undefined) return;
    this.#opened.delete(ino);
    this.#bytes.close(opened.fd);
  }

  closeAll(): void {
    for (const ino of [...this.#opened.keys()]) this.close(ino);
  }

  #open(ino: number, canWrite: boolean): Descriptor {
    try {
      return this.#bytes.openWork(ino, canWrite ? "write" : "read");
    } catch (error) {
      if ((error as { code?: unknown }).code !== "ENOENT") throw error;
      throw new FsError("EIO", `the working file of inode ${ino} is missing`);
    }
  }

  #keep(ino: number, opened: Opened): void {
    // The oldest goes first: a Map lists its keys in the order they were added.
    if (this.#opened.size >= openMax) {
      for (const oldest of this.#opened.keys()) {
        this.close(oldest);
        break;
      }
    }
    this.#opened.set(ino, opened);
  }
}
