/** Opens the server's SQLite database: durability, migrations, and the one way to run a transaction. */
import { readdirSync, readFileSync } from "node:fs";
import { assert } from "@smfs/core";
import Sqlite from "better-sqlite3";

/** A connection. Only this file makes one. */
export type Database = Sqlite.Database;

/** Milliseconds a connection waits for another process (a key being made, a backup) to let go of the lock. */
const busyMs = 5000;

/**
 * Opens the database for reading and writing and brings its schema up to date.
 * synchronous=FULL: what a commit has acknowledged survives a power cut.
 * @throws Error when the file is a newer program's
 */
export function openDatabase(file: string): Database {
  const db = new Sqlite(file, { timeout: busyMs });
  db.pragma("journal_mode = WAL");
  db.pragma("synchronous = FULL");
  db.pragma("fullfsync = 1");
  db.pragma("checkpoint_fullfsync = 1");
  db.pragma("foreign_keys = ON");
  db.pragma("temp_store = MEMORY");
  // A burst may make the log long; once it is checkpointed the file shrinks to this many bytes.
  db.pragma("journal_size_limit = 67108864");
  assert(db.pragma("synchronous", { simple: true }) === 2, "the database syncs at every commit");
  migrate(db, new URL("../migrations/", import.meta.url));
  return db;
}

/** Opens a connection that only reads: it sees what is committed, never a unit that is still running. */
export function openReader(file: string): Database {
  const db = new Sqlite(file, { timeout: busyMs, readonly: true, fileMustExist: true });
  db.pragma("temp_store = MEMORY");
  return db;
}

/** Runs `work` in one transaction; nested, in a savepoint. `work` is synchronous. */
export function transaction<T>(db: Database, work: () => T): T {
  return db.transaction(() => {
    const result = work();
    assert(!(result instanceof Promise), "work in a transaction is synchronous");
    return result;
  })();
}

/** Applies the migrations in `directory` that the database has not seen, each in one transaction. */
export function migrate(db: Database, directory: URL): void {
  const files = readdirSync(directory)
    .filter((name) => /^\d{4}-.*\.sql$/.test(name))
    .sort();
  const version = db.pragma("user_version", { simple: true });
  assert(typeof version === "number", "user_version is a number");
  if (version > files.length) {
    throw new Error(
      `the database has schema ${version}, this program knows ${files.length}: use a newer smfs`,
    );
  }
  for (const [index, name] of files.entries()) {
    if (index < version) continue;
    assert(Number(name.slice(0, 4)) === index + 1, "migrations are numbered without a gap");
    transaction(db, () => {
      db.exec(readFileSync(new URL(name, directory), "utf8"));
      db.pragma(`user_version = ${index + 1}`);
    });
  }
}

/**
 * Opens a database only to hold its exclusive lock until it is closed.
 * @throws SqliteError SQLITE_BUSY when somebody else holds it
 */
export function openLock(file: string): Database {
  const db = new Sqlite(file, { timeout: 0 });
  try {
    db.pragma("journal_mode = MEMORY");
    db.exec("BEGIN EXCLUSIVE");
  } catch (error) {
    db.close();
    throw error;
  }
  return db;
}
