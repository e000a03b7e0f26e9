/** Creates, changes and deletes documents within a unit; keeps versions, containers and the change log in step. */
import { assert, type Clock, present } from "@smfs/core";
import type { DocumentReads, Transaction } from "../storage.ts";
import type {
  Content,
  DocumentChange,
  NewContent,
  NewDocument,
  StoredDocument,
  StoredVersion,
  Tombstone,
} from "../stored.ts";
import type { ChunkWrites } from "./chunk-writes.ts";
import type { Counters } from "./counters.ts";
import type { Database } from "./database.ts";
import { fromDocument } from "./rows.ts";
import type { TagWrites } from "./tag-writes.ts";

type DocumentWrites = Pick<
  Transaction,
  "create" | "change" | "remove" | "undelete" | "setStatus" | "setDreamingStatus"
>;

interface Tools {
  readonly clock: Clock;
  readonly counters: Counters;
  readonly reads: DocumentReads;
  readonly tags: TagWrites;
  readonly chunks: ChunkWrites;
}

export function documentWrites(db: Database, tools: Tools): DocumentWrites {
  const { clock, counters, reads, chunks } = tools;
  const sql = statements(db);
  const containers = containerWrites(db, tools.tags);

  const putContent = (content: NewContent | Content): Content => {
    if (!("kind" in content)) return content;
    const no = counters.next("content");
    const size = content.kind === "inline" ? content.bytes.length : content.size;
    const bytes = content.kind === "inline" ? content.bytes : null;
    sql.insertContent.run(no, Buffer.from(content.digest, "hex"), size, bytes);
    return { no, digest: content.digest, size };
  };
  const stamp = () => ({ seq: counters.next("seq"), updatedAt: counters.nextAt(clock.now()) });

  return {
    create: async (draft) => {
      const document = created(
        draft,
        counters.next("document"),
        putContent(draft.content),
        stamp(),
      );
      sql.insertDocument.run(fromDocument(document));
      containers.follow([], document);
      return document;
    },
    change: async (old, change) => {
      const content = change.content === undefined ? undefined : putContent(change.content);
      const document = changed(old, change, content, stamp());
      sql.keepVersion.run(old.no);
      sql.updateDocument.run(fromDocument(document));
      if (content !== undefined) chunks.drop(old.no);
      containers.follow(old.containerTags, document);
      return document;
    },
    remove: async (old, writer) => {
      const last: StoredDocument = { ...old, ...stamp(), rev: old.rev + 1, writer };
      sql.keepVersion.run(old.no);
      chunks.drop(old.no);
      containers.leave(last);
      sql.deleteDocument.run(old.no);
    },
    undelete: async (tombstone, back) => {
      const [version] = await reads.versions(tombstone.documentNo, undefined, 1);
      const document = revived(
        present(version, "the last version of a tombstone"),
        tombstone,
        back,
        stamp(),
      );
      sql.insertDocument.run(fromDocument(document));
      containers.follow([], document);
      return document;
    },
    setStatus: async (documentNo, contentRev, status) => {
      sql.setStatus.run(status, documentNo, contentRev);
    },
    setDreamingStatus: async (documentNo, status) => {
      sql.setDreaming.run(status, documentNo);
    },
  };
}

interface Stamp {
  readonly seq: number;
  readonly updatedAt: number;
}

function created(draft: NewDocument, no: number, content: Content, stamp: Stamp): StoredDocument {
  assert(draft.containerTags.length > 0, "a document is in a container");
  return {
    ...draft,
    ...stamp,
    no,
    content,
    previousFilepath: null,
    summary: null,
    errorMessage: null,
    rev: 1,
    contentRev: 1,
    createdAt: stamp.updatedAt,
    op: "create",
  };
}

function changed(
  old: StoredDocument,
  { content: _, ...change }: DocumentChange,
  content: Content | undefined,
  stamp: Stamp,
): StoredDocument {
  const rev = old.rev + 1;
  const moved = change.filepath !== undefined && change.filepath !== old.filepath;
  return {
    ...old,
    ...change,
    ...stamp,
    rev,
    content: content ?? old.content,
    contentRev: content === undefined ? old.contentRev : rev,
    previousFilepath: moved ? old.filepath : old.previousFilepath,
  };
}

function revived(
  version: StoredVersion,
  tombstone: Tombstone,
  back: Pick<StoredDocument, "status" | "dreamingStatus" | "writer">,
  stamp: Stamp,
): StoredDocument {
  const { documentNo, at: _, ...state } = version;
  return {
    ...state,
    ...back,
    ...stamp,
    no: documentNo,
    previousFilepath: null,
    summary: null,
    errorMessage: null,
    rev: tombstone.rev + 1,
    contentRev: tombstone.rev + 1,
    op: "restore",
  };
}

