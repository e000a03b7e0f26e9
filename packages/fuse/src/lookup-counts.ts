/**
 * How often the kernel was told of each inode, less what it has forgotten (the protocol's `nlookup`). The file
 * system holds an inode from the first time the kernel is told of it until the count is 0 again.
 *
 * The root is held for as long as the mount lives: the kernel knows it without being told, and never forgets it.
 */
import { type FileSystem, rootIno } from "@smfs/core";

export class LookupCounts {
  readonly #fs: Pick<FileSystem, "hold" | "forget">;
  readonly #counts = new Map<number, number>();

  constructor(fs: Pick<FileSystem, "hold" | "forget">) {
    this.#fs = fs;
  }

  /** The kernel is told of the inode once more. */
  add(ino: number): void {
    if (ino === rootIno) return;
    const count = this.#counts.get(ino);
    if (count === undefined) {
      this.#fs.hold(ino);
      this.#counts.set(ino, 1);
    } else {
      this.#counts.set(ino, count + 1);
    }
  }

  /**
   * The kernel takes `nlookup` back.
   * @returns false when it takes more than it was given: the count ends at 0, and somebody should be told
   */
  forget(ino: number, nlookup: number): boolean {
    if (ino === rootIno) return true;
    const count = this.#counts.get(ino);
    if (count === undefined) return nlookup === 0;
    if (nlookup < count) {
      this.#counts.set(ino, count - nlookup);
      return true;
    }
    this.#counts.delete(ino);
    this.#fs.forget(ino);
    return nlookup === count;
  }

  get(ino: number): number {
    return this.#counts.get(ino) ?? 0;
  }

  /** Inodes the kernel knows, besides the root. */
  get size(): number {
    return this.#counts.size;
  }

  /** The kernel has gone: every inode is forgotten. */
  forgetAll(): void {
    for (const ino of this.#counts.keys()) this.#fs.forget(ino);
    this.#counts.clear();
  }
}
