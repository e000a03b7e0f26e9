/** What the storage holds, as values: the words that routes, rules, pipeline and search share. */

/** Where a document is on its way (http-api.md). Terminal: `done` and `failed`. */
export type DocumentStatus =
  | "queued"
  | "extracting"
  | "chunking"
  | "embedding"
  | "indexing"
  | "done"
  | "failed";

/** Whether meaning (memories, sharper vectors) is still being drawn from a finished document. */
export type DreamingStatus = "dreaming" | "done";

/** Documents of a task type `superrag` are searched; from those of `memory` facts are drawn as well. */
export type TaskType = "memory" | "superrag";

export type MetadataValue = string | number | boolean | readonly string[];
/** A flat object: nested values are refused at the door. */
export type Metadata = Readonly<Record<string, MetadataValue>>;

/** What made a version. */
export type VersionOp =
  | "create"
  | "update"
  | "rename"
  | "metadata"
  | "status"
  | "delete"
  | "restore";

/** Who wrote, as the request's headers say; shown in the feed and in versions, never trusted. */
export interface Writer {
  readonly origin: string | null;
  readonly actor: string | null;
  readonly session: string | null;
}

/** Bytes that the storage holds. Immutable: a document's new bytes are a new content. */
export interface Content {
  /** The storage's own number of it. */
  readonly no: number;
  /** SHA-256 in lower-case hexadecimal. */
  readonly digest: string;
  /** Bytes. */
  readonly size: number;
}

/** Bytes on their way in: small ones with the transaction, others as a blob that is already durable. */
export type NewContent =
  | { readonly kind: "inline"; readonly digest: string; readonly bytes: Uint8Array }
  | { readonly kind: "blob"; readonly digest: string; readonly size: number };

/** One live document. */
export interface StoredDocument {
  /** The storage's own number: grows with creation, never reused. Indexes are keyed by it. */
  readonly no: number;
  /** 22 base58 characters. */
  readonly id: string;
  readonly customId: string | null;
  /** At least one, in the order in which they were given. */
  readonly containerTags: readonly string[];
  readonly filepath: string | null;
  /** The path before the last rename, for the feed. */
  readonly previousFilepath: string | null;
  readonly title: string | null;
  readonly summary: string | null;
  /** The API's document type: `text`, `pdf`, `image`, `webpage` … */
  readonly type: string;
  /** Media type of the bytes, such as `text/markdown`. */
  readonly mediaType: string;
  /** Whether the bytes are UTF-8 text that is served as `content`. */
  readonly isText: boolean;
  readonly content: Content;
  readonly metadata: Metadata | null;
  readonly taskType: TaskType;
  readonly status: DocumentStatus;
  readonly dreamingStatus: DreamingStatus;
  readonly errorMessage: string | null;
  /** Grows by one with each visible change. */
  readonly rev: number;
  /** The rev at which the bytes last changed: chunks, vectors and pipeline results belong to it. */
  readonly contentRev: number;
  /** Position of its last visible change in the change log. */
  readonly seq: number;
  /** Wall-clock milliseconds; strictly increasing over the whole server. */
  readonly createdAt: number;
  readonly updatedAt: number;
  readonly op: VersionOp;
  readonly writer: Writer;
}

/** What a create says; the storage adds number, rev, seq and times. */
export interface NewDocument {
  readonly id: string;
  readonly customId: string | null;
  readonly containerTags: readonly string[];
  readonly filepath: string | null;
  readonly title: string | null;
  readonly type: string;
  readonly mediaType: string;
  readonly isText: boolean;
  readonly content: NewContent;
  readonly metadata: Metadata | null;
  readonly taskType: TaskType;
  readonly status: DocumentStatus;
  readonly dreamingStatus: DreamingStatus;
  readonly writer: Writer;
}