/** Keeps `document_tag` and `tombstone` equal to what a document's state says. */
function containerWrites(db: Database, tags: TagWrites) {
  const insert = db.prepare<[number, number, string | null, string | null, number]>(
    "INSERT INTO document_tag VALUES (?, ?, ?, ?, ?)",
  );
  const update = db.prepare<[string | null, string | null, number, number, number]>(
    "UPDATE document_tag SET filepath = ?, custom_id = ?, seq = ? WHERE tag_no = ? AND document_no = ?",
  );
  const remove = db.prepare<[number, number]>(
    "DELETE FROM document_tag WHERE tag_no = ? AND document_no = ?",
  );
  const unbury = db.prepare<[string, number]>("DELETE FROM tombstone WHERE id = ? AND tag_no = ?");
  const bury = db.prepare(
    `INSERT INTO tombstone VALUES (@seq, @tag_no, @document_no, @id, @custom_id, @filepath, @rev, @deleted_at,
       @reason, @origin, @actor, @session)`,
  );
  const leave = (last: StoredDocument, tag: string, reason: Tombstone["reason"]): void => {
    const tagNo = tags.need(tag, last.updatedAt);
    remove.run(tagNo, last.no);
    unbury.run(last.id, tagNo);
    bury.run({
      seq: last.seq,
      tag_no: tagNo,
      document_no: last.no,
      id: last.id,
      custom_id: last.customId,
      filepath: last.filepath,
      rev: last.rev,
      deleted_at: last.updatedAt,
      reason,
      ...last.writer,
    });
  };
  return {
    /** The document was in `before` and is now where it says. */
    follow: (before: readonly string[], now: StoredDocument): void => {
      for (const tag of before) if (!now.containerTags.includes(tag)) leave(now, tag, "moved");
      for (const tag of now.containerTags) {
        const tagNo = tags.need(tag, now.updatedAt);
        if (before.includes(tag)) {
          update.run(now.filepath, now.customId, now.seq, tagNo, now.no);
        } else {
          if (now.rev > 1) unbury.run(now.id, tagNo);
          insert.run(tagNo, now.no, now.filepath, now.customId, now.seq);
        }
      }
    },
    /** The document is deleted. */
    leave: (last: StoredDocument): void => {
      for (const tag of last.containerTags) leave(last, tag, "deleted");
    },
  };
}

function statements(db: Database) {
  const stateColumns =
    "rev, id, custom_id, tags, filepath, title, type, media_type, is_text, content_no, metadata, task_type, op, origin, actor, session, created_at";
  return {
    insertDocument: db.prepare(
      `INSERT INTO document VALUES (@no, @id, @custom_id, @tags, @filepath, @previous_filepath, @title, @summary,
         @type, @media_type, @is_text, @content_no, @metadata, @task_type, @status, @dreaming, @error,
         @rev, @content_rev, @seq, @created_at, @updated_at, @op, @origin, @actor, @session)`,
    ),
    updateDocument: db.prepare(
      `UPDATE document SET custom_id = @custom_id, tags = @tags, filepath = @filepath,
         previous_filepath = @previous_filepath, title = @title, summary = @summary, type = @type,
         media_type = @media_type, is_text = @is_text, content_no = @content_no, metadata = @metadata,
         task_type = @task_type, status = @status, dreaming = @dreaming, error = @error, rev = @rev,
         content_rev = @content_rev, seq = @seq, updated_at = @updated_at,
         op = @op, origin = @origin, actor = @actor, session = @session WHERE no = @no`,
    ),
    keepVersion: db.prepare<[number]>(
      `INSERT INTO version (document_no, at, ${stateColumns})
         SELECT no, updated_at, ${stateColumns} FROM document WHERE no = ?`,
    ),
    insertContent: db.prepare<[number, Buffer, number, Uint8Array | null]>(
      "INSERT INTO content VALUES (?, ?, ?, ?)",
    ),
    deleteDocument: db.prepare<[number]>("DELETE FROM document WHERE no = ?"),
    setStatus: db.prepare<[string, number, number]>(
      "UPDATE document SET status = ? WHERE no = ? AND content_rev = ?",
    ),
    setDreaming: db.prepare<[string, number]>("UPDATE document SET dreaming = ? WHERE no = ?"),
  };
}
