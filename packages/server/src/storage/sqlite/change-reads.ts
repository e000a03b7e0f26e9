/** The change log: live documents and tombstones, merged by seq. */
import { present } from "@smfs/core";
import type { ChangeReads } from "../storage.ts";
import type { StoredChange } from "../stored.ts";
import type { Database } from "./database.ts";
import {
  type DocumentRow,
  documentColumns,
  documentJoin,
  type TombstoneRow,
  toDeletion,
  toDocument,
} from "./rows.ts";

export function changeReads(db: Database): ChangeReads {
  const counter = db.prepare<[], { seq: number; horizon: number }>(
    "SELECT seq, horizon FROM counter",
  );
  const epoch = db.prepare<[], string>("SELECT v FROM setting WHERE k = 'epoch'").pluck();
  const liveOfTag = db.prepare<[string, number, number], DocumentRow>(
    `SELECT ${documentColumns} FROM document_tag t INDEXED BY document_tag_seq
       CROSS JOIN document d ON d.no = t.document_no ${documentJoin}
       WHERE t.tag_no = (SELECT no FROM tag WHERE tag = ?) AND t.seq > ? ORDER BY t.seq LIMIT ? + 0`,
  );
  const goneFromTag = db.prepare<[string, number, number], TombstoneRow>(
    `SELECT s.*, g.tag FROM tag g CROSS JOIN tombstone s INDEXED BY tombstone_tag ON s.tag_no = g.no
       WHERE g.tag = ? AND s.seq > ? ORDER BY s.seq LIMIT ? + 0`,
  );
  const live = db.prepare<[number, number], DocumentRow>(
    `SELECT ${documentColumns} FROM document d ${documentJoin} WHERE d.seq > ? ORDER BY d.seq LIMIT ? + 0`,
  );
  // A document deleted from several containers has one row for each, all with one seq: one of them is enough.
  const gone = db.prepare<[number, number], TombstoneRow>(
    `SELECT s.*, g.tag FROM tombstone s JOIN tag g ON g.no = s.tag_no
       WHERE s.seq > ? AND s.reason = 'deleted'
         AND s.tag_no = (SELECT min(o.tag_no) FROM tombstone o WHERE o.seq = s.seq)
       ORDER BY s.seq LIMIT ? + 0`,
  );
  const position = () => present(counter.get(), "the counters");

  return {
    head: async () => position().seq,
    horizon: async () => position().horizon,
    epoch: async () => present(epoch.get(), "the epoch"),
    changesAfter: async (containerTag, seq, limit) => {
      const documents =
        containerTag === undefined ? live.all(seq, limit) : liveOfTag.all(containerTag, seq, limit);
      const tombstones =
        containerTag === undefined
          ? gone.all(seq, limit)
          : goneFromTag.all(containerTag, seq, limit);
      const changes: StoredChange[] = [
        ...documents.map((row) => ({
          kind: "upsert" as const,
          seq: row.seq,
          document: toDocument(row),
        })),
        ...tombstones.map(toDeletion),
      ];
      return changes.sort((a, b) => a.seq - b.seq).slice(0, limit);
    },
  };
}
