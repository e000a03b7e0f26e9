/** Problems: one path that cannot sync, reported while all others go on. */
import type { Clock } from "@smfs/core";
import type { Database } from "./database.ts";

export interface Problem {
  readonly path: string | null;
  readonly message: string;
  /** Wall-clock milliseconds, for people. */
  readonly atMs: number;
}

/**
 * Problems of one entry end with its fid. Those of an entry that is gone are over, and of one that is removed all but that
 * the server refused it: that may have been its deletion.
 */
const isOver = `(k LIKE 'name %' OR k LIKE 'push %' OR k LIKE 'suspect %') AND NOT EXISTS
  (SELECT 1 FROM entry WHERE fid = substr(k, instr(k, ' ') + 1) AND (state = 'live' OR k LIKE 'push %'))`;

export class Problems {
  readonly #clock: Clock;
  readonly #set;
  readonly #clear;
  readonly #list;
  readonly #prune;

  constructor(db: Database, clock: Clock) {
    this.#clock = clock;
    this.#set = db.sql.prepare(
      `INSERT INTO problem (k, path, message, at_ms) VALUES (?, ?, ?, ?)
       ON CONFLICT (k) DO UPDATE SET path = excluded.path, message = excluded.message`,
    );
    this.#clear = db.sql.prepare("DELETE FROM problem WHERE k = ?");
    this.#list = db.sql.prepare<[number], { path: string | null; message: string; at_ms: number }>(
      `SELECT path, message, at_ms FROM problem WHERE NOT (${isOver})
       ORDER BY at_ms DESC LIMIT ? + 0`,
    );
    this.#prune = db.sql.prepare(`DELETE FROM problem WHERE ${isOver}`);
  }

  /** Drops those that are over. Within a transaction. */
  prune(): void {
    this.#prune.run();
  }

  /** Reports a problem, or changes what is said of it. `key` names what it is about. */
  set(key: string, path: string | null, message: string): void {
    this.#set.run(key, path, message, Math.round(this.#clock.now()));
  }

  clear(key: string): void {
    this.#clear.run(key);
  }

  /** The newest first. */
  list(countMax: number): Problem[] {
    return this.#list
      .all(countMax)
      .map(({ path, message, at_ms }) => ({ path, message, atMs: at_ms }));
  }
}
