/** Thins history: of what one writer saved within a moment, the last state is enough. */
import type { CollectLimits } from "../storage.ts";
import type { Database } from "./database.ts";

/** Versions that one call looks at: some 10 ms. */
const lookedMax = 2000;
/** Setting: versions that began up to this time have been looked at. Milliseconds. */
const thinnedTo = "thinned-to";

interface VersionRow {
  readonly document_no: number;
  readonly rev: number;
  readonly content_no: number;
  readonly at: number;
  readonly op: string;
  readonly origin: string;
  readonly actor: string | null;
  readonly session: string | null;
}

export interface Thinning {
  /** Versions that may go. */
  readonly versions: readonly Pick<VersionRow, "document_no" | "rev" | "content_no">[];
  readonly hasMore: boolean;
}

/**
 * Finds versions that the same writer replaced within the same window, oldest first, each looked at once in its life.
 * The caller deletes them in the same unit.
 */
export function thinVersions(db: Database): (limits: CollectLimits, now: number) => Thinning {
  const from = db.prepare<[string], string>("SELECT v FROM setting WHERE k = ?").pluck();
  const remember = db.prepare<[string, string]>("INSERT OR REPLACE INTO setting VALUES (?, ?)");
  const columns = "document_no, rev, content_no, at, op, origin, actor, session";
  const old = db.prepare<[number, number, number], VersionRow>(
    `SELECT ${columns} FROM version INDEXED BY version_at WHERE at > ? AND at < ? ORDER BY at LIMIT ? + 0`,
  );
  const next = db.prepare<[number, number], VersionRow>(
    `SELECT ${columns} FROM version WHERE document_no = ? AND rev > ? ORDER BY rev LIMIT 1`,
  );
  return (limits, now) => {
    const rows = old.all(Number(from.get(thinnedTo) ?? 0), now - limits.thinAgeMs, lookedMax);
    const last = rows.at(-1);
    if (last === undefined) return { versions: [], hasMore: false };
    remember.run(thinnedTo, String(last.at));
    const versions = rows.filter((row) => {
      if (row.origin === null) return false;
      const after = next.get(row.document_no, row.rev);
      return after !== undefined && isOneSave(row, after, limits.thinWindowMs);
    });
    return { versions, hasMore: rows.length === lookedMax };
  };
}

/** What was created, restored or deleted stays as it was; only saves of one writer are one. */
function isOneSave(row: VersionRow, after: VersionRow, windowMs: number): boolean {
  const isSave = (op: string) => op === "update" || op === "metadata";
  return (
    isSave(row.op) &&
    isSave(after.op) &&
    row.origin === after.origin &&
    row.actor === after.actor &&
    row.session === after.session &&
    Math.floor(row.at / windowMs) === Math.floor(after.at / windowMs)
  );
}
