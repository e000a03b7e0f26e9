/**
 * The store's database: opened, locked, migrated, and the only place that begins a transaction.
 *
 * WAL with an exclusive lock, which is also what keeps a second daemon off the store. A plain transaction
 * survives the death of the process; a *full* one survives a power loss too, with every commit before it. Both are
 * records of the redo log beside the file (commits.ts); a database in memory commits each by itself.
 *
 * Statements say `LIMIT ? + 0`: with a bare `LIMIT ?` the plan depends on the value, and SQLite compiles the statement
 * anew each time it is run, which takes ten times as long as running it.
 */
import { readdirSync, readFileSync } from "node:fs";
import { assert, FsError } from "@smfs/core";
import SqliteDatabase from "better-sqlite3";
import { type Commits, type Connection, DirectCommits, RedoCommits } from "./commits.ts";

/** How much a commit must survive: `process` = kill -9, `power` = a power loss. */
export type Durability = "process" | "power";

/** The store is held by another daemon, or was made by a version of this program that this one cannot read. */
export class StoreOpenError extends Error {
  readonly hint: string;
  /** Whether what is on the disk is damaged: it may still be read in part. */
  readonly isDamage: boolean;

  constructor(message: string, hint: string, isDamage = false) {
    super(message);
    this.name = "StoreOpenError";
    this.hint = hint;
    this.isDamage = isDamage;
  }
}

/** The redo log of a database file. */
export function redoPath(databasePath: string): string {
  return `${databasePath}-redo`;
}

/** The first schema that has a redo log. */
const redoSchema = 3;

/** The row of table `store` that says which version of this program opened it last. */
export const programFact = "program";

/**
 * What is in a database file, as a database in memory: to be looked at, also when it is damaged. The file is not
 * changed, and what is done to the copy is gone with it.
 * @throws StoreOpenError when another process holds it, SqliteError when nothing can be read of it
 */
export function imageOf(path: string): SqliteDatabase.Database {
  const file = new SqliteDatabase(path, { readonly: true, fileMustExist: true, timeout: 0 });
  try {
    // Serializing neither minds a lock nor says what is no database.
    file.pragma("schema_version");
    const image = file.serialize();
    // A database in memory has no write-ahead log: its header must not say that there is one (sqlite.org/fileformat2).
    image.fill(1, 18, 20);
    return new SqliteDatabase(image);
  } catch (error) {
    if (String((error as { code?: unknown }).code).startsWith("SQLITE_BUSY")) {
      throw new StoreOpenError("the store is in use by a daemon", "unmount it first");
    }
    throw error;
  } finally {
    file.close();
  }
}

type Migration = { readonly version: number; readonly sql: string };

let known: readonly Migration[] | undefined;

/** Those that come with this program, oldest first: read once. */
function migrations(): readonly Migration[] {
  known ??= readMigrations();
  return known;
}

function readMigrations(): Migration[] {
  const dir = new URL("./migrations/", import.meta.url);
  return readdirSync(dir)
    .filter((name) => /^\d{4}-.*\.sql$/.test(name))
    .sort()
    .map((name) => ({
      version: Number(name.slice(0, 4)),
      sql: readFileSync(new URL(name, dir), "utf8"),
    }));
}

function newestSchema(): number {
  return migrations().at(-1)?.version ?? 0;
}

/** After these nothing more may be acknowledged: a failed fsync must not be tried again, it would succeed. */
function isDiskFailure(error: unknown, isCommitting = false): boolean {
  const code = (error as { code?: unknown } | undefined)?.code;
  if (typeof code !== "string") return false;
  return /^SQLITE_(IOERR|CORRUPT|NOTADB)/.test(code) || (isCommitting && code === "EIO");
}

export class Database {
  /** For prepared statements. `BEGIN` and `COMMIT` are this class's own. */
  readonly sql: SqliteDatabase.Database;
  #depth = 0;
  #commitCount = 0;
  #durableCount = 0;
  /** Set when the disk failed under a commit: what the database then holds is unknown until it is opened anew. */
  #failure: unknown;
  readonly #beforeBegin: (() => void)[] = [];
  readonly #atBegin: (() => void)[] = [];
  readonly #beforeCommit: (() => void)[] = [];
  #afterCommit: (() => void)[] = [];
  readonly #onRollback: (() => void)[] = [];
  readonly #commits: Commits;
  readonly #unit: Readonly<Record<"begin" | "end" | "undo", SqliteDatabase.Statement>>;

