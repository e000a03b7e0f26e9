/** Questions about documents, on one connection: the reader's, or the one a unit is running on. */
import { parentPath } from "@smfs/core";
import type { DocumentReads, Order, Scope } from "../storage.ts";
import type { StoredDocument } from "../stored.ts";
import { type Database, statementsByText } from "./database.ts";
import {
  type DocumentRow,
  documentColumns,
  documentJoin,
  type TagRow,
  type TombstoneRow,
  toDocument,
  toTag,
  toTombstone,
  toVersion,
  type VersionRow,
} from "./rows.ts";
import { prefixEnd, scopeQuery } from "./scope.ts";

const documentSelect = `SELECT ${documentColumns} FROM document d ${documentJoin}`;
const stateColumns =
  "rev, id, custom_id, tags, filepath, title, type, media_type, is_text, content_no, metadata, task_type, op, origin, actor, session";

export function documentReads(db: Database): DocumentReads {
  const byId = db.prepare<[string], DocumentRow>(`${documentSelect} WHERE d.id = ?`);
  const byNo = db.prepare<[number], DocumentRow>(`${documentSelect} WHERE d.no = ?`);
  const byCustomId = db.prepare<[string], DocumentRow>(
    `${documentSelect} WHERE d.custom_id = ? ORDER BY d.no LIMIT 1`,
  );
  const byTagCustomId = db.prepare<[string, string], DocumentRow>(
    `${documentSelect} WHERE d.no = (SELECT t.document_no FROM document_tag t
       WHERE t.tag_no = (SELECT no FROM tag WHERE tag = ?) AND t.custom_id = ?)`,
  );
  const byTagPath = db.prepare<[string, string], DocumentRow>(
    `${documentSelect} WHERE d.no = (SELECT t.document_no FROM document_tag t
       WHERE t.tag_no = (SELECT no FROM tag WHERE tag = ?) AND t.filepath = ?)`,
  );
  const belowPath = db.prepare<[string, string, string, number], DocumentRow>(
    `${documentSelect} WHERE d.no = (SELECT t.document_no FROM document_tag t
       WHERE t.tag_no = (SELECT no FROM tag WHERE tag = ?) AND t.filepath >= ? AND t.filepath < ?
       AND t.document_no <> ? LIMIT 1)`,
  );
  const tombstone = db.prepare<[string], TombstoneRow>(
    `SELECT s.*, g.tag FROM tombstone s JOIN tag g ON g.no = s.tag_no
       WHERE s.id = ? AND s.reason = 'deleted' ORDER BY s.seq DESC, s.tag_no LIMIT 1`,
  );
  const messages = db
    .prepare<[number], string>("SELECT messages FROM conversation WHERE document_no = ?")
    .pluck();
  const tagRow = db.prepare<[string], TagRow>("SELECT * FROM tag WHERE tag = ? AND removed = 0");
  const settingRow = db.prepare<[string], { v: string }>("SELECT v FROM setting WHERE k = ?");
  const scoped = statementsByText<(string | number)[], number>(db);
  const nosInScope = (scope: Scope, order: Order, after?: number, limit?: number): number[] => {
    const query = scopeQuery(scope, order, after, limit);
    return scoped(query.sql)
      .pluck()
      .all(...query.parameters);
  };
  const documentsByNo = (nos: readonly number[]): StoredDocument[] => {
    const documents: StoredDocument[] = [];
    for (const no of nos) {
      const row = byNo.get(no);
      if (row !== undefined) documents.push(toDocument(row));
    }
    return documents;
  };
  return {
    ...versionReads(db),
    documentById: async (id) => mapped(byId.get(id), toDocument),
    documentByCustomId: async (customId, containerTags) => {
      if (containerTags === undefined) return mapped(byCustomId.get(customId), toDocument);
      let oldest: DocumentRow | undefined;
      for (const tag of containerTags) {
        const row = byTagCustomId.get(tag, customId);
        if (row !== undefined && (oldest === undefined || row.no < oldest.no)) oldest = row;
      }
      return mapped(oldest, toDocument);
    },
    documentByPath: async (containerTag, filepath) =>
      mapped(byTagPath.get(containerTag, filepath), toDocument),
    documentsByNo: async (nos) => documentsByNo(nos),
    documentNos: async (scope, order) => nosInScope(scope, order),
    documentsAfter: async (scope, order, after, limit) =>
      documentsByNo(nosInScope(scope, order, after, limit)),
    pathClash: async (containerTag, filepath, exceptNo = 0) => {
      const prefix = `${filepath}/`;
      const below = belowPath.get(containerTag, prefix, prefixEnd(prefix), exceptNo);
      if (below !== undefined) return toDocument(below);
      for (let path = parentPath(filepath); path !== "/"; path = parentPath(path)) {
        const above = byTagPath.get(containerTag, path);
        if (above !== undefined && above.no !== exceptNo) return toDocument(above);
      }
      return undefined;
    },
    tombstoneById: async (id) => mapped(tombstone.get(id), toTombstone),
    // Written by putConversation alone.
    conversation: async (documentNo) =>
      mapped(messages.get(documentNo), (text) => JSON.parse(text) as readonly unknown[]),
    tag: async (tag) => mapped(tagRow.get(tag), toTag),
    setting: async (key) => settingRow.get(key)?.v,
  };
}

/** States that documents had, and have. */
function versionReads(db: Database): Pick<DocumentReads, "versions" | "version"> {
  const versionsOf = db.prepare<[number, number, number, number, number], VersionRow>(
    `SELECT v.*, k.digest, k.size FROM (
       SELECT no AS document_no, updated_at AS at, created_at, ${stateColumns} FROM document WHERE no = ? AND rev < ?
       UNION ALL
       SELECT document_no, at, created_at, ${stateColumns} FROM version WHERE document_no = ? AND rev < ?
     ) v JOIN content k ON k.no = v.content_no ORDER BY v.rev DESC LIMIT ? + 0`,
  );
  const versionsBefore = (documentNo: number, rev: number, limit: number) =>
    versionsOf.all(documentNo, rev, documentNo, rev, limit).map(toVersion);
  return {
    versions: async (documentNo, beforeRev, limit) =>
      versionsBefore(documentNo, beforeRev ?? Number.MAX_SAFE_INTEGER, limit),
    version: async (documentNo, rev) =>
      versionsBefore(documentNo, rev + 1, 1).find((version) => version.rev === rev),
  };
}

function mapped<Row, T>(row: Row | undefined, map: (row: Row) => T): T | undefined {
  return row === undefined ? undefined : map(row);
}
