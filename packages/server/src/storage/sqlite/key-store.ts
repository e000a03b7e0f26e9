/** The keys of a data directory, opened beside a server that may be running on it. */
import { chmodSync, mkdirSync } from "node:fs";
import { join } from "node:path";
import type { Storage, Transaction } from "../storage.ts";
import { openDatabase } from "./database.ts";
import { smallReads, smallWrites } from "./small-tables.ts";
import { databaseName } from "./sqlite-storage.ts";

export interface KeyStore extends Pick<Storage, "keys">, Pick<Transaction, "putKey" | "removeKey"> {
  close(): void;
}

/** Each verb is a transaction of its own; it waits for the server's, and the server for it. */
export function openKeyStore(dataDir: string): KeyStore {
  mkdirSync(dataDir, { recursive: true, mode: 0o700 });
  chmodSync(dataDir, 0o700);
  const db = openDatabase(join(dataDir, databaseName));
  const { keys } = smallReads(db);
  const { putKey, removeKey } = smallWrites(db);
  return { keys, putKey, removeKey, close: () => db.close() };
}
