/**
 * Storage: everything the memory server keeps, behind one asynchronous interface.
 *
 * Two halves. *Reads* see only what is committed. A *unit* checks its preconditions and writes, atomically:
 * whatever it read is still true when it commits, units run one after another, and what `write` resolves
 * with is durable. The embedded implementation is SQLite and files (sqlite/); another one may be a database
 * server and an object store, which is why nothing here speaks of SQL, and why units only await their own
 * transaction.
 */
import type { MemoryReads, MemoryWrites, StoredMerge } from "./memory.ts";
import type {
  Content,
  DocumentChange,
  DocumentStatus,
  IndexedChunk,
  NewContent,
  NewDocument,
  StoredChange,
  StoredChunk,
  StoredDocument,
  StoredTag,
  StoredVector,
  StoredVersion,
  Tombstone,
  VectorOfChunk,
  Writer,
} from "./stored.ts";

/** Which documents a listing or a search may see. Tags are a union; the rest narrows. */
export interface Scope {
  /** Undefined: every container. Empty: none. */
  readonly containerTags?: readonly string[];
  /** Ends with `/`: everything below; else exactly this path. Documents without a path never match. */
  readonly filepath?: string;
  readonly status?: DocumentStatus;
  /** Only documents that are neither `done` nor `failed`. */
  readonly unfinished?: boolean;
}

/** `createdAt` and `updatedAt` are strictly increasing over the server, so each is a total order. */
export interface Order {
  readonly by: "createdAt" | "updatedAt";
  readonly descending: boolean;
}

/** Questions about documents. */
export interface DocumentReads {
  documentById(id: string): Promise<StoredDocument | undefined>;
  /** The oldest live document with this custom id in any of the containers (undefined: in any at all). */
  documentByCustomId(
    customId: string,
    containerTags?: readonly string[],
  ): Promise<StoredDocument | undefined>;
  documentByPath(containerTag: string, filepath: string): Promise<StoredDocument | undefined>;
  /** Live documents with these numbers, in the order of `nos`; those that are gone are left out. */
  documentsByNo(nos: readonly number[]): Promise<StoredDocument[]>;
  /** Numbers of all live documents in scope. The whole list is returned: eight bytes for each document. */
  documentNos(scope: Scope, order: Order): Promise<number[]>;
  /** Documents in scope after a position (a document number or a seq, by `order.by`), at most `limit`. */
  documentsAfter(
    scope: Scope,
    order: Order,
    after: number | undefined,
    limit: number,
  ): Promise<StoredDocument[]>;
  /**
   * A live document whose path lies below `filepath`, or is a parent directory of it, if there is one.
   * @param exceptNo the document that is about to take this path: its present path does not count
   */
  pathClash(
    containerTag: string,
    filepath: string,
    exceptNo?: number,
  ): Promise<StoredDocument | undefined>;
  /** The last tombstone of a deleted document, by its id, while it is kept. */
  tombstoneById(id: string): Promise<Tombstone | undefined>;
  /** Versions before `beforeRev`, newest first, the current state included; of deleted documents too. */
  versions(
    documentNo: number,
    beforeRev: number | undefined,
    limit: number,
  ): Promise<StoredVersion[]>;
  version(documentNo: number, rev: number): Promise<StoredVersion | undefined>;
  /** The messages of which a document is the transcript, as they were sent. */
  conversation(documentNo: number): Promise<readonly unknown[] | undefined>;
  tag(tag: string): Promise<StoredTag | undefined>;
  setting(key: string): Promise<string | undefined>;
}

/** Bytes. Reading never needs the transaction: content is immutable and outlives the versions naming it. */
export interface ContentReads {
  /** All bytes of a content, or the half-open range of them. */
  readContent(content: Content, range?: ByteRange): Promise<Uint8Array>;
  /** The same as a stream, for what should not be held in memory. */
  streamContent(content: Content, range?: ByteRange): ReadableStream<Uint8Array>;
  /** The text a document is searched by: its bytes when it is text, else what was extracted from them. */
  documentText(document: StoredDocument): Promise<string | undefined>;
}

export interface ByteRange {
  readonly start: number;
  readonly end: number;
}

/** A blob being received. Exactly one of `finish` and `abort` ends it. */
export interface BlobWriter {
  write(bytes: Uint8Array): Promise<void>;
  /** Makes the bytes durable; a unit may name them from then on. Unnamed blobs are collected after a day. */
  finish(): Promise<NewContent>;
  abort(): Promise<void>;
}

