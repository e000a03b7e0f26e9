/**
 * A consistent copy of a data directory, made from beside the server.
 *
 * The database is copied as of one moment, in one read transaction, which does not hold up writers; then the blobs it
 * names. One of them may be collected meanwhile, when what named it was dropped after that moment: then the copy is
 * made anew.
 */
import { constants, existsSync } from "node:fs";
import { chmod, copyFile, mkdir, open, readdir, rename, rm, stat } from "node:fs/promises";
import { dirname, join } from "node:path";
import { blobPath } from "./blobs.ts";
import { type Database, openDatabase, openReader, refuseNewer } from "./database.ts";
import { databaseName } from "./sqlite-storage.ts";

/** Times a copy is begun anew. */
const attemptsMax = 5;
/** The database's name until everything it names is there: a copy that was broken off is no data directory. */
const unfinishedName = `${databaseName}.unfinished`;

/** What a copy holds. */
export interface CopySize {
  readonly documents: number;
  /** Bytes of database and blobs. */
  readonly bytes: number;
}

/** Whether a directory holds a server's data. */
export function holdsData(dataDir: string): boolean {
  return existsSync(join(dataDir, databaseName));
}

/** There is no server's data where it was said to be. */
export class NoDataError extends Error {
  constructor(dataDir: string) {
    super(`there is no server's data in ${dataDir}`);
    this.name = "NoDataError";
  }
}

/** A copy needs a directory of its own. */
export class NotEmptyError extends Error {
  constructor(directory: string) {
    super(`${directory} is not empty`);
    this.name = "NotEmptyError";
  }
}

/**
 * Copies `dataDir` into `directory`; everything is on disk before this resolves.
 * @param epoch the copy's own name for its change log; default: that of the original
 * @throws NoDataError, NotEmptyError, NewerDataError
 */
export async function backUp(
  dataDir: string,
  directory: string,
  epoch?: string,
): Promise<CopySize> {
  if (!holdsData(dataDir)) throw new NoDataError(dataDir);
  await mkdir(directory, { recursive: true, mode: 0o700 });
  if ((await readdir(directory)).length > 0) throw new NotEmptyError(directory);
  const source = openReader(join(dataDir, databaseName));
  try {
    refuseNewer(source, dataDir);
    for (let attempt = 1; attempt <= attemptsMax; attempt += 1) {
      const size = await copyOnce(source, { dataDir, directory, epoch });
      if (size !== undefined) return size;
      await rm(join(directory, unfinishedName));
      await rm(join(directory, "blobs"), { recursive: true, force: true });
    }
  } finally {
    source.close();
  }
  throw new Error(`blobs of ${dataDir} are missing: run the integrity check`);
}

/** Undefined when a blob that the copied database names was not there. */
async function copyOnce(
  source: Database,
  { dataDir, directory, epoch }: { dataDir: string; directory: string; epoch: string | undefined },
): Promise<CopySize | undefined> {
  const file = join(directory, unfinishedName);
  source.prepare("VACUUM INTO ?").run(file);
  await chmod(file, 0o600);
  if (epoch !== undefined) putEpoch(file, epoch);
  await sync(file);
  const { documents, blobs } = contentsOf(file);
  let bytes = (await stat(file)).size;
  for (const digest of blobs) {
    const target = blobPath(directory, digest);
    await mkdir(dirname(target), { recursive: true, mode: 0o700 });
    try {
      await copyFile(blobPath(dataDir, digest), target, constants.COPYFILE_FICLONE);
    } catch (error) {
      if ((error as { code?: unknown }).code === "ENOENT") return undefined;
      throw error;
    }
    await sync(target);
    await sync(dirname(target));
    bytes += (await stat(target)).size;
  }
  if (blobs.length > 0) await sync(join(directory, "blobs"));
  await sync(directory);
  await rename(file, join(directory, databaseName));
  await sync(directory);
  await sync(dirname(directory));
  return { documents, bytes };
}

/** Brings the copy up to date as well: it is about to be served. */
function putEpoch(file: string, epoch: string): void {
  const copy = openDatabase(file);
  try {
    copy.prepare<[string]>("INSERT OR REPLACE INTO setting VALUES ('epoch', ?)").run(epoch);
    // One file, as every copy is: what belongs to a log would not move with it.
    copy.pragma("journal_mode = DELETE");
  } finally {
    copy.close();
  }
}

function contentsOf(file: string): { readonly documents: number; readonly blobs: string[] } {
  const copy = openReader(file);
  try {
    const blobs = copy
      .prepare<[], Buffer>("SELECT DISTINCT digest FROM content WHERE bytes IS NULL")
      .pluck();
    const documents = copy.prepare<[], number>("SELECT count(*) FROM document").pluck();
    return {
      documents: documents.get() ?? 0,
      blobs: blobs.all().map((digest) => digest.toString("hex")),
    };
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
