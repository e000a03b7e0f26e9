/** Documents that were seen and not finally decided. Durable, since the watermark moves past them (PULL-2). */
import type { Database } from "./database.ts";

export class Pend {
  readonly #put;
  readonly #drop;
  readonly #list;
  readonly #has;

  constructor(db: Database) {
    this.#put = db.sql.prepare(
      "INSERT INTO pend (doc_id, why) VALUES (?, ?) ON CONFLICT (doc_id) DO UPDATE SET why = excluded.why",
    );
    this.#drop = db.sql.prepare("DELETE FROM pend WHERE doc_id = ?");
    this.#has = db.sql.prepare<[string], { why: string }>("SELECT why FROM pend WHERE doc_id = ?");
    this.#list = db.sql.prepare<[number], { doc_id: string; why: string }>(
      "SELECT doc_id, why FROM pend LIMIT ?",
    );
  }

  put(docId: string, why: string): void {
    this.#put.run(docId, why);
  }

  drop(docId: string): void {
    this.#drop.run(docId);
  }

  why(docId: string): string | undefined {
    return this.#has.get(docId)?.why;
  }

  list(countMax: number): { docId: string; why: string }[] {
    return this.#list.all(countMax).map(({ doc_id, why }) => ({ docId: doc_id, why }));
  }
}
