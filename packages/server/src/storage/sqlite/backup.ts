/** A consistent copy of the storage, written while the server runs. */
import { constants } from "node:fs";
import { copyFile, mkdir, open, readdir } from "node:fs/promises";
import { dirname, join } from "node:path";
import type { Blobs } from "./blobs.ts";
import type { Database } from "./database.ts";

/**
 * Copies the database, then the blobs: each was durable before the commit that names it, so the copy has every
 * blob that the copied database names. Everything is synced before this resolves.
 * @param db the writing connection: what it writes meanwhile is copied too, where another one's writes would make
 *   the copy begin again
 * @throws Error when the directory is not empty
 */
export async function backUp(db: Database, blobs: Blobs, directory: string): Promise<void> {
  await mkdir(directory, { recursive: true, mode: 0o700 });
  if ((await readdir(directory)).length > 0) throw new Error(`${directory} is not empty`);
  const file = join(directory, "server.sqlite");
  await db.backup(file);
  await sync(file);
  for await (const digest of blobs.list()) {
    const target = join(directory, "blobs", digest.slice(0, 2), digest);
    await mkdir(dirname(target), { recursive: true, mode: 0o700 });
    await copyFile(blobs.path(digest), target, constants.COPYFILE_FICLONE);
    await sync(target);
    await sync(dirname(target));
  }
  await sync(directory);
}

async function sync(path: string): Promise<void> {
  const handle = await open(path, "r");
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}
