/** Bounds of the server, with unit and reason. Those that a deployment may want otherwise are `ServerLimits`. */

export interface ServerLimits {
  /** Bytes of text in one document: what a JSON answer carries and a text pane shows. */
  readonly textBytesMax: number;
  /** Bytes of a JSON body: a text of the largest size with every second character escaped. */
  readonly jsonBytesMax: number;
  /** Bytes of one uploaded file. */
  readonly uploadBytesMax: number;
}

export const defaultLimits: ServerLimits = {
  textBytesMax: 16 << 20,
  jsonBytesMax: 33 << 20,
  uploadBytesMax: 100 << 20,
};

/** Bytes of JSON bodies that are in memory at one time. */
export const bodyBytesMax: number = 256 << 20;
/** Bytes of content in one page of the feed, or in one answer of a search: what comes after is on the next page. */
export const pageContentBytesMax: number = 16 << 20;
/** Bytes of a content that is kept in the database's own row; larger ones are files. */
export const inlineContentBytesMax: number = 64 << 10;
/** Levels of arrays and objects in a JSON body. */
export const jsonLevelsMax = 64;
/** Bytes of a document's metadata as JSON. */
export const metadataBytesMax: number = 64 << 10;
/** Containers of one document. */
export const containersMax = 100;

/** Documents in one page of a listing: what clients of the API ask for at most. */
export const listLimitMax = 1100;
export const listLimitDefault = 10;
/** How long the order of a paged listing is kept, in milliseconds, and how many listings are kept at once. */
export const pinnedListMs = 60_000;
export const pinnedListsMax = 64;
/** Document numbers that all kept listings hold together: 8 bytes each. */
export const pinnedNosMax = 2_000_000;
/** Documents whose metadata is looked at between two turns of the event loop while a listing is filtered. */
export const filterSliceMax = 500;

/** Entries in one page of the feed, or of the snapshot. */
export const changesLimitMax = 1000;
export const changesLimitDefault = 500;
/** Seconds a long poll may wait: below the 60 s after which clients give up. */
export const changesWaitSMax = 50;
/** Long polls and streams that may wait at one time. */
export const waitersMax = 10_000;
/** Milliseconds between two comments in a stream, so that proxies keep it open. */
export const streamPingMs = 15_000;

/** Documents that one request may move or delete in one unit: about a second of work. */
export const unitDocumentsMax = 20_000;

/** Milliseconds a signed address is valid. */
export const signedUrlMs: number = 24 * 3600 * 1000;
/** Milliseconds for which the answer to an idempotency key is kept. */
export const replyAgeMs: number = 24 * 3600 * 1000;
/** History that is kept: this many versions of a document, and all that are younger than this. */
export const versionsKept = 50;
export const versionAgeMs: number = 30 * 24 * 3600 * 1000;
/**
 * Saves of one writer within the same two seconds are one save to people: after a day and an hour (when no signed address
 * leads to them any more) only the last of them is kept.
 */
export const thinWindowMs = 2000;
export const thinAgeMs: number = signedUrlMs + 3600_000;
/** Milliseconds for which deletions are told: the horizon of the feed. */
export const tombstoneAgeMs: number = 30 * 24 * 3600 * 1000;
/** Milliseconds for which a received blob may stay unnamed. */
export const blobAgeMs: number = 24 * 3600 * 1000;

/** Milliseconds for which the same keyless create, repeated by a client library, is the same document. */
export const repeatedCreateMs: number = 5 * 60_000;
export const repeatedCreatesMax = 10_000;

/** Fields of a multipart form, bytes of one of them, and bytes of a part's head. */
export const formFieldsMax = 32;
export const formFieldBytesMax: number = 128 << 10;
export const formHeadBytesMax: number = 16 << 10;
