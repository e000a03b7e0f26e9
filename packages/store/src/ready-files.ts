/**
 * Empty working files that wait for new inodes, made of removed ones (docs/spec/store.md, REUSE-n).
 *
 * A disk's own file system takes long to make a file: ext4 passes over every inode that was freed in the last minutes,
 * one by one, until it finds another. So the file of a removed inode is emptied and gets a number that has not been
 * given yet; who makes a file takes such a number and finds the working file there. Without a row a ready file is what a
 * crash leaves: the next start removes it.
 */
import type { Logger } from "@smfs/core";
import type { ByteStore } from "./byte-store.ts";
import type { Inodes } from "./inodes.ts";

/** Files kept ready. They take no room, but an inode of the disk each. */
const readyMax = 4096;

export class ReadyFiles {
  readonly #bytes: ByteStore;
  readonly #inodes: Inodes;
  readonly #log: Logger;
  readonly #inos = new Set<number>();
  /** The number of the next one. */
  #next: number | undefined;

  constructor(bytes: ByteStore, inodes: Inodes, log: Logger) {
    this.#bytes = bytes;
    this.#inodes = inodes;
    this.#log = log;
  }

  /** Whether a working file without a row belongs here. */
  has(ino: number): boolean {
    return this.#inos.has(ino);
  }

  /** A number that no inode has, with an empty working file; undefined when none is ready. */
  take(): number | undefined {
    for (const ino of this.#inos) {
      this.#inos.delete(ino);
      return ino;
    }
    return undefined;
  }

  /** What was taken was not used: its working file is as it was. */
  giveBack(ino: number | undefined): void {
    if (ino !== undefined) this.#inos.add(ino);
  }

  /** Keeps the working file of an inode whose row is gone for good. False when it is to be removed instead. */
  keep(removed: number): boolean {
    if (this.#inos.size >= readyMax) return false;
    this.#next ??= this.#inodes.spare();
    if (!this.#bytes.reuseWork(removed, this.#next)) return false;
    this.#inos.add(this.#next);
    this.#next = undefined;
    return true;
  }

  /** Removes them all. Answers whether there were any. What cannot be removed is found at the next start. */
  clear(): boolean {
    const any = this.#inos.size > 0;
    for (const ino of this.#inos) {
      try {
        this.#bytes.removeWork(ino);
      } catch (error) {
        this.#log.log("warn", "an unused working file could not be removed", {
          ino,
          error: String(error),
        });
      }
    }
    this.#inos.clear();
    return any;
  }
}
