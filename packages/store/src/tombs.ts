/**
 * Documents of ours that are gone for good. What brings one back is a request of ours that the server carried out
 * late, and is deleted again (docs/spec/sync.md, AGREE-4).
 */
import type { Clock } from "@smfs/core";
import type { Database } from "./database.ts";
import type { EntryRow } from "./entries.ts";

/** A row of table `tomb`, as decisions see it. */
export interface Tomb {
  readonly docId: string | null;
  readonly srev: number | null;
  /** The last revision; of a server that changes what it is sent, the one it showed in its place. */
  readonly rev: string | null;
}

interface TombRow {
  readonly doc_id: string | null;
  readonly srev: number | null;
  readonly rev: string | null;
}

export class Tombs {
  readonly #clock: Clock;
  readonly #put;
  readonly #drop;
  readonly #byDoc;
  readonly #byFid;

  constructor({ sql }: Database, clock: Clock) {
    this.#clock = clock;
    this.#put = sql.prepare(
      `INSERT INTO tomb (fid, doc_id, srev, rev, at_ms) VALUES (?, ?, ?, ?, ?)
       ON CONFLICT (fid) DO UPDATE SET doc_id = excluded.doc_id, srev = excluded.srev, rev = excluded.rev`,
    );
    this.#drop = sql.prepare("DELETE FROM tomb WHERE doc_id = ?");
    this.#byDoc = sql.prepare<[string], TombRow>(
      "SELECT doc_id, srev, rev FROM tomb WHERE doc_id = ?",
    );
    this.#byFid = sql.prepare<[string], TombRow>(
      "SELECT doc_id, srev, rev FROM tomb WHERE fid = ?",
    );
  }

  /** The document of an entry is gone. Within a transaction. */
  put(entry: EntryRow, srev: number | null = entry.base_srev): void {
    const { fid, doc_id, base_rev, diverged, r_hash } = entry;
    const rev = diverged === 1 && r_hash !== null ? `x:${r_hash}` : base_rev;
    this.#put.run(fid, doc_id, srev, rev, Math.round(this.#clock.now()));
  }

  /** The document was restored. Within a transaction. */
  drop(docId: string): void {
    this.#drop.run(docId);
  }

  /** What is known of a document that no entry has, by its id or by the file that its stamp names. */
  of(docId: string, fid: string | null): Tomb | null {
    const row = this.#byDoc.get(docId) ?? (fid === null ? undefined : this.#byFid.get(fid));
    return row === undefined ? null : { docId: row.doc_id, srev: row.srev, rev: row.rev };
  }
}
