/** Problems: one path that cannot sync, reported while all others go on. */
import type { Clock } from "@smfs/core";
import type { Database } from "./database.ts";

export interface Problem {
  readonly path: string | null;
  readonly message: string;
  /** Wall-clock milliseconds, for people. */
  readonly atMs: number;
}

export class Problems {
  readonly #clock: Clock;
  readonly #set;
  readonly #clear;
  readonly #list;

  constructor(db: Database, clock: Clock) {
    this.#clock = clock;
    this.#set = db.sql.prepare(
      `INSERT INTO problem (k, path, message, at_ms) VALUES (?, ?, ?, ?)
       ON CONFLICT (k) DO UPDATE SET path = excluded.path, message = excluded.message`,
    );
    this.#clear = db.sql.prepare("DELETE FROM problem WHERE k = ?");
    this.#list = db.sql.prepare<[number], { path: string | null; message: string; at_ms: number }>(
      "SELECT path, message, at_ms FROM problem ORDER BY at_ms DESC LIMIT ? + 0",
    );
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