/** The change log: one entry per document and container, at the seq of its last visible change. */
export interface ChangeReads {
  /** Seq of the last commit. */
  head(): Promise<number>;
  /** Tombstones up to this seq are gone: a cursor below it cannot be resumed. */
  horizon(): Promise<number>;
  /** Names the database; new after a restore, so that cursors of another life are recognised. */
  epoch(): Promise<string>;
  /** Entries after `seq`, oldest first, at most `limit`. */
  changesAfter(
    containerTag: string | undefined,
    seq: number,
    limit: number,
  ): Promise<StoredChange[]>;
}

/** What the pipeline needs outside of units. */
export interface PipelineReads {
  /**
   * Documents that the pipeline still owes something, with a number above `afterNo`, oldest first: those whose status
   * is not terminal, and those that are dreaming.
   */
  unfinishedAfter(afterNo: number, limit: number): Promise<StoredDocument[]>;
  /** Chunks above `afterNo` that have no vector of this model, oldest first. */
  chunksWithoutVector(model: string, afterNo: number, limit: number): Promise<StoredChunk[]>;
  /** Whether the text in this image has still to be read. */
  owesText(documentNo: number): Promise<boolean>;
  /** Images whose text is owed, with a number above `afterNo`, oldest first. */
  textsOwedAfter(afterNo: number, limit: number): Promise<TextDebt[]>;
  /** What is drawn from one document: its chunks, how many have a vector of each model, whether its facts are owed. */
  documentIndex(documentNo: number): Promise<DocumentIndex>;
  /** How many chunks there are, and how many have a vector of each model. */
  indexCounts(): Promise<{
    readonly chunks: number;
    readonly vectors: Readonly<Record<string, number>>;
  }>;
}

/** An image whose text, at these bytes, is still to be read. */
export interface TextDebt {
  readonly documentNo: number;
  readonly contentRev: number;
}

/** What is drawn from one document. */
export interface DocumentIndex {
  readonly chunks: number;
  readonly vectors: Readonly<Record<string, number>>;
  /** A language model has still to find its facts. */
  readonly owesFacts: boolean;
  /** The text in the image has still to be read. */
  readonly owesText: boolean;
}

/** A lexical query: any of the words may match, as whole words after stemming. */
export interface LexicalQuery {
  readonly words: readonly string[];
  readonly scope: Scope;
  readonly limit: number;
}

export interface LexicalHit {
  readonly chunkNo: number;
  readonly documentNo: number;
  /** BM25, higher is better; chunks without any word of the query are never returned. */
  readonly score: number;
}

export interface LexicalResult {
  readonly hits: readonly LexicalHit[];
  /** The best score that this query could reach: the sum over its words of idf · (k1 + 1). */
  readonly scoreMax: number;
}

/** What search needs; a worker opens this half alone, read-only. */
export interface SearchReads {
  lexical(query: LexicalQuery): Promise<LexicalResult>;
  /** Vectors of a model above `afterNo`, oldest first: how the matrix in memory is loaded and follows. */
  vectorsAfter(model: string, afterNo: number, limit: number): Promise<StoredVector[]>;
  /** The vectors of these chunks, of all models, for rescoring. */
  vectorsOf(chunkNos: readonly number[]): Promise<VectorOfChunk[]>;
  /** Chunks that still exist, in the order of `nos`. */
  chunksByNo(nos: readonly number[]): Promise<StoredChunk[]>;
  /** The chunks of a document's current content, by position. */
  chunksOfDocument(documentNo: number): Promise<StoredChunk[]>;
  documentsByNo(nos: readonly number[]): Promise<StoredDocument[]>;
  documentNos(scope: Scope, order: Order): Promise<number[]>;
  documentText(document: StoredDocument): Promise<string | undefined>;
  /** A number that moves whenever anything was committed: caches of scopes are valid while it stands. */
  generation(): Promise<number>;
}

/** A stored answer to a request with an idempotency key. */
export interface StoredReply {
  /** SHA-256 of the request's body, hexadecimal. */
  readonly requestDigest: string;
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
  readonly at: number;
}

/** One key with the scope of what it may do. Only its digest is kept. */
export interface StoredKey {
  readonly id: string;
  readonly digest: string;
  readonly name: string;
  readonly canWrite: boolean;
  /** Writes of documents without a condition are refused. */
  readonly isStrict: boolean;
  readonly containerTags: readonly string[] | null;
  readonly pathPrefix: string | null;
  readonly createdAt: number;
  readonly expiresAt: number | null;
}

/** The inside of a unit: reads see the unit's own writes. */
export interface Transaction extends DocumentReads, MemoryReads, MemoryWrites {
  /** A new document at rev 1. Its paths and custom id must be free. */
  create(document: NewDocument): Promise<StoredDocument>;
  /** The next rev: the state it replaces becomes a version, seq and updatedAt move. */
  change(document: StoredDocument, change: DocumentChange): Promise<StoredDocument>;
  /** Deletes: a tombstone in each container, the last state becomes a version, chunks go. */
  remove(document: StoredDocument, writer: Writer): Promise<void>;
  /** Brings a deleted document back in its last state, with the next rev. Its paths must be free. */
  undelete(
    tombstone: Tombstone,
    back: Pick<StoredDocument, "status" | "dreamingStatus" | "writer">,
  ): Promise<StoredDocument>;

