/** The keys of a data directory, opened beside a server that may be running on it. */
import { chmodSync, existsSync, mkdirSync } from "node:fs";
import { join } from "node:path";
import type { Storage, Transaction } from "../storage.ts";
import { lockData } from "./data-lock.ts";
import { isUpToDate, openDatabase, openReader } from "./database.ts";
import { smallReads, smallWrites } from "./small-tables.ts";
import { databaseName } from "./sqlite-storage.ts";

export interface KeyStore extends Pick<Storage, "keys">, Pick<Transaction, "putKey" | "removeKey"> {
  close(): void;
}

/**
 * Each verb is a transaction of its own; it waits for the server's, and the server for it. Data of an older schema is
 * brought up to date, but never below a server of an older program that runs on it.
 * @throws DataLockedError when such a server has to end first; NewerDataError
 */
export function openKeyStore(dataDir: string): KeyStore {
  mkdirSync(dataDir, { recursive: true, mode: 0o700 });
  chmodSync(dataDir, 0o700);
  const file = join(dataDir, databaseName);
  const lock = needsMigration(file) ? lockData(dataDir) : undefined;
  try {
    const db = openDatabase(file);
    const { keys } = smallReads(db);
    const { putKey, removeKey } = smallWrites(db);
    return { keys, putKey, removeKey, close: () => db.close() };
  } finally {
    lock?.close();
  }
}

function needsMigration(file: string): boolean {
  if (!existsSync(file)) return true;
  const db = openReader(file);
  try {
    return !isUpToDate(db);
  } finally {
    db.close();
  }
}
