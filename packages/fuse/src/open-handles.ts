/** The handles the kernel has: what each `fh` in a request may mean. A number it was never given is EBADF. */
import { type FileSystem, FsError } from "@smfs/core";

export class OpenHandles {
  readonly #fs: Pick<FileSystem, "release" | "releasedir">;
  /** fh → inode. */
  readonly #files = new Map<number, number>();
  readonly #directories = new Set<number>();

  constructor(fs: Pick<FileSystem, "release" | "releasedir">) {
    this.#fs = fs;
  }

  addFile(fh: number, ino: number): void {
    this.#files.set(fh, ino);
  }

  addDirectory(fh: number): void {
    this.#directories.add(fh);
  }

  /** The same number, if it is an open file. @throws FsError EBADF */
  file(fh: number): number {
    if (!this.#files.has(fh)) throw new FsError("EBADF", `file handle ${fh}`);
    return fh;
  }

  /** The same number, if it is an open directory. @throws FsError EBADF */
  directory(fh: number): number {
    if (!this.#directories.has(fh)) throw new FsError("EBADF", `directory handle ${fh}`);
    return fh;
  }

  /** Closes a file and returns its inode. @throws FsError EBADF */
  releaseFile(fh: number): number {
    const ino = this.#files.get(fh);
    if (ino === undefined) throw new FsError("EBADF", `file handle ${fh}`);
    this.#files.delete(fh);
    this.#fs.release(fh);
    return ino;
  }

  releaseDirectory(fh: number): void {
    this.#fs.releasedir(this.directory(fh));
    this.#directories.delete(fh);
  }

  /** Open files and directories. */
  get size(): number {
    return this.#files.size + this.#directories.size;
  }

  /** The kernel has gone: everything is closed. Each failure is told; none keeps the rest open. */
  releaseAll(onError: (error: unknown) => void): void {
    const close = (action: () => void) => {
      try {
        action();
      } catch (error) {
        onError(error);
      }
    };
    for (const fh of this.#files.keys()) close(() => this.#fs.release(fh));
    for (const fh of this.#directories) close(() => this.#fs.releasedir(fh));
    this.#files.clear();
    this.#directories.clear();
  }
}
