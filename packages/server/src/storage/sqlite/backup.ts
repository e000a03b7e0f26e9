/**
 * A consistent copy of a data directory, made from beside the server.
 *
 * The database is copied as of one moment, in one read transaction, which does not hold up writers; then the blobs it
 * names. One of them may be collected meanwhile, when what named it was dropped after that moment: then the copy is
 * made anew.
 */
import { constants } from "node:fs";
import { copyFile, mkdir, open, readdir, rm } from "node:fs/promises";
import { dirname, join } from "node:path";
import { blobPath } from "./blobs.ts";
import { type Database, openReader } from "./database.ts";
import { databaseName } from "./sqlite-storage.ts";

/** Times a copy is begun anew. */
const attemptsMax = 5;

/**
 * Copies `dataDir` into `directory`; everything is on disk before this resolves.
 * @throws Error when the directory is not empty, or there is no data
 */
export async function backUp(dataDir: string, directory: string): Promise<void> {
  await mkdir(directory, { recursive: true, mode: 0o700 });
  if ((await readdir(directory)).length > 0) throw new Error(`${directory} is not empty`);
  const source = openReader(join(dataDir, databaseName));
  try {
    for (let attempt = 1; attempt <= attemptsMax; attempt += 1) {
      if (await copyOnce(source, dataDir, directory)) return;
      await rm(join(directory, databaseName));
      await rm(join(directory, "blobs"), { recursive: true, force: true });
    }
  } finally {
    source.close();
  }
  throw new Error(`blobs of ${dataDir} are missing: run the integrity check`);
}

/** Whether every blob that the copied database names was there. */
async function copyOnce(source: Database, dataDir: string, directory: string): Promise<boolean> {
  const file = join(directory, databaseName);
  source.prepare("VACUUM INTO ?").run(file);
  await sync(file);
  for (const digest of namedBlobs(file)) {
    const target = blobPath(directory, digest);
    await mkdir(dirname(target), { recursive: true, mode: 0o700 });
    try {
      await copyFile(blobPath(dataDir, digest), target, constants.COPYFILE_FICLONE);
    } catch (error) {
      if ((error as { code?: unknown }).code === "ENOENT") return false;
      throw error;
    }
    await sync(target);
    await sync(dirname(target));
  }
  await sync(directory);
  return true;
}

function namedBlobs(file: string): string[] {
  const copy = openReader(file);
  try {
    return copy
      .prepare<[], Buffer>("SELECT DISTINCT digest FROM content WHERE bytes IS NULL")
      .pluck()
      .all()
      .map((digest) => digest.toString("hex"));
  } finally {
    copy.close();
  }
}

async function sync(path: string): Promise<void> {
  const handle = await open(path, "r");
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}
