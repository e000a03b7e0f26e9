/** Opens the server's SQLite database: durability, migrations, and the one way to run a transaction. */
import { readdirSync, readFileSync } from "node:fs";
import { assert } from "@smfs/core";
import Sqlite from "better-sqlite3";
import { serverVersion } from "../../server-context.ts";

/** A connection. Only this file makes one. */
export type Database = Sqlite.Database;

const migrations = new URL("../migrations/", import.meta.url);

/** The data was written by a newer program. Nothing of it has been changed. */
export class NewerDataError extends Error {
  readonly hint: string;

  /** @param writer version of the program that brought the data to its schema, where it is noted */
  constructor(file: string, writer: string | undefined) {
    super(`${file} was written by a newer smfs${writer === undefined ? "" : ` (${writer})`}`);
    this.name = "NewerDataError";
    this.hint =
      writer === undefined
        ? "install the newest smfs; this one has changed nothing"
        : `install smfs ${writer} or a newer one; this one has changed nothing`;
  }
}

/** Milliseconds a connection waits for another process (a key being made, a backup) to let go of the lock. */
const busyMs = 5000;

/**
 * Opens the database for reading and writing and brings its schema up to date.
 * synchronous=FULL: what a commit has acknowledged survives a power cut.
 * @throws NewerDataError
 */
export function openDatabase(file: string): Database {
  const db = new Sqlite(file, { timeout: busyMs });
  try {
    return prepare(db, file);
  } catch (error) {
    db.close();
    throw error;
  }
}

function prepare(db: Database, file: string): Database {
  refuseNewer(db, file);
  db.pragma("journal_mode = WAL");
  db.pragma("synchronous = FULL");
  db.pragma("fullfsync = 1");
  db.pragma("checkpoint_fullfsync = 1");
  db.pragma("foreign_keys = ON");
  db.pragma("temp_store = MEMORY");
  // A burst may make the log long; once it is checkpointed the file shrinks to this many bytes.
  db.pragma("journal_size_limit = 67108864");
  assert(db.pragma("synchronous", { simple: true }) === 2, "the database syncs at every commit");
  const isOld = !isUpToDate(db);
  migrate(db, migrations);
  const note = db.prepare<[string, string]>(
    `INSERT OR ${isOld ? "REPLACE" : "IGNORE"} INTO setting VALUES (?, ?)`,
  );
  note.run(writerSetting, serverVersion);
  return db;
}

/** Whether a database has the schema of this program: neither older nor newer. */
export function isUpToDate(db: Database): boolean {
  return versionOf(db) === migrationFiles(migrations).length;
}

function versionOf(db: Database): number {
  const version = db.pragma("user_version", { simple: true });
  assert(typeof version === "number", "user_version is a number");
  return version;
}

function migrationFiles(directory: URL): string[] {
  return readdirSync(directory)
    .filter((name) => /^\d{4}-.*\.sql$/.test(name))
    .sort();
}

/** The setting that names the program which brought the data to its schema: who is older is told what to install. */
const writerSetting = "schema-writer";

/** @throws NewerDataError that names `place`, when the database has a schema that this program does not know */
export function refuseNewer(db: Database, place: string): void {
  if (versionOf(db) > migrationFiles(migrations).length) {
    throw new NewerDataError(place, writerOf(db));
  }
}

function writerOf(db: Database): string | undefined {
  try {
    const find = db.prepare<[string], string>("SELECT v FROM setting WHERE k = ?").pluck();
    const found = find.get(writerSetting);
    return found !== undefined && /^[\w.+-]{1,40}$/.test(found) ? found : undefined;
  } catch (error) {
    // What a newer program keeps, and where, is not known here.
    if (error instanceof Sqlite.SqliteError) return undefined;
    throw error;
  }
}

/** Statements that a cache keeps: their texts differ by the form of a scope and the number of its containers. */
const statementsMax = 64;

/** Makes statements whose text is put together, each text once. */
export function statementsByText<Parameters extends unknown[], Row>(
  db: Database,
): (sql: string) => Sqlite.Statement<Parameters, Row> {
  const statements = new Map<string, Sqlite.Statement<Parameters, Row>>();
  return (sql) => {
    const known = statements.get(sql);
    if (known !== undefined) return known;
    const statement = db.prepare<Parameters, Row>(sql);
    if (statements.size === statementsMax) statements.clear();
    statements.set(sql, statement);
    return statement;
  };
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
  const files = migrationFiles(directory);
  const version = versionOf(db);
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