  /** A step of the pipeline. Not a visible change: rev, seq and updatedAt stay. */
  setStatus(documentNo: number, contentRev: number, status: DocumentStatus): Promise<void>;
  setDreamingStatus(documentNo: number, status: StoredDocument["dreamingStatus"]): Promise<void>;
  /** The text in an image is still to be read. */
  oweText(documentNo: number, contentRev: number): Promise<void>;
  payText(debt: TextDebt): Promise<void>;
  /** Text drawn from bytes that are not text themselves; dropped when the bytes change. */
  putExtractedText(documentNo: number, contentRev: number, text: string): Promise<void>;
  /**
   * Replaces the chunks of a document from a position on, in both indexes. Long texts are put in slices, one unit
   * each, so that no unit is long.
   * @param text the document's text, into which the chunks' offsets point; chunks are in order of `start`
   * @param from position of the first of these chunks; those before it stay
   */
  putChunks(
    document: Pick<StoredDocument, "no" | "contentRev">,
    text: string,
    chunks: readonly IndexedChunk[],
    from?: number,
  ): Promise<void>;
  /** Adds vectors; those of chunks that are gone are dropped, one of the same model is replaced. */
  putVectors(
    model: string,
    vectors: readonly { readonly chunkNo: number; readonly bytes: Uint8Array }[],
  ): Promise<void>;
  /** The messages of which the document's present bytes are the transcript: JSON values; they go with these bytes. */
  putConversation(documentNo: number, messages: readonly unknown[]): Promise<void>;
  /** Drops all vectors of a model that is no longer used. */
  dropVectors(model: string): Promise<void>;

  /** Makes a container, or changes it; fields left out stay. */
  putTag(tag: string, change: Partial<Omit<StoredTag, "tag">>): Promise<StoredTag>;
  /** Removes a container that has no live documents; its tombstones stay, for those who follow it. */
  removeTag(tag: string): Promise<void>;
  putSetting(key: string, value: string): Promise<void>;

  reply(scope: string): Promise<StoredReply | undefined>;
  putReply(scope: string, reply: StoredReply): Promise<void>;

  putMerge(merge: StoredMerge): Promise<void>;

  putKey(key: StoredKey): Promise<void>;
  removeKey(id: string): Promise<boolean>;
}

/** Tells about a commit: its last seq. Called after the commit is durable, outside of any unit. */
export type CommitListener = (seq: number) => void;

export interface Storage
  extends DocumentReads,
    ContentReads,
    ChangeReads,
    PipelineReads,
    SearchReads,
    MemoryReads {
  /**
   * Runs a unit and resolves with its result once that is durable; a unit that throws has written nothing.
   * A unit awaits nothing but its transaction. It may be run more than once (where the engine retries), so it
   * has no effects outside.
   */
  write<T>(unit: (transaction: Transaction) => Promise<T>): Promise<T>;
  /** Starts receiving bytes that are too many to be held in memory. */
  receiveBlob(): Promise<BlobWriter>;
  onCommit(listener: CommitListener): () => void;
  tags(): Promise<
    readonly (StoredTag & {
      readonly documentCount: number;
      readonly lastActivityAt: number | null;
    })[]
  >;
  merge(id: string): Promise<StoredMerge | undefined>;
  /** Merges that are still to be carried out, oldest first. */
  mergesQueued(limit: number): Promise<StoredMerge[]>;
  keyByDigest(digest: string): Promise<StoredKey | undefined>;
  keys(): Promise<readonly StoredKey[]>;
  /** Drops what is past its time: old versions, tombstones, replies, blobs that nothing names. Bounded a call. */
  collect(limits: CollectLimits): Promise<CollectResult>;
  /** Every invariant that does not hold, as a sentence; empty when all is well. */
  check(): Promise<string[]>;
  close(): Promise<void>;
}

export interface CollectLimits {
  readonly versionsKept: number;
  readonly versionAgeMs: number;
  /**
   * Of the states of one document that the same writer made within a window of this length, only the last is kept once
   * they are older than `thinAgeMs`. Milliseconds.
   */
  readonly thinWindowMs: number;
  readonly thinAgeMs: number;
  readonly tombstoneAgeMs: number;
  readonly replyAgeMs: number;
  readonly blobAgeMs: number;
}

export interface CollectResult {
  readonly versions: number;
  readonly tombstones: number;
  readonly replies: number;
  readonly blobs: number;
  /** Another call would find more to look at. */
  readonly hasMore: boolean;
}
