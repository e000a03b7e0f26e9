/**
 * One server for one data directory. Two would give out the same numbers.
 *
 * The lock is SQLite's own on a database of its own: the system drops it when the process dies, however it dies.
 */
import { join } from "node:path";
import type { Database } from "./database.ts";
import { openLock } from "./database.ts";

/** Somebody else serves this data directory. */
export class DataLockedError extends Error {
  constructor(dataDir: string) {
    super(`another server uses ${dataDir}`);
    this.name = "DataLockedError";
  }
}

/**
 * Takes the lock; closing what is returned gives it back.
 * @throws DataLockedError
 */
export function lockData(dataDir: string): Database {
  try {
    return openLock(join(dataDir, "server.lock"));
  } catch (error) {
    if ((error as { code?: unknown }).code === "SQLITE_BUSY") throw new DataLockedError(dataDir);
    throw error;
  }
}
