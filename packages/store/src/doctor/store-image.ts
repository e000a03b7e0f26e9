/** A store as it lies on the disk, to be looked at: its rows in memory, its bytes where they are. Nothing is changed. */
import { existsSync } from "node:fs";
import { join } from "node:path";
import type { Logger } from "@smfs/core";
import { type Database, imageOf, redoPath } from "../database.ts";
import { RedoLog } from "../redo-log.ts";

export interface StoreImage {
  readonly dir: string;
  readonly sql: Database["sql"];
  /** Why not everything that was acknowledged is in the rows; undefined when it is. */
  readonly damage: string | undefined;
}

/**
 * Reads the rows of a store, and what its redo log has beyond them, as far as both can be read.
 * @throws StoreOpenError when a daemon holds it; SqliteError when nothing can be read
 */
export function openImage(dir: string, log: Logger): StoreImage {
  const path = join(dir, "store.db");
  const sql = imageOf(path);
  return { dir, sql, damage: replay(sql, path, log) };
}

function replay(sql: Database["sql"], path: string, log: Logger): string | undefined {
  if (!existsSync(redoPath(path))) return undefined;
  try {
    const seq = sql.prepare<[], string>("SELECT v FROM store WHERE k = 'redo_seq'").pluck().get();
    if (seq === undefined) return undefined;
    const redo = new RedoLog(redoPath(path));
    try {
      redo.open(Number(seq), (text, values) => {
        if (values === undefined) sql.exec(text);
        else sql.prepare(text).run(...values);
      });
    } finally {
      redo.close();
    }
    return undefined;
  } catch (error) {
    log.log("warn", "the redo log could be read in part only", { reason: String(error) });
    return `the last operations before the end cannot be read: ${String((error as Error).message)}`;
  }
}

/** Path of the working file of an inode, and of a blob. */
export function workFile(dir: string, ino: number): string {
  return join(dir, "work", String(ino));
}
export function blobFile(dir: string, digest: string): string {
  return join(dir, "blobs", digest);
}
