/** Mends a store whose rows are whole and some of whose clean bytes are not: the next mount fetches them again. */
import { join } from "node:path";
import type { Breach } from "../check.ts";
import { Database } from "../database.ts";
import { Facts } from "../facts.ts";

/** Invariants whose breach says that bytes of the disk are not what the rows say. */
const ofBytes = new Set([
  "clean-is-base",
  "file-has-bytes",
  "row-knows-size",
  "working-file-has-row",
  "blob-is-whole",
  "blob-is-there",
  "orphan-is-used",
]);

/** Whether the next start can put this right by itself, once it is told to look. */
export function canMend(breach: Breach): boolean {
  return ofBytes.has(breach.invariant);
}

/**
 * Notes that every clean file is to be compared with its digest, and that the last stop was none in peace. The next
 * start then does what it does after a power loss: what is damaged goes to the trash and is fetched again.
 */
export function markForComparison(dir: string): void {
  const db = new Database(join(dir, "store.db"));
  try {
    const facts = new Facts(db);
    db.transaction(() => {
      facts.drop("clean_stop");
      facts.set("boot_id", "to be compared");
      db.sql.prepare("UPDATE inode SET work_ctime = NULL WHERE work_ctime IS NOT NULL").run();
    }, "power");
  } finally {
    db.close();
  }
}
