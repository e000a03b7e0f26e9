/** Documents as the API shows them. */
import type {
  DocumentJson,
  StatusChange,
  UpsertChange,
  VersionJson,
  WriteResponse,
} from "@smfs/api";
import { toContentHash } from "@smfs/core";
import type { StoredDocument, StoredVersion } from "../storage/stored.ts";
import { toIsoTime } from "../time.ts";
import { type Access, visibleTags } from "./access.ts";
import { contentHashOf } from "./content-hash.ts";

/** What a document's JSON needs beside the document. */
export interface DocumentView {
  readonly access: Access;
  /** The signed address of its bytes, given only for those that are no text. */
  readonly url: string | null;
  /** Its content, where it is asked for and there is one. */
  readonly content: string | undefined;
}

function basics(document: StoredDocument, containerTags: readonly string[]) {
  return {
    id: document.id,
    customId: document.customId,
    title: document.title,
    status: document.status,
    type: document.type,
    metadata: document.metadata,
    containerTags,
    createdAt: toIsoTime(document.createdAt),
    updatedAt: toIsoTime(document.updatedAt),
  };
}

function inner(document: StoredDocument, url: string | null) {
  return {
    connectionId: null,
    filepath: document.filepath,
    summary: document.summary,
    url,
    rev: document.rev,
    contentHash: contentHashOf(document),
    size: document.content.size,
    ...(document.status === "failed" && document.errorMessage !== null
      ? { errorMessage: document.errorMessage }
      : {}),
  };
}

/** `GET /v3/documents/{id}` */
export function toDocumentJson(document: StoredDocument, view: DocumentView): DocumentJson {
  return {
    ...basics(document, visibleTags(view.access, document.containerTags)),
    ...inner(document, view.url),
    content: view.content ?? null,
    raw: null,
    ogImage: null,
    spatialPoint: null,
    source: typeof document.metadata?.source === "string" ? document.metadata.source : null,
    taskType: document.taskType,
    dreamingStatus: document.dreamingStatus,
    latestRevision: document.rev,
  };
}

/**
 * One row of a listing. Containers of the hosted service's own projects are left out here and only here: clients tell
 * by it that a document is in no other container.
 */
export function toListJson(document: StoredDocument, view: DocumentView): DocumentJson {
  const tags = visibleTags(view.access, document.containerTags);
  return {
    ...basics(
      document,
      tags.filter((tag) => !tag.startsWith("sm_project_")),
    ),
    ...inner(document, view.url),
    ...(view.content === undefined ? {} : { content: view.content }),
  };
}

/** One row of `GET /v3/documents/processing`. */
export function toProcessingJson(document: StoredDocument, access: Access): DocumentJson {
  return basics(document, visibleTags(access, document.containerTags));
}

/** The answer to a write. */
export function toWriteJson(document: StoredDocument): WriteResponse {
  return {
    id: document.id,
    status: document.status,
    rev: document.rev,
    contentHash: contentHashOf(document),
    filepath: document.filepath,
  };
}

/** A document in the feed and in the snapshot. */
export function toUpsert(document: StoredDocument, content?: string): UpsertChange {
  return {
    seq: document.seq,
    type: "upsert",
    id: document.id,
    customId: document.customId,
    rev: document.rev,
    filepath: document.filepath,
    previousFilepath: document.previousFilepath,
    contentHash: contentHashOf(document),
    size: document.content.size,
    docType: document.type,
    status: document.status,
    metadata: document.metadata,
    createdAt: toIsoTime(document.createdAt),
    updatedAt: toIsoTime(document.updatedAt),
    ...document.writer,
    ...(content === undefined ? {} : { content }),
  };
}

/** How far a document is, in the feed of those who asked for it. */
export function toStatusChange(document: StoredDocument): StatusChange {
  const { seq, id, customId, rev, filepath, status, dreamingStatus } = document;
  return { seq, type: "status", id, customId, rev, filepath, status, dreamingStatus };
}

export function toVersionJson(version: StoredVersion): VersionJson {
  return {
    rev: version.rev,
    contentHash: toContentHash(version.content.digest),
    size: version.content.size,
    filepath: version.filepath,
    metadata: version.metadata,
    createdAt: toIsoTime(version.at),
    ...version.writer,
    op: version.op,
  };
}