  /**
   * Opens (and creates) a database. `":memory:"` for one that is gone with the process.
   * @throws StoreOpenError when another process holds it, or it is newer than this program
   */
  constructor(path: string | SqliteDatabase.Database) {
    this.sql = typeof path === "string" ? new SqliteDatabase(path, { timeout: 0 }) : path;
    try {
      // A commit writes whole pages, and most commits change a few bytes in each of eight: half-size pages take a
      // third off the time of a create. Of a database that exists it changes nothing.
      this.sql.pragma("page_size = 2048");
      this.sql.pragma("locking_mode = EXCLUSIVE");
      this.sql.pragma("journal_mode = WAL");
      this.sql.pragma("synchronous = NORMAL");
      this.sql.pragma("fullfsync = 1");
      this.sql.pragma("checkpoint_fullfsync = 1");
      this.sql.pragma("foreign_keys = ON");
      // A checkpoint waits for the disk: it is done when nobody else waits (checkpoints.ts).
      this.sql.pragma("wal_autocheckpoint = 0");
      this.sql.pragma("cache_size = -16384");
      // A statement that found no room in the file would take with it what is not committed of others.
      this.sql.pragma("cache_spill = OFF");
      this.sql.exec("BEGIN IMMEDIATE; COMMIT");
      this.#unit = {
        begin: this.sql.prepare("SAVEPOINT unit"),
        end: this.sql.prepare("RELEASE unit"),
        undo: this.sql.prepare("ROLLBACK TO unit"),
      };
      this.#commits = this.#open(
        typeof path === "string" && path !== ":memory:" ? path : undefined,
      );
    } catch (error) {
      this.sql.close();
      const code = (error as { code?: string }).code ?? "";
      if (code.startsWith("SQLITE_BUSY")) {
        throw new StoreOpenError(
          "the store is in use by another daemon",
          "smfs list shows the mounts that run",
        );
      }
      if (isDiskFailure(error)) {
        throw new StoreOpenError(
          `the store's database is damaged: ${String((error as Error).message)}`,
          "smfs doctor tells what can be saved; what is clean is on the server",
          true,
        );
      }
      throw error;
    }
  }

  /** As the commits see it: they neither know nor ask what rows a statement has. */
  get #connection(): Connection {
    return this.sql as unknown as Connection;
  }

  /** @param path undefined: there is no file, or it is somebody else's */
  #open(path: string | undefined): Commits {
    if (path === undefined) {
      this.#migrate();
      const totalChanges = this.sql.prepare<[], number>("SELECT total_changes()").pluck();
      return new DirectCommits(this.#connection, () => totalChanges.get() ?? 0);
    }
    // What was acknowledged comes first: its statements are of the schema that they were run on.
    if (this.#schema() < redoSchema) this.#migrate();
    const commits = new RedoCommits(this.#connection, redoPath(path));
    try {
      if (this.#schema() < newestSchema()) {
        commits.checkpoint();
        this.#migrate();
      }
      commits.start();
      return commits;
    } catch (error) {
      commits.close(false);
      throw error;
    }
  }

  /** @throws StoreOpenError when it is later than those this program knows */
  #schema(): number {
    const have = this.sql.pragma("user_version", { simple: true }) as number;
    const newest = newestSchema();
    if (have > newest) {
      throw new StoreOpenError(
        `the store has schema ${have}, this program knows up to ${newest}`,
        `install ${this.#madeBy()} or newer`,
      );
    }
    return have;
  }

  /** The version of this program that last opened the store. */
  #madeBy(): string {
    try {
      const of = this.sql.prepare<[string], string>("SELECT v FROM store WHERE k = ?").pluck();
      const version = of.get(programFact);
      return version === undefined ? "the version of smfs that made it," : `smfs ${version}`;
    } catch {
      // A later schema may have no such table.
      return "the version of smfs that made it,";
    }
  }

  #migrate(): void {
    const have = this.#schema();
    for (const { version, sql } of migrations()) {
      if (version <= have) continue;
      this.sql.exec(`BEGIN IMMEDIATE; ${sql}; PRAGMA user_version = ${version}; COMMIT`);
    }
  }

  /**
   * Runs `work` in one transaction and commits it, or rolls it back if it throws. Within another transaction it
   * is a part of that one. `work` must not return a promise: nothing may wait while a transaction is open.
   */
  transaction<T>(work: () => T, durability: Durability = "process"): T {
    if (this.#depth > 0) return work();
    if (this.#failure !== undefined) {
      throw new FsError("EIO", `the store's database failed: ${String(this.#failure)}`);
    }
    for (const hook of this.#beforeBegin) hook();
    this.#depth = 1;
    this.#afterCommit = [];
    let result: T;
    let isCommitting = false;
    try {
      this.#commits.begin(durability);
      for (const ride of this.#atBegin) ride();
      result = work();
      assert(!(result instanceof Promise), "a transaction does not wait");
      for (const hook of this.#beforeCommit) hook();
      isCommitting = true;
      this.#commits.commit();
    } catch (error) {
      if (isDiskFailure(error, isCommitting)) this.#failure = error;
      this.#rollback();
      throw error;
    } finally {
      this.#depth = 0;
    }
    this.#commitCount += 1;
    this.#settle(durability);
    const actions = this.#afterCommit;
    this.#afterCommit = [];
    for (const action of actions) action();
    return result;
  }

  #rollback(): void {
    try {
      this.#commits.rollback();
    } catch (error) {
      this.#failure ??= error;
    }
    for (const hook of this.#onRollback) hook();
  }

  /** After a commit. @throws when it was to survive a power loss and may not: nothing more is acknowledged then */
  #settle(durability: Durability): void {
    try {
      if (this.#commits.committed(durability)) this.#durableCount = this.#commitCount;
    } catch (error) {
      this.#failure = error;
      if (durability === "power") throw error;
    }
  }

  /**
   * Runs `action` once the open transaction has committed, and never if it is rolled back: effects on bytes that
   * must follow their row (spec.md STORE-5).
   */
  afterCommit(action: () => void): void {
    assert(this.#depth > 0, "something is to be committed");
    this.#afterCommit.push(action);
  }

  /** Transactions committed since the database was opened. */
  get commitCount(): number {
    return this.#commitCount;
  }

  /** How many of them survive a power loss, as far as this process has seen to it itself. */
  get durableCount(): number {
    return this.#durableCount;
  }

  /** Another thread has synced the log since the first `commits` of them. */
  noteDurable(commits: number): void {
    this.#durableCount = Math.max(this.#durableCount, commits);
  }

  /** Another thread could not sync the log: nothing more is acknowledged. */
  fail(error: unknown): void {
    this.#failure ??= error;
  }

  /** Bytes of the redo log; 0 without one. */
  get recordBytes(): number {
    return this.#commits.recordBytes;
  }

  /** Whether all of them do. */
  get isDurable(): boolean {
    return this.#durableCount === this.#commitCount;
  }

  /** Why nothing can be committed any more, or undefined while all is well. */
  get failure(): unknown {
    return this.#failure;
  }

  /** Whether a transaction is open. */
  get isOpen(): boolean {
    return this.#depth > 0;
  }

  /**
   * Runs `work` as a unit of its own inside an open transaction: what it did is undone if it throws, the rest of
   * the transaction goes on.
   */
  savepoint<T>(work: () => T): T {
    assert(this.#depth > 0, "a savepoint lies in a transaction");
    this.#unit.begin.run();
    const actionCount = this.#afterCommit.length;
    const { mark } = this.#commits;
    try {
      const result = work();
      this.#unit.end.run();
      return result;
    } catch (error) {
      this.#afterCommit.length = actionCount;
      if (this.sql.inTransaction) {
        this.#unit.undo.run();
        this.#unit.end.run();
      }
      this.#commits.undo(mark);
      for (const hook of this.#onRollback) hook();
      throw error;
    }
  }

  /** Calls `forget` whenever something was rolled back: what is remembered of rows may not be so. */
  onRollback(forget: () => void): void {
    this.#onRollback.push(forget);
  }

  /** Calls `check` before each commit; if it throws, the transaction is rolled back. For tests and the simulator. */
  beforeCommit(check: () => void): void {
    this.#beforeCommit.push(check);
  }

  /** Calls `prepare` before each transaction begins; what it writes is a commit of its own. */
  beforeBegin(prepare: () => void): void {
    this.#beforeBegin.push(prepare);
  }

  /**
   * Calls `ride` first in each transaction: work that is due but needs no commit of its own goes with the next one.
   * It is rolled back with it, so `ride` counts nothing as done before `afterCommit`.
   */
  atBegin(ride: () => void): void {
    this.#atBegin.push(ride);
  }

  /** Folds the logs back into the database file, durably. Call when idle: it waits for the disk. */
  checkpoint(): void {
    try {
      this.#commits.checkpoint();
    } catch (error) {
      if (isDiskFailure(error, true)) this.#failure = error;
      throw error;
    }
    this.#durableCount = this.#commitCount;
  }

  /** Closes what could not be used: nothing more is written, not even what is left in the redo log. */
  abandon(): void {
    try {
      this.#commits.close(false);
    } finally {
      this.sql.close();
    }
  }

  close(): void {
    try {
      this.#commits.close(this.#failure === undefined);
    } finally {
      this.sql.close();
    }
  }
}
