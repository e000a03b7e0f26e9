/**
 * What the database says to a question that is asked again and again, and that only a commit can change: it is asked
 * before each sleep of the store thread. Not to be asked while a transaction is open.
 */
import type { Database } from "./database.ts";

export class SinceCommit<T> {
  readonly #db: Database;
  readonly #ask: () => T;
  #answer: { readonly value: T; readonly commits: number } | undefined;

  constructor(db: Database, ask: () => T) {
    this.#db = db;
    this.#ask = ask;
  }

  get value(): T {
    const { commitCount } = this.#db;
    if (this.#answer?.commits !== commitCount) {
      this.#answer = { value: this.#ask(), commits: commitCount };
    }
    return this.#answer.value;
  }
}
