/**
 * What a store has beyond what the server holds and what is on its way there: displaced bytes in the trash, and files
 * that never leave this machine. Whoever removes a store asks first.
 */
import { S_IFMT, S_IFREG } from "@smfs/core";
import type { StoreContext } from "./context.ts";

export interface OnlyHere {
  readonly path: string;
  readonly why: string;
}

/** At most `countMax` of them, those in the trash first. */
export function onlyHere({ db, entries }: StoreContext, countMax: number): OnlyHere[] {
  const displaced = db.sql
    .prepare<[number], { path: string; why: string }>(
      "SELECT path, why FROM trash WHERE blob IS NOT NULL ORDER BY id LIMIT ? + 0",
    )
    .all(countMax);
  const local = db.sql
    .prepare<[number], { parent: number; name: string }>(
      `SELECT parent, name FROM entry JOIN inode ON inode.ino = entry.ino
       WHERE local_only = 1 AND state = 'live' AND (mode & ${S_IFMT}) = ${S_IFREG} LIMIT ? + 0`,
    )
    .all(countMax);
  return [
    ...displaced.map(({ path, why }) => ({ path, why: `in the trash: ${why}` })),
    ...local.map((entry) => ({
      path: entries.shownPath(entry),
      why: "never leaves this machine",
    })),
  ].slice(0, countMax);
}
