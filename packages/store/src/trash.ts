/** Displaced bytes: rows that say what was where and why it went. Written in the transaction that displaces them. */
import type { Clock } from "@smfs/core";
import type { Database } from "./database.ts";
import type { EntryRow } from "./entries.ts";
import type { Content } from "./sync-model.ts";

/** Displaced bytes: what stood at a path when it was replaced or deleted from elsewhere, or was damaged. */
export interface TrashItem {
  readonly id: number;
  readonly path: string;
  /** Digest of the blob; null when the bytes were never here: the document says where they are. */
  readonly blob: string | null;
  readonly docId: string | null;
  readonly rev: string | null;
  readonly why: string;
  /** Wall-clock milliseconds, for people. */
  readonly atMs: number;
  readonly size: number;
}

interface TrashRow {
  readonly id: number;
  readonly path: string;
  readonly blob: string | null;
  readonly doc_id: string | null;
  readonly rev: string | null;
  readonly why: string;
  readonly at_ms: number;
  readonly size: number;
}

export class Trash {
  readonly #clock: Clock;
  readonly #put;
  readonly #list;
  readonly #one;
  readonly #drop;

  constructor(db: Database, clock: Clock) {
    this.#clock = clock;
    this.#put = db.sql.prepare(
      "INSERT INTO trash (fid, path, blob, doc_id, rev, why, at_ms, size) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
    );
    const columns = "id, path, blob, doc_id, rev, why, at_ms, size";
    this.#list = db.sql.prepare<[number, number], TrashRow>(
      `SELECT ${columns} FROM trash WHERE id < ? ORDER BY id DESC LIMIT ? + 0`,
    );
    this.#one = db.sql.prepare<[number], TrashRow>(`SELECT ${columns} FROM trash WHERE id = ?`);
    this.#drop = db.sql.prepare("DELETE FROM trash WHERE id = ?");
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

  /** Items with an id below `beforeId`, the newest first. */
  list(beforeId: number, countMax: number): TrashItem[] {
    return this.#list.all(beforeId, countMax).map(toItem);
  }

  item(id: number): TrashItem | undefined {
    const row = this.#one.get(id);
    return row === undefined ? undefined : toItem(row);
  }

  /** Lets go of an item. Its blob is collected when nothing else names it. */
  drop(id: number): void {
    this.#drop.run(id);
  }
}

function toItem({ doc_id, at_ms, ...row }: TrashRow): TrashItem {
  return { ...row, docId: doc_id, atMs: at_ms };
}
