/** Open files and directories: fh → inode and flags, and per inode how many can read and write. */
import { assert, FsError } from "@smfs/core";
import type { Descriptor } from "./byte-store.ts";

export interface OpenFile {
  readonly fh: number;
  readonly ino: number;
  readonly flags: number;
  readonly isWriter: boolean;
  /** Descriptor of the working file; shared by the handles of one inode and access mode. */
  descriptor: Descriptor | undefined;
  /** Whether a write came through this handle. */
  hasWritten: boolean;
}

interface Counts {
  readers: number;
  writers: number;
}

export class OpenFiles {
  #next = 1;
  readonly #files = new Map<number, OpenFile>();
  readonly #counts = new Map<number, Counts>();

  open(
    ino: number,
    flags: number,
    isWriter: boolean,
    descriptor: Descriptor | undefined,
  ): OpenFile {
    const file: OpenFile = { fh: this.#next, ino, flags, isWriter, descriptor, hasWritten: false };
    this.#next += 1;
    this.#files.set(file.fh, file);
    const counts = this.#counts.get(ino) ?? { readers: 0, writers: 0 };
    if (isWriter) counts.writers += 1;
    else counts.readers += 1;
    this.#counts.set(ino, counts);
    return file;
  }

  /** @throws FsError EBADF */
  get(fh: number): OpenFile {
    const file = this.#files.get(fh);
    if (file === undefined) throw new FsError("EBADF", `file ${fh}`);
    return file;
  }

  close(fh: number): OpenFile {
    const file = this.get(fh);
    this.#files.delete(fh);
    const counts = this.#counts.get(file.ino);
    assert(counts !== undefined, "an open file is counted");
    if (file.isWriter) counts.writers -= 1;
    else counts.readers -= 1;
    if (counts.readers + counts.writers === 0) this.#counts.delete(file.ino);
    return file;
  }

  /** Handles of an inode that can write. */
  writers(ino: number): number {
    return this.#counts.get(ino)?.writers ?? 0;
  }

  /** Whether an inode is open at all. */
  isOpen(ino: number): boolean {
    return this.#counts.has(ino);
  }

  all(): Iterable<OpenFile> {
    return this.#files.values();
  }
}
