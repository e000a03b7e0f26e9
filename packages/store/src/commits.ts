/**
 * How a transaction of the store becomes one that survives: by a commit of SQLite's (a database in memory), or by a
 * record of the redo log, with a commit for many (docs/spec/store.md, REDO-n).
 */
import { assert } from "@smfs/core";
import type { Durability } from "./database.ts";
import { isDiskFull } from "./disk-full.ts";
import type { Values } from "./redo-codec.ts";
import { RedoLog } from "./redo-log.ts";

interface Statement {
  readonly readonly: boolean;
  run(...values: unknown[]): unknown;
  get(): unknown;
}

/** What is used of a connection here. */
export interface Connection {
  readonly inTransaction: boolean;
  prepare(text: string): Statement;
  exec(text: string): unknown;
  pragma(text: string): unknown;
}

export interface Commits {
  begin(durability: Durability): void;
  /** On return all since `begin` survives the death of the process. @throws when it does not: then `rollback` */
  commit(): void;
  /** After `begin`, when something threw: nothing of it has happened. @throws what makes the database useless */
  rollback(): void;
  /**
   * After a commit, with the durability it began with: what is left to do.
   * @returns whether it and every one before it survive a power loss now
   * @throws what makes the database useless
   */
  committed(durability: Durability): boolean;
  /** How much is noted of the open transaction, to `undo` what was noted since. */
  readonly mark: number;
  undo(mark: number): void;
  /** Bytes of records since the last checkpoint. */
  readonly recordBytes: number;
  /** Every commit survives a power loss on return. */
  checkpoint(): void;
  /** Before the connection is closed. @param isSound the disk has not failed: what can be committed is */
  close(isSound: boolean): void;
}

/** Each transaction is one of SQLite's. */
export class DirectCommits implements Commits {
  readonly #sql: Connection;
  readonly #totalChanges: () => number;
  readonly #begin: Statement;
  readonly #commit: Statement;
  readonly #rollback: Statement;
  readonly mark: number = 0;
  readonly recordBytes: number = 0;
  #changesBefore = 0;
  #isFull = false;

  /** @param totalChanges rows changed since the connection was opened */
  constructor(sql: Connection, totalChanges: () => number) {
    this.#sql = sql;
    this.#totalChanges = totalChanges;
    this.#begin = sql.prepare("BEGIN IMMEDIATE");
    this.#commit = sql.prepare("COMMIT");
    this.#rollback = sql.prepare("ROLLBACK");
  }

  begin(durability: Durability): void {
    if (durability === "power") {
      this.#changesBefore = this.#totalChanges();
      this.#sql.pragma("synchronous = FULL");
      this.#isFull = true;
    }
    this.#begin.run();
  }

  commit(): void {
    this.#commit.run();
  }

  committed(): boolean {
    const wasFull = this.#isFull;
    this.#end();
    // A commit that wrote nothing has synced nothing either.
    return wasFull && this.#totalChanges() !== this.#changesBefore;
  }

  rollback(): void {
    if (this.#sql.inTransaction) this.#rollback.run();
    this.#end();
  }

  #end(): void {
    if (this.#isFull) this.#sql.pragma("synchronous = NORMAL");
    this.#isFull = false;
  }

  undo(): void {}

  checkpoint(): void {
    this.#sql.pragma("wal_checkpoint(PASSIVE)");
  }

  close(): void {}
}

/** Records after which SQLite commits, and their bytes: what a start has to run again at most. */
const recordsMax = 1024;
const recordBytesMax = 4 << 20;
/** The row of table `store` that says which record the database's state is that of. */
const redoFact = "redo_seq";

/**
 * Each transaction is a record; SQLite commits a thousand of them at once.
 *
 * One that fails after it has written is taken back by taking back all that SQLite has not committed and running the
 * records again: hardly any does, and a savepoint for each costs a tenth of an operation. Where one has failed the next
 * may too, on a full disk above all, so from then on each has a savepoint until SQLite has committed.
 */
export class RedoCommits implements Commits {
  readonly #sql: Connection;
  readonly #prepare: Connection["prepare"];
  readonly #exec: Connection["exec"];
  readonly #log: RedoLog;
  readonly #begin: Statement;
  readonly #commit: Statement;
  readonly #rollback: Statement;
  readonly #savepoint: Statement;
  readonly #release: Statement;
  readonly #undo: Statement;
  readonly #setSeq: Statement;
  /** Statements that run again, compiled. */
  readonly #again = new Map<string, Statement>();
  #isOpen = false;
  #mark = 0;
  /** Whether a transaction has failed since SQLite last committed: those that follow have savepoints. */
  #isCareful = false;
  /** Whether the open transaction has one, and whether it has run a statement that writes. */
  #hasSavepoint = false;
  #hasRun = false;
  /** The last record that SQLite has committed. */
  #committedSeq: number;
  /** The last record, and the length of the log, when it last should have. */
  #triedSeq: number;
  #triedBytes = 0;

