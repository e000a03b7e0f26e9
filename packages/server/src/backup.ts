/** Copies of a data directory: made while a server runs, put back, and checked. */
import { type Clock, type Logger, type Random, toHex } from "@smfs/core";
import { backUp } from "./storage/sqlite/backup.ts";
import { openSqliteStorage } from "./storage/sqlite/sqlite-storage.ts";

export interface DataOptions {
  readonly dataDir: string;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
}

/**
 * Writes a consistent copy into an empty directory, whether a server runs on the data or not.
 * @throws Error when the directory is not empty or there is no data
 */
export function backUpData(dataDir: string, directory: string): Promise<void> {
  return backUp(dataDir, directory);
}

/**
 * Puts a copy back as a data directory, which must be empty or not there. The copy begins a new life: its change log
 * gets another name, so that clients that followed the lost one list anew instead of trusting places in the log that
 * now mean something else.
 * @returns what `checkData` finds
 */
export async function restoreData(options: DataOptions, directory: string): Promise<string[]> {
  const { dataDir, random } = options;
  await backUp(directory, dataDir);
  const storage = await openSqliteStorage(options);
  try {
    await storage.write((tx) => tx.putSetting("epoch", toHex(random.bytes(8))));
    return await storage.check();
  } finally {
    await storage.close();
  }
}

/**
 * Every invariant that does not hold, as a sentence; reads all bytes. No server may run on the data.
 * @throws DataLockedError
 */
export async function checkData(options: DataOptions): Promise<string[]> {
  const storage = await openSqliteStorage(options);
  try {
    return await storage.check();
  } finally {
    await storage.close();
  }
}
