/** Revisions that this store has made of each file, and the chain that a new one descends from (STAMP-1). */
import { chainMax } from "@smfs/core";
import type { Database } from "./database.ts";

/** Revisions of our own that a chain names besides those that were agreed on. */
const ownMax = 8;

export class Revisions {
  readonly #insert;
  readonly #own;

  constructor({ sql }: Database) {
    this.#insert = sql.prepare(
      "INSERT OR IGNORE INTO rev (rev, fid, parent, hash) VALUES (?, ?, ?, ?)",
    );
    this.#own = sql
      .prepare<[string, number], string>(
        // All of one store: `epoch:seq`, the latest first.
        "SELECT rev FROM rev WHERE fid = ? ORDER BY length(rev) DESC, rev DESC LIMIT ? + 0",
      )
      .pluck();
  }

  /** Within the transaction of a claim. */
  note(rev: string, fid: string, parent: string | null, hash: string): void {
    this.#insert.run(rev, fid, parent, hash);
  }

  /**
   * What a new revision of a file descends from: base, what was tried since and given up (refused, overtaken), since
   * its bytes were here and have been replaced here, and what base descends from. A late request may bring any of
   * these back (STAMP-3).
   */
  chain(
    fid: string,
    base: { readonly rev: string | null; readonly chain: readonly string[] } | null,
  ): string[] {
    const own = this.#own.all(fid, ownMax);
    const agreed = base?.rev == null ? [] : [base.rev];
    return [...new Set([...agreed, ...own, ...(base?.chain ?? [])])].slice(0, chainMax);
  }
}
