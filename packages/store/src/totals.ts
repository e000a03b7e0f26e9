/**
 * How many names and stubs a store has, for status. Counting looks at every row, and nobody else is served meanwhile: so
 * a count is used again for twenty times as long as it took.
 */
import type { StoreContext } from "./context.ts";

const restFactor = 20;

export interface Counted {
  readonly entries: number;
  readonly stubs: number;
}

export class Totals {
  readonly #context: Pick<StoreContext, "db" | "clock">;
  readonly #count;
  #counted: Counted = { entries: 0, stubs: 0 };
  #dueMs = Number.NEGATIVE_INFINITY;

  constructor(context: Pick<StoreContext, "db" | "clock">) {
    this.#context = context;
    this.#count = context.db.sql.prepare<[], Counted>(
      `SELECT (SELECT count(*) FROM entry WHERE state = 'live') AS entries,
         (SELECT count(*) FROM inode WHERE stub = 1) AS stubs`,
    );
  }

  get(): Counted {
    const { clock } = this.#context;
    const from = clock.monotonic();
    if (from < this.#dueMs) return this.#counted;
    this.#counted = this.#count.get() ?? this.#counted;
    const now = clock.monotonic();
    this.#dueMs = now + (now - from) * restFactor;
    return this.#counted;
  }
}
