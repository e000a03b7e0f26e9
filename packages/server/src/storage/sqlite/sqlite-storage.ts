/** The embedded storage: one SQLite database and a directory of blobs, in a data directory of its own. */
import { chmod, mkdir } from "node:fs/promises";
import { join } from "node:path";
import type { Clock, Logger, Random } from "@smfs/core";
import { toHex } from "@smfs/core";
import type { CommitListener, Storage, Transaction } from "../storage.ts";
import type { StoredTag } from "../stored.ts";
import { openBlobs } from "./blobs.ts";
import { changeReads } from "./change-reads.ts";
import { checkStorage } from "./check.ts";
import { chunkWrites } from "./chunk-writes.ts";
import { collectBlobs, collectRows } from "./collect.ts";
import { contentReads } from "./content-reads.ts";
import { openCounters } from "./counters.ts";
import { lockData } from "./data-lock.ts";
import { type Database, openDatabase, openReader } from "./database.ts";
import { documentReads } from "./document-reads.ts";
import { documentWrites } from "./document-writes.ts";
import { memoryReads, memoryWrites } from "./memories.ts";
import { type TagRow, toTag } from "./rows.ts";
import { searchReads } from "./search-reads.ts";
import { smallReads, smallWrites } from "./small-tables.ts";
import { tagWrites } from "./tag-writes.ts";
import { textDebtWrites } from "./text-debts.ts";
import { UnitQueue } from "./unit-queue.ts";

export interface SqliteStorageOptions {
  /** Made when it is not there, for its owner only. */
  readonly dataDir: string;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
}

/** The database's file within a data directory. */
export const databaseName = "server.sqlite";

/**
 * Opens the storage and brings its schema up to date.
 * @throws DataLockedError when another server uses the directory, NewerDataError when a newer program wrote it
 */
export async function openSqliteStorage(options: SqliteStorageOptions): Promise<Storage> {
  const { dataDir } = options;
  await mkdir(dataDir, { recursive: true, mode: 0o700 });
  await chmod(dataDir, 0o700);
  const lock = lockData(dataDir);
  try {
    return await openLocked(options, lock);
  } catch (error) {
    lock.close();
    throw error;
  }
}

async function openLocked(
  { dataDir, clock, random, logger }: SqliteStorageOptions,
  lock: Database,
): Promise<Storage> {
  const file = join(dataDir, databaseName);
  const db = openDatabase(file);
  const reader = openReader(file);
  const blobs = await openBlobs(dataDir, clock, random);
  const counters = openCounters(db);
  const listeners = new Set<CommitListener>();
  db.prepare("INSERT OR IGNORE INTO setting VALUES ('epoch', ?)").run(toHex(random.bytes(8)));

  const documents = documentReads(reader);
  const contents = contentReads(reader, blobs);
  const transaction = openTransaction(db, clock, counters);
  const units = new UnitQueue(db, clock, {
    beforeCommit: () => counters.save(),
    afterCommit: () => {
      for (const listener of listeners) listener(counters.seq);
    },
    failed: (error) => logger.log("error", "the storage stopped", { error: String(error) }),
  });
  const dropRows = collectRows(db, counters);

  return {
    ...documents,
    ...contents,
    ...changeReads(reader),
    ...searchReads(reader, documents, contents, blobs),
    ...smallReads(reader),
    ...tagReads(reader),
    ...memoryReads(reader),
    write: (unit) => units.run(() => unit(transaction)),
    receiveBlob: () => blobs.receive(),
    onCommit: (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    collect: async (limits) => {
      const rows = await units.run(async () => dropRows(limits, clock.now()));
      return { ...rows, blobs: await collectBlobs(reader, blobs, limits) };
    },
    check: () => checkStorage(file, blobs),
    close: async () => {
      await units.close();
      reader.close();
      db.close();
      lock.close();
    },
  };
}

function openTransaction(
  db: Database,
  clock: Clock,
  counters: ReturnType<typeof openCounters>,
): Transaction {
  const reads = documentReads(db);
  const tags = tagWrites(db, clock);
  const { drop, ...chunks } = chunkWrites(db, clock, counters);
  const { need: _, ...tagVerbs } = tags;
  return {
    ...reads,
    ...documentWrites(db, { clock, counters, reads, tags, chunks: { drop, ...chunks } }),
    ...chunks,
    ...tagVerbs,
    ...memoryReads(db),
    ...memoryWrites(db, { clock, counters, tags }),
    ...smallWrites(db),
    ...textDebtWrites(db),
  };
}

function tagReads(db: Database): Pick<Storage, "tags"> {
  const all = db.prepare<[], TagRow & { count: number; last: number | null }>(
    `SELECT g.*, (SELECT count(*) FROM document_tag t WHERE t.tag_no = g.no) AS count,
       (SELECT d.updated_at FROM document d WHERE d.seq = (SELECT max(t.seq) FROM document_tag t WHERE t.tag_no = g.no)) AS last
     FROM tag g WHERE g.removed = 0 ORDER BY g.tag`,
  );
  return {
    tags: async () =>
      all.all().map((row) => ({
        ...(toTag(row) satisfies StoredTag),
        documentCount: row.count,
        lastActivityAt: row.last,
      })),
  };
}