/** What a change says. A field that is left out stays. */
export interface DocumentChange {
  readonly op: VersionOp;
  readonly writer: Writer;
  readonly customId?: string | null;
  readonly containerTags?: readonly string[];
  readonly filepath?: string | null;
  readonly title?: string | null;
  readonly summary?: string | null;
  readonly type?: string;
  readonly mediaType?: string;
  readonly isText?: boolean;
  /** New bytes, or the content of an earlier version that comes back. */
  readonly content?: NewContent | Content;
  readonly metadata?: Metadata | null;
  readonly taskType?: TaskType;
  readonly status?: DocumentStatus;
  readonly dreamingStatus?: DreamingStatus;
  readonly errorMessage?: string | null;
}

/** A state that a document had, or has. */
export interface StoredVersion {
  readonly documentNo: number;
  readonly id: string;
  readonly rev: number;
  readonly op: VersionOp;
  readonly writer: Writer;
  readonly customId: string | null;
  readonly containerTags: readonly string[];
  readonly filepath: string | null;
  readonly title: string | null;
  readonly type: string;
  readonly mediaType: string;
  readonly isText: boolean;
  readonly content: Content;
  readonly metadata: Metadata | null;
  readonly taskType: TaskType;
  /** When this state began. */
  readonly at: number;
  /** When the document was created. */
  readonly createdAt: number;
}

/** A document that is gone from one container, or from all. */
export interface Tombstone {
  readonly documentNo: number;
  readonly id: string;
  readonly customId: string | null;
  readonly filepath: string | null;
  readonly containerTag: string;
  readonly rev: number;
  readonly seq: number;
  readonly deletedAt: number;
  /** `moved`: the document lives on in other containers. */
  readonly reason: "deleted" | "moved";
  readonly writer: Writer;
}

/** One entry of the change log: the latest state of a document, or that it is gone. */
export type StoredChange =
  | { readonly kind: "upsert"; readonly seq: number; readonly document: StoredDocument }
  | { readonly kind: "delete"; readonly seq: number; readonly tombstone: Tombstone };

/** One container. */
export interface StoredTag {
  readonly tag: string;
  readonly name: string;
  readonly entityContext: string | null;
  /** Which paths are memories: null = files named user.md or memory.md; entries ending in `/` are prefixes. */
  readonly memoryFilesystemPaths: readonly string[] | null;
  readonly profileBuckets: readonly { readonly key: string; readonly description: string }[];
  readonly createdAt: number;
  readonly updatedAt: number;
}

/** A span of a document's text that is embedded and found. Offsets are UTF-16 units of that text. */
export interface IndexedChunk {
  readonly start: number;
  readonly end: number;
  /** First and last line, counted from 1. */
  readonly lineStart: number;
  readonly lineEnd: number;
  /** The verbatim text between `start` and `end`. */
  readonly text: string;
  /** What the lexical index gets in place of `text`, when it differs (for example with its headings). */
  readonly lexicalText?: string;
  readonly vectors?: readonly ChunkVector[];
}

/** A vector of one model, in the model's own quantised form. */
export interface ChunkVector {
  /** Name of the model with all that makes its vectors comparable: model, runtime and dimension. */
  readonly model: string;
  readonly bytes: Uint8Array;
}

/** A chunk as it is kept. Numbers grow and are never reused, so `after` pages never miss one. */
export interface StoredChunk extends Omit<IndexedChunk, "lexicalText" | "vectors"> {
  readonly no: number;
  readonly documentNo: number;
  readonly contentRev: number;
  /** Position within its document, from 0. */
  readonly position: number;
  readonly createdAt: number;
}

/** One of the vectors of a chunk. */
export interface VectorOfChunk extends ChunkVector {
  readonly chunkNo: number;
}

/** A vector as it is kept. */
export interface StoredVector {
  /** Grows with every vector written, never reused. */
  readonly no: number;
  readonly chunkNo: number;
  readonly documentNo: number;
  readonly model: string;
  readonly bytes: Uint8Array;
}
