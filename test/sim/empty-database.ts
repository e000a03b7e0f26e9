import { Database } from "@smfs/store";
import SqliteDatabase from "better-sqlite3";

/** A migrated database as bytes, made once: opening from it is faster than migrating. */
let emptyDatabase: Buffer | undefined;

export function newDatabase(): SqliteDatabase.Database {
  if (emptyDatabase === undefined) {
    const made = new SqliteDatabase(":memory:");
    new Database(made);
    emptyDatabase = made.serialize();
  }
  return new SqliteDatabase(emptyDatabase);
}
