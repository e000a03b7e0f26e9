/** Containers within a unit: made by their first write. */
import { type Clock, present } from "@smfs/core";
import type { Transaction } from "../storage.ts";
import type { StoredTag } from "../stored.ts";
import type { Database } from "./database.ts";
import { type TagRow, toTag } from "./rows.ts";

export interface TagWrites extends Pick<Transaction, "putTag" | "removeTag"> {
  /** The number of a container, which is made when it is not there. */
  need(tag: string, at: number): number;
}

export function tagWrites(db: Database, clock: Clock): TagWrites {
  const select = db.prepare<[string], TagRow>("SELECT * FROM tag WHERE tag = ?");
  const selectNo = db
    .prepare<[string], number>("SELECT no FROM tag WHERE tag = ? AND removed = 0")
    .pluck();
  // A removed container begins anew: nothing of its old settings stays.
  const make = db
    .prepare<[string, string, number, number], number>(
      `INSERT INTO tag (tag, name, buckets, created_at, updated_at) VALUES (?, ?, '[]', ?, ?)
       ON CONFLICT (tag) DO UPDATE SET name = excluded.name, entity_context = NULL, memory_paths = NULL,
         buckets = '[]', created_at = excluded.created_at, updated_at = excluded.updated_at, removed = 0
       RETURNING no`,
    )
    .pluck();
  const update = db.prepare(
    `UPDATE tag SET name = @name, entity_context = @entity_context, memory_paths = @memory_paths,
       buckets = @buckets, updated_at = @updated_at WHERE tag = @tag`,
  );
  const remove = db.prepare<[string]>("UPDATE tag SET removed = 1 WHERE tag = ?");
  const need = (tag: string, at: number): number =>
    selectNo.get(tag) ?? present(make.get(tag, tag, at, at), "a container just made");

  return {
    need,
    putTag: async (tag, change) => {
      const now = clock.now();
      need(tag, now);
      const old = toTag(present(select.get(tag), "a container just made"));
      const next: StoredTag = { ...old, ...change, updatedAt: now };
      update.run({
        tag,
        name: next.name,
        entity_context: next.entityContext,
        memory_paths:
          next.memoryFilesystemPaths === null ? null : JSON.stringify(next.memoryFilesystemPaths),
        buckets: JSON.stringify(next.profileBuckets),
        updated_at: now,
      });
      return next;
    },
    removeTag: async (tag) => {
      remove.run(tag);
    },
  };
}