  /**
   * Puts the database into the state of the last record.
   * @throws when the log is another database's, and what the disk says
   */
  constructor(sql: Connection, path: string) {
    this.#sql = sql;
    this.#prepare = sql.prepare.bind(sql);
    this.#exec = sql.exec.bind(sql);
    this.#begin = sql.prepare("BEGIN IMMEDIATE");
    this.#commit = sql.prepare("COMMIT");
    this.#rollback = sql.prepare("ROLLBACK");
    this.#savepoint = sql.prepare("SAVEPOINT operation");
    this.#release = sql.prepare("RELEASE operation");
    this.#undo = sql.prepare("ROLLBACK TO operation");
    this.#setSeq = sql.prepare(`UPDATE store SET v = ? WHERE k = '${redoFact}'`);
    const { v } = sql.prepare(`SELECT v FROM store WHERE k = '${redoFact}'`).get() as { v: string };
    this.#committedSeq = Number(v);
    this.#triedSeq = this.#committedSeq;
    this.#log = new RedoLog(path);
    try {
      this.#begin.run();
      this.#log.open(this.#committedSeq, this.#runAgain);
    } catch (error) {
      this.#log.close();
      throw error;
    }
  }

  /** From now on every statement that writes is noted. */
  start(): void {
    this.#noteWrites();
  }

  begin(): void {
    if (!this.#sql.inTransaction) this.#begin.run();
    this.#mark = this.#log.mark;
    this.#hasSavepoint = this.#isCareful;
    if (this.#hasSavepoint) this.#savepoint.run();
    this.#hasRun = false;
    this.#isOpen = true;
  }

  get mark(): number {
    return this.#log.mark;
  }

  get recordBytes(): number {
    return this.#log.bytes;
  }

  undo(mark: number): void {
    this.#log.undo(mark);
  }

  commit(): void {
    assert(this.#sql.inTransaction, "SQLite still has what is to be recorded");
    this.#log.write();
    if (this.#hasSavepoint) this.#release.run();
    this.#isOpen = false;
  }

  committed(durability: Durability): boolean {
    if (durability === "power") this.#log.sync();
    const isLong = this.#log.bytes - this.#triedBytes >= recordBytesMax;
    if (isLong || this.#log.seq - this.#triedSeq >= recordsMax) this.#fold();
    return durability === "power";
  }

  rollback(): void {
    this.#isOpen = false;
    this.#log.undo(this.#mark);
    if (!this.#sql.inTransaction) this.#restore();
    else if (this.#hasSavepoint) {
      this.#undo.run();
      this.#release.run();
    } else if (this.#hasRun) {
      this.#isCareful = true;
      this.#rollback.run();
      this.#restore();
    }
  }

  checkpoint(): void {
    try {
      if (this.#fold() && this.#checkpointAll()) {
        this.#log.begin();
        this.#triedBytes = 0;
        return;
      }
    } catch (error) {
      if (!isDiskFull(error)) throw error;
    }
    // The records are as good, only longer.
    this.#log.sync();
  }

  close(isSound: boolean): void {
    try {
      // What cannot be committed is run again at the next start.
      if (isSound) this.#fold();
    } finally {
      this.#log.close();
    }
  }

  /** Whether all of the write-ahead log is in the database now, durably. */
  #checkpointAll(): boolean {
    const [{ busy, log, checkpointed }] = this.#sql.pragma("wal_checkpoint(PASSIVE)") as [
      { busy: number; log: number; checkpointed: number },
    ];
    return busy === 0 && log === checkpointed;
  }

  /** Has SQLite commit. False when the disk is full: then the records are all there is, and it is tried again. */
  #fold(): boolean {
    const { seq, bytes } = this.#log;
    this.#triedSeq = seq;
    this.#triedBytes = bytes;
    if (!this.#sql.inTransaction) return true;
    try {
      this.#setSeq.run(String(seq));
      this.#commit.run();
      this.#committedSeq = seq;
      this.#isCareful = false;
      return true;
    } catch (error) {
      if (!isDiskFull(error)) throw error;
      if (!this.#sql.inTransaction) this.#restore();
      return false;
    }
  }

  /** SQLite has rolled back what it had not committed: every record of it is run again, and what is noted. */
  #restore(): void {
    this.#begin.run();
    this.#log.replay(this.#committedSeq, this.#runAgain);
    this.#log.replayNoted(this.#runAgain);
  }

  readonly #runAgain = (text: string, values: Values | undefined): void => {
    if (values === undefined) {
      this.#exec(text);
      return;
    }
    let statement = this.#again.get(text);
    if (statement === undefined) {
      statement = this.#prepare(text);
      this.#again.set(text, statement);
    }
    statement.run(...values);
  };

  #noteWrites(): void {
    this.#sql.exec = (text) => {
      this.#noted(() => this.#exec(text), text, undefined);
      return this.#sql;
    };
    this.#sql.prepare = (text) => {
      const statement = this.#prepare(text);
      if (statement.readonly) return statement;
      const run = statement.run.bind(statement) as (...values: unknown[]) => { changes: number };
      // What changed no row changes none when it is run again on the same rows. Others count nothing.
      const counts = /^\s*(INSERT|UPDATE|DELETE)\b/i.test(text);
      statement.run = (...values) => {
        if (!this.#isOpen) return this.#noted(() => run(...values), text, values);
        this.#hasRun = true;
        const result = run(...values);
        if (!counts || result.changes > 0) this.#log.note(text, values);
        return result;
      };
      return statement;
    };
  }

  /** A write outside of a transaction is one of its own. */
  #noted<T>(write: () => T, text: string, values: Values | undefined): T {
    const isOwn = !this.#isOpen;
    if (isOwn) this.begin();
    this.#hasRun = true;
    try {
      const result = write();
      this.#log.note(text, values);
      if (isOwn) this.commit();
      return result;
    } catch (error) {
      if (isOwn) this.rollback();
      throw error;
    }
  }
}
