/** Copies of a data directory: made while a server runs, put back, and checked. */
import { copyFile, open, readdir, rename, rm } from "node:fs/promises";
import { dirname, join } from "node:path";
import { type Clock, type Logger, type Random, toHex } from "@smfs/core";
import { backUp, type CopySize, holdsData, NoDataError } from "./storage/sqlite/backup.ts";
import { blobFiles } from "./storage/sqlite/blobs.ts";
import { checkStorage } from "./storage/sqlite/check.ts";
import { DataLockedError, lockData } from "./storage/sqlite/data-lock.ts";
import { databaseName, openSqliteStorage } from "./storage/sqlite/sqlite-storage.ts";

export type { CopySize } from "./storage/sqlite/backup.ts";
export { holdsData, NoDataError, NotEmptyError } from "./storage/sqlite/backup.ts";

export interface DataOptions {
  readonly dataDir: string;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
}

/**
 * Writes a consistent copy into an empty directory, whether a server runs on the data or not. A copy that is broken off
 * is no data directory: its database has its name only when everything else is there.
 * @throws NoDataError, NotEmptyError, NewerDataError
 */
export function backUpData(dataDir: string, directory: string): Promise<CopySize> {
  return backUp(dataDir, directory);
}

export interface RestoreOptions extends DataOptions {
  /** Moves the data that is there aside. Default: it is refused. */
  readonly replace?: boolean;
  /** Files beside the data (a key) that the new data directory has from the old one. */
  readonly keep?: readonly string[];
  /** Also a copy in which the check finds something wrong. */
  readonly force?: boolean;
}

export interface Restored extends CopySize {
  /** What `checkData` finds in the copy. */
  readonly problems: readonly string[];
  /** Whether it is in its place: not with problems, unless `force` is set. */
  readonly isInPlace: boolean;
  /** Where the data is now that was there before. */
  readonly previous: string | undefined;
}

/**
 * Puts a copy back as a data directory. It begins a new life: its change log gets another name, so that clients that
 * followed the lost one list anew instead of trusting places in the log that now mean something else.
 *
 * Data that is replaced is moved aside, whole, and only after the copy was checked: at no moment is there less than
 * there was.
 * @throws NoDataError, NotEmptyError; DataLockedError when a server runs on the data that is to be replaced
 */
export async function restoreData(options: RestoreOptions, directory: string): Promise<Restored> {
  const { dataDir, random, replace = false, force = false } = options;
  const isReplaced = replace && (await entries(dataDir)).length > 0;
  const target = isReplaced ? `${dataDir}.restoring` : dataDir;
  // What a restore that was broken off left behind.
  if (isReplaced) await rm(target, { recursive: true, force: true });
  const lock = isReplaced ? lockData(dataDir) : undefined;
  try {
    const size = await backUp(directory, target, toHex(random.bytes(8)));
    const problems = await checkData({ ...options, dataDir: target });
    const isInPlace = problems.length === 0 || force;
    if (!isInPlace) {
      await empty(target);
      return { ...size, problems, isInPlace, previous: undefined };
    }
    const previous = isReplaced ? await replaceData(options, target) : undefined;
    return { ...size, problems, isInPlace, previous };
  } finally {
    lock?.close();
  }
}

/** Moves what is in the data directory aside and the restored copy in. @returns where the former is now */
async function replaceData(options: RestoreOptions, restored: string): Promise<string> {
  const { dataDir, keep = [] } = options;
  const there = new Set(await entries(dataDir));
  for (const name of keep) {
    if (there.has(name)) await copyFile(join(dataDir, name), join(restored, name));
  }
  const previous = await freeName(dataDir);
  await rename(dataDir, previous);
  await rename(restored, dataDir);
  const parent = await open(dirname(dataDir), "r");
  await parent.sync().finally(() => parent.close());
  return previous;
}

/** Names tried for data that is moved aside. */
const namesMax = 1000;

async function freeName(dataDir: string): Promise<string> {
  for (let n = 1; n <= namesMax; n += 1) {
    const name = `${dataDir}.before-restore-${n}`;
    if (!(await isThere(name))) return name;
  }
  throw new Error(`too many copies beside ${dataDir}: remove some of ${dataDir}.before-restore-*`);
}

/**
 * Every invariant that does not hold, as a sentence; reads all bytes. A server may run on the data meanwhile.
 * @throws NoDataError, NewerDataError
 */
export async function checkData(options: DataOptions): Promise<string[]> {
  const { dataDir } = options;
  if (!holdsData(dataDir)) throw new NoDataError(dataDir);
  try {
    return await checkAlone(options);
  } catch (error) {
    if (error instanceof DataLockedError) {
      return await checkStorage(join(dataDir, databaseName), blobFiles(dataDir));
    }
    const { code, message } = error as { code?: unknown; message?: unknown };
    if (code === "SQLITE_NOTADB" || /^SQLITE_CORRUPT/.test(String(code))) {
      return [`the database cannot be opened: ${message}`];
    }
    throw error;
  }
}

/** With the data to itself: its schema is brought up to date first. */
async function checkAlone(options: DataOptions): Promise<string[]> {
  const storage = await openSqliteStorage(options);
  try {
    return await storage.check();
  } finally {
    await storage.close();
  }
}

async function entries(directory: string): Promise<string[]> {
  try {
    return await readdir(directory);
  } catch (error) {
    if ((error as { code?: unknown }).code === "ENOENT") return [];
    throw error;
  }
}

async function isThere(path: string): Promise<boolean> {
  try {
    await readdir(path);
    return true;
  } catch (error) {
    return (error as { code?: unknown }).code !== "ENOENT";
  }
}

/** The directory itself stays: it may be a mount point. */
async function empty(directory: string): Promise<void> {
  for (const name of await entries(directory)) {
    await rm(join(directory, name), { recursive: true, force: true });
  }
}
