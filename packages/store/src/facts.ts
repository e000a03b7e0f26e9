/** Facts about the store itself: the rows of table `store`. */
import type { Database } from "./database.ts";

export class Facts {
  readonly #get;
  readonly #set;
  readonly #drop;

  constructor(db: Database) {
    this.#get = db.sql.prepare<[string], { v: string }>("SELECT v FROM store WHERE k = ?");
    this.#set = db.sql.prepare(
      "INSERT INTO store (k, v) VALUES (?, ?) ON CONFLICT (k) DO UPDATE SET v = excluded.v",
    );
    this.#drop = db.sql.prepare("DELETE FROM store WHERE k = ?");
  }

  get(key: string): string | undefined {
    return this.#get.get(key)?.v;
  }

  set(key: string, value: string): void {
    this.#set.run(key, value);
  }

  drop(key: string): void {
    this.#drop.run(key);
  }
}
