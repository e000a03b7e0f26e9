/** What patterns keep on this machine, for status: how much, and some of it. */
import { S_IFDIR, S_IFLNK, S_IFMT, S_IFREG } from "@smfs/core";
import type { StoreContext } from "./context.ts";
import type { StoreStatus } from "./port.ts";

/** Names told. */
const examplesMax = 10;
/** Names counted at most: nobody else is served meanwhile. */
const countedMax = 100_000;

export class KeptHere {
  readonly #context: StoreContext;
  readonly #count;
  readonly #some;

  constructor(context: StoreContext) {
    this.#context = context;
    const { sql } = context.db;
    this.#count = sql
      .prepare<[number], number>(
        `SELECT count(*) FROM (SELECT 1 FROM entry CROSS JOIN inode ON inode.ino = entry.ino
         WHERE local_only = 1 AND state = 'live' AND (mode & ${S_IFMT}) IN (${S_IFREG}, ${S_IFLNK}, ${S_IFDIR}) LIMIT ? + 0)`,
      )
      .pluck();
    this.#some = sql.prepare<[number], { parent: number; name: string }>(
      `SELECT parent, name FROM entry CROSS JOIN inode ON inode.ino = entry.ino
       WHERE local_only = 1 AND state = 'live' AND (mode & ${S_IFMT}) IN (${S_IFREG}, ${S_IFLNK}, ${S_IFDIR})
       LIMIT ? + 0`,
    );
  }

  get(): StoreStatus["ignored"] {
    return {
      count: this.#count.get(countedMax) ?? 0,
      examples: this.#some.all(examplesMax).map((entry) => this.#context.entries.shownPath(entry)),
    };
  }
}
