/** Displaced bytes: rows that say what was where and why it went. Written in the transaction that displaces them. */
import type { Clock } from "@smfs/core";
import type { Database } from "./database.ts";
import type { EntryRow } from "./entries.ts";
import type { Content } from "./sync-model.ts";

export interface TrashItem {
  readonly id: number;
  readonly path: string;
  readonly blob: string | null;
  readonly docId: string | null;
  readonly rev: string | null;
  readonly why: string;
  readonly atMs: number;
  readonly size: number;
}

export class Trash {
  readonly #clock: Clock;
  readonly #put;
  readonly #list;

  constructor(db: Database, clock: Clock) {
    this.#clock = clock;
    this.#put = db.sql.prepare(
      "INSERT INTO trash (fid, path, blob, doc_id, rev, why, at_ms, size) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
    );
    this.#list = db.sql.prepare<
      [number],
      {
        id: number;
        path: string;
        blob: string | null;
        doc_id: string | null;
        rev: string | null;
        why: string;
        at_ms: number;
        size: number;
      }
    >("SELECT * FROM trash ORDER BY id DESC LIMIT ? + 0");
  }

  /** Keeps an entry's bytes (a blob that is here; undefined for a stub: its document and revision say where they are). */
  put(entry: EntryRow, path: string, kept: Content, size: number, why: string): void {
    this.#put.run(
      entry.fid,
      path,
      kept?.blob ?? null,
      entry.doc_id,
      entry.base_rev,
      why,
      Math.round(this.#clock.now()),
      kept?.size ?? size,
    );
  }

  /** The newest first. */
  list(countMax: number): TrashItem[] {
    return this.#list
      .all(countMax)
      .map(({ doc_id, at_ms, ...row }) => ({ ...row, docId: doc_id, atMs: at_ms }));
  }
}
