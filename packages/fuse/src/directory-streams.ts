/**
 * Directory streams for a kernel that sends no OPENDIR (FUSE_NO_OPENDIR_SUPPORT): READDIR then names only the
 * directory. A few streams are kept open, so that a long listing goes on where it was; cookies are those of the
 * directory, so a stream that was given up goes on in a new one.
 */
import type { FileSystem } from "@smfs/core";
import { directoryStreamsMax } from "./limits.ts";

export class DirectoryStreams {
  readonly #fs: Pick<FileSystem, "opendir" | "releasedir">;
  /** Inode → stream, least recently used first. */
  readonly #streams = new Map<number, number>();

  constructor(fs: Pick<FileSystem, "opendir" | "releasedir">) {
    this.#fs = fs;
  }

  /** The stream for reading on at `cookie`; a listing from the start always gets a fresh one. */
  at(ino: number, cookie: number): number {
    const kept = this.#streams.get(ino);
    if (kept !== undefined && cookie !== 0) {
      this.#streams.delete(ino);
      this.#streams.set(ino, kept);
      return kept;
    }
    if (kept !== undefined) this.close(ino);
    const opened = this.#fs.opendir(ino);
    this.#streams.set(ino, opened);
    if (this.#streams.size > directoryStreamsMax) {
      const [oldest] = this.#streams.keys();
      if (oldest !== undefined) this.close(oldest);
    }
    return opened;
  }

  /** Gives the stream of a directory up, if there is one. */
  close(ino: number): void {
    const kept = this.#streams.get(ino);
    if (kept === undefined) return;
    this.#streams.delete(ino);
    this.#fs.releasedir(kept);
  }

  closeAll(): void {
    for (const ino of [...this.#streams.keys()]) this.close(ino);
  }

  get size(): number {
    return this.#streams.size;
  }
}
