/** Documents as the API shows them (server-api.md §2, §5.2). */
import { contentHashOf, type Doc, isoTime, isTerminal, type Tombstone } from "./document.ts";
import type { Quirks } from "./quirks.ts";
import type { FeedEntry } from "./table.ts";

/** What `content` shows; undefined when the document has no text. */
export function shownContent(doc: Doc, quirks: Quirks): string | null | undefined {
  if (doc.text === undefined) return undefined;
  if (isTerminal(doc.status)) return doc.text;
  switch (quirks.contentWhileProcessing) {
    case "new":
      return doc.text;
    case "partial":
      return doc.text.slice(0, doc.text.length >> 1);
    case "old":
      return doc.oldText;
    case "null":
      return null;
  }
}

/** The full object of GET. */
export function fullView(doc: Doc, quirks: Quirks, fileUrl: string | null): object {
  return {
    ...listView(doc, quirks, fileUrl, false),
    content: shownContent(doc, quirks) ?? null,
    raw: null,
    source: typeof doc.metadata?.source === "string" ? doc.metadata.source : null,
    ogImage: null,
    taskType: "superrag",
    dreamingStatus: "done",
    containerTags: [...doc.tags],
  };
}

/** One item of a listing. `content` is left out rather than null. */
export function listView(
  doc: Doc,
  quirks: Quirks,
  fileUrl: string | null,
  withContent: boolean,
): object {
  const content = withContent ? shownContent(doc, quirks) : undefined;
  return {
    id: doc.id,
    customId: doc.customId,
    connectionId: null,
    filepath: doc.filepath,
    title: doc.fileName ?? doc.filepath?.split("/").at(-1) ?? null,
    summary: null,
    status: doc.status,
    type: doc.type,
    metadata: doc.metadata === null ? null : { ...doc.metadata },
    containerTags: doc.tags.filter((tag) => !tag.startsWith("sm_project_")),
    createdAt: isoTime(doc.createdAt),
    updatedAt: isoTime(doc.updatedAt),
    url: fileUrl,
    ...(typeof content === "string" ? { content } : {}),
    ...(doc.errorMessage === null ? {} : { errorMessage: doc.errorMessage }),
    ...revisionFields(doc, quirks),
  };
}

/** `rev`, `contentHash` and `size`, where the server has them. */
function revisionFields(doc: Doc, quirks: Quirks): object {
  const { etag, contentHash } = quirks.extensions;
  return {
    ...(etag ? { rev: doc.rev } : {}),
    ...(contentHash ? { contentHash: contentHashOf(doc), size: doc.bytes.length } : {}),
  };
}

/** What a write answers. */
export function writeView(doc: Doc, quirks: Quirks): object {
  const { etag, contentHash } = quirks.extensions;
  return {
    id: doc.id,
    status: doc.status,
    ...revisionFields(doc, quirks),
    ...(etag || contentHash ? { filepath: doc.filepath } : {}),
  };
}

/** The `current` member of 409 and 412. */
export function currentView(doc: Doc): object {
  return {
    id: doc.id,
    customId: doc.customId,
    rev: doc.rev,
    contentHash: contentHashOf(doc),
    filepath: doc.filepath,
    updatedAt: isoTime(doc.updatedAt),
  };
}

/** One item of the change feed. */
export function changeView(entry: FeedEntry): object {
  if (entry.tombstone !== undefined) return tombstoneView(entry.seq, entry.tombstone);
  const doc = entry.upsert;
  if (doc === undefined) throw new Error("a feed entry is an upsert or a tombstone");
  return {
    seq: entry.seq,
    type: "upsert",
    ...(entry.previousPath === undefined ? {} : { previousFilepath: entry.previousPath }),
    ...snapshotView(doc),
    origin: doc.origin,
  };
}

/** One item of a snapshot page: what the feed says of a live document. */
export function snapshotView(doc: Doc): object {
  return {
    id: doc.id,
    customId: doc.customId,
    rev: doc.rev,
    filepath: doc.filepath,
    contentHash: contentHashOf(doc),
    size: doc.bytes.length,
    docType: doc.type,
    status: doc.status,
    metadata: doc.metadata === null ? null : { ...doc.metadata },
    updatedAt: isoTime(doc.updatedAt),
  };
}

function tombstoneView(seq: number, gone: Tombstone): object {
  return {
    seq,
    type: "delete",
    id: gone.id,
    customId: gone.customId,
    rev: gone.rev,
    filepath: gone.filepath,
    deletedAt: isoTime(gone.deletedAt),
    origin: gone.origin,
  };
}
