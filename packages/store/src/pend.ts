/** Documents that were seen and not finally decided. Durable, since the watermark moves past them (PULL-2). */
import type { Database } from "./database.ts";

/** Why a document is pending whose deletion was told by the server. */
export const deletedElsewhere = "deleted on another device";
/** Why a document is pending whose version cannot be taken while somebody may write the file. */
export const heldOpen = "held open for writing";

export class Pend {
  readonly #put;
  readonly #drop;
  readonly #list;
  readonly #has;

  constructor(db: Database) {
    this.#put = db.sql.prepare(
      `INSERT INTO pend (doc_id, why, srev) VALUES (?, ?, ?)
       ON CONFLICT (doc_id) DO UPDATE SET srev = coalesce(max(srev, excluded.srev), srev, excluded.srev),
         why = CASE WHEN why = '${deletedElsewhere}' AND (excluded.srev IS NULL OR excluded.srev <= srev)
           THEN why ELSE excluded.why END`,
    );
    this.#drop = db.sql.prepare(
      "DELETE FROM pend WHERE doc_id = ?1 AND (srev IS NULL OR ?2 IS NULL OR srev <= ?2)",
    );
    this.#has = db.sql.prepare<[string], { why: string; srev: number | null }>(
      "SELECT why, srev FROM pend WHERE doc_id = ?",
    );
    this.#list = db.sql.prepare<[number], { doc_id: string; why: string }>(
      "SELECT doc_id, why FROM pend LIMIT ? + 0",
    );
  }

  /**
   * @param why that a deletion was told stays known until something newer is seen
   * @param srev revision number of what was seen, where the server counts
   */
  put(docId: string, why: string, srev: number | null): void {
    this.#put.run(docId, why, srev);
  }

  /** What was seen up to `srev` is decided: something newer that was seen meanwhile is not. */
  drop(docId: string, srev: number | null): void {
    this.#drop.run({ 1: docId, 2: srev });
  }

  why(docId: string): string | undefined {
    return this.#has.get(docId)?.why;
  }

  /** The deletion of a document that was told and is not carried out. */
  deletion(docId: string): { readonly srev: number | null } | undefined {
    const row = this.#has.get(docId);
    return row?.why === deletedElsewhere ? { srev: row.srev } : undefined;
  }

  list(countMax: number): { docId: string; why: string }[] {
    return this.#list.all(countMax).map(({ doc_id, why }) => ({ docId: doc_id, why }));
  }
}
