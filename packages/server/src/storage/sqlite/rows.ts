/** Rows of the database ↔ the values that the rest of the server uses. */
import type {
  DocumentStatus,
  DreamingStatus,
  Metadata,
  StoredChange,
  StoredChunk,
  StoredDocument,
  StoredTag,
  StoredVersion,
  TaskType,
  Tombstone,
  VersionOp,
  Writer,
} from "../stored.ts";

interface WriterColumns {
  readonly origin: string | null;
  readonly actor: string | null;
  readonly session: string | null;
}

interface StateColumns extends WriterColumns {
  readonly id: string;
  readonly custom_id: string | null;
  readonly tags: string;
  readonly filepath: string | null;
  readonly title: string | null;
  readonly type: string;
  readonly media_type: string;
  readonly is_text: number;
  readonly content_no: number;
  readonly digest: Buffer;
  readonly size: number;
  readonly metadata: string | null;
  readonly task_type: TaskType;
  readonly rev: number;
  readonly op: VersionOp;
}

export interface DocumentRow extends StateColumns {
  readonly no: number;
  readonly previous_filepath: string | null;
  readonly summary: string | null;
  readonly status: DocumentStatus;
  readonly dreaming: DreamingStatus;
  readonly error: string | null;
  readonly content_rev: number;
  readonly seq: number;
  readonly created_at: number;
  readonly updated_at: number;
}

/** The select list and joins that give a `DocumentRow`; `d` is the document. */
export const documentColumns = "d.*, k.digest, k.size";
export const documentJoin = "JOIN content k ON k.no = d.content_no";

export interface VersionRow extends StateColumns {
  readonly document_no: number;
  readonly at: number;
  readonly created_at: number;
}

export interface TombstoneRow extends WriterColumns {
  readonly seq: number;
  readonly tag: string;
  readonly document_no: number;
  readonly id: string;
  readonly custom_id: string | null;
  readonly filepath: string | null;
  readonly rev: number;
  readonly deleted_at: number;
  readonly reason: "deleted" | "moved";
}

export interface TagRow {
  readonly no: number;
  readonly tag: string;
  readonly name: string;
  readonly entity_context: string | null;
  readonly memory_paths: string | null;
  readonly buckets: string;
  readonly created_at: number;
  readonly updated_at: number;
}

export interface ChunkRow {
  readonly no: number;
  readonly document_no: number;
  readonly content_rev: number;
  readonly position: number;
  readonly start: number;
  readonly end: number;
  readonly byte_start: number;
  readonly byte_end: number;
  readonly line_start: number;
  readonly line_end: number;
  readonly created_at: number;
}

function toWriter(row: WriterColumns): Writer {
  return { origin: row.origin, actor: row.actor, session: row.session };
}

// JSON columns are written by this storage alone, so what they parse to is what was put in.
function parse<T>(text: string): T {
  return JSON.parse(text) as T;
}

function toState(row: StateColumns) {
  return {
    id: row.id,
    customId: row.custom_id,
    containerTags: parse<string[]>(row.tags),
    filepath: row.filepath,
    title: row.title,
    type: row.type,
    mediaType: row.media_type,
    isText: row.is_text === 1,
    content: { no: row.content_no, digest: row.digest.toString("hex"), size: row.size },
    metadata: row.metadata === null ? null : parse<Metadata>(row.metadata),
    taskType: row.task_type,
    rev: row.rev,
    op: row.op,
    writer: toWriter(row),
  };
}

export function toDocument(row: DocumentRow): StoredDocument {
  return {
    ...toState(row),
    no: row.no,
    previousFilepath: row.previous_filepath,
    summary: row.summary,
    status: row.status,
    dreamingStatus: row.dreaming,
    errorMessage: row.error,
    contentRev: row.content_rev,
    seq: row.seq,
    createdAt: row.created_at,
    updatedAt: row.updated_at,
  };
}

/** The columns of a document's row, as named parameters. */
export function fromDocument(document: StoredDocument): Record<string, string | number | null> {
  return {
    no: document.no,
    id: document.id,
    custom_id: document.customId,
    tags: JSON.stringify(document.containerTags),
    filepath: document.filepath,
    previous_filepath: document.previousFilepath,
    title: document.title,
    summary: document.summary,
    type: document.type,
    media_type: document.mediaType,
    is_text: document.isText ? 1 : 0,
    content_no: document.content.no,
    metadata: document.metadata === null ? null : JSON.stringify(document.metadata),
    task_type: document.taskType,
    status: document.status,
    dreaming: document.dreamingStatus,
    error: document.errorMessage,
    rev: document.rev,
    content_rev: document.contentRev,
    seq: document.seq,
    created_at: document.createdAt,
    updated_at: document.updatedAt,
    op: document.op,
    ...document.writer,
  };
}

export function toVersion(row: VersionRow): StoredVersion {
  return {
    ...toState(row),
    documentNo: row.document_no,
    at: row.at,
    createdAt: row.created_at,
  };
}

export function toTombstone(row: TombstoneRow): Tombstone {
  return {
    documentNo: row.document_no,
    id: row.id,
    customId: row.custom_id,
    filepath: row.filepath,
    containerTag: row.tag,
    rev: row.rev,
    seq: row.seq,
    deletedAt: row.deleted_at,
    reason: row.reason,
    writer: toWriter(row),
  };
}

export function toDeletion(row: TombstoneRow): StoredChange {
  return { kind: "delete", seq: row.seq, tombstone: toTombstone(row) };
}

export function toTag(row: TagRow): StoredTag {
  return {
    tag: row.tag,
    name: row.name,
    entityContext: row.entity_context,
    memoryFilesystemPaths: row.memory_paths === null ? null : parse<string[]>(row.memory_paths),
    profileBuckets: parse<StoredTag["profileBuckets"]>(row.buckets),
    createdAt: row.created_at,
    updatedAt: row.updated_at,
  };
}

export function toChunk(row: ChunkRow, text: string): StoredChunk {
  return {
    no: row.no,
    documentNo: row.document_no,
    contentRev: row.content_rev,
    position: row.position,
    start: row.start,
    end: row.end,
    lineStart: row.line_start,
    lineEnd: row.line_end,
    text,
    createdAt: row.created_at,
  };
}
