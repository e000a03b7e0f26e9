/**
 * Makes commits survive a power loss from another thread than the one that made them (spec.md PORT-1).
 *
 * A commit of the store thread is a record of the redo log, written without waiting for the disk; an fdatasync of
 * that file, begun after the commit, makes it durable with every commit before it. The store thread serves the kernel
 * meanwhile, and many commits share one wait. Records from before the log was last begun anew are in the database,
 * durably.
 */
import { type FileHandle, open } from "node:fs/promises";
import { redoPath } from "./database.ts";

export class LogSync {
  readonly #path: string;
  #file: FileHandle | undefined;
  #running: Promise<void> | undefined;
  #next: Promise<void> | undefined;

  /** @param databasePath of the open database; its redo log lies beside it */
  constructor(databasePath: string) {
    this.#path = redoPath(databasePath);
  }

  /** Resolves when everything committed before the call is on the disk. @throws when the disk fails */
  sync(): Promise<void> {
    if (this.#running === undefined) {
      this.#running = this.#once();
      return this.#running;
    }
    // The one that runs may have begun too early; the one after it serves all who come until it begins.
    this.#next ??= this.#running.catch(() => undefined).then(() => this.#once());
    return this.#next;
  }

  async #once(): Promise<void> {
    if (this.#next !== undefined) {
      this.#running = this.#next;
      this.#next = undefined;
    }
    try {
      this.#file ??= await open(this.#path, "r+");
      await this.#file.datasync();
    } finally {
      if (this.#next === undefined) this.#running = undefined;
    }
  }

  async close(): Promise<void> {
    await this.#running?.catch(() => undefined);
    await this.#file?.close();
    this.#file = undefined;
  }
}
