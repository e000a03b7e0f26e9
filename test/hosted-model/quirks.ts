/**
 * How one instance of the model server behaves where real servers differ, lie or are not documented.
 *
 * The hosted API answers none of these questions in writing (server-api.md §4, "upstream" column), so a client must
 * be right under every answer. A preset is a starting point; tests and the simulator override single fields.
 */

/** What a PATCH with content does to a document that is still being processed. */
type PatchWhileProcessing =
  /** Answered 200; nothing of it is applied. */
  | "drop"
  /** Answered 200; metadata and path are applied, the content is not: the stamp then lies. */
  | "drop-content"
  /** Answered 200; only the path is applied. */
  | "path-only"
  /** Answered 409. */
  | "conflict"
  /** Applied when the present processing has ended. */
  | "queue"
  /** Applied at once; the newest revision wins. */
  | "accept";

/** What a second POST under a known customId does. */
type Repost = "no-op" | "append" | "replace" | "conflict";

/** What a POST to a path that another live document holds does. */
type PathTaken = "duplicate" | "upsert" | "conflict";

/** Extensions of the embedded server (server-api.md §5). */
interface Extensions {
  readonly etag: boolean;
  readonly changes: boolean;
  readonly raw: boolean;
  readonly versions: boolean;
  readonly idempotency: boolean;
  readonly contentHash: boolean;
  readonly move: boolean;
}

export interface Quirks {
  /** Milliseconds from a write to `done`, drawn evenly; [0, 0] means done in the answer itself. */
  readonly processingMs: readonly [number, number];
  /** Share of processings that never end until `restart()`. */
  readonly stuckShare: number;
  /** Share of processings that end in `failed`. */
  readonly failShare: number;
  /** Milliseconds after which a failed document is deleted; Infinity for never. */
  readonly failedDeleteMs: number;
  readonly patchWhileProcessing: PatchWhileProcessing;
  /** When `updatedAt` moves for a change of content. Changes of path or metadata alone always move it. */
  readonly bumps: { readonly receipt: boolean; readonly stages: boolean; readonly done: boolean };
  /** Grain of timestamps in milliseconds: 1 or 1000. */
  readonly tickMs: number;
  /** Timestamps never repeat and never go back. */
  readonly strictTime: boolean;
  /** A write is stamped up to this many milliseconds before it becomes visible. */
  readonly lateCommitMs: number;
  readonly contentWhileProcessing: "new" | "partial" | "old" | "null";
  /** What is done to text before it is stored. */
  readonly normalise: { readonly trim: boolean; readonly crlf: boolean; readonly urls: boolean };
  readonly repost: Repost;
  /** A repost under a known customId is ignored while the document is processing. */
  readonly repostDroppedWhileProcessing: boolean;
  readonly pathTaken: PathTaken;
  /** PATCH of the path onto a path that another live document holds. */
  readonly moveOntoTaken: "duplicate" | "conflict";
  /** PATCH with content and filepath ignores the filepath (unless the document has none, or If-Match is sent). */
  readonly contentPatchIgnoresPath: boolean;
  /** A file and something below it cannot both exist: 400. */
  readonly refusesFileAboveFile: boolean;
  /** GET and PATCH take a customId where they take an id. DELETE always does. */
  readonly getByCustomId: boolean;
  readonly list: {
    /** Share of lists answered from a replica, and how many milliseconds behind it may be. */
    readonly staleShare: number;
    readonly staleMs: number;
    /** Share of pages that come back empty, lack their last items, carry a wrong total, or are answered 503. */
    readonly emptyShare: number;
    readonly shortShare: number;
    readonly wrongTotalShare: number;
    readonly errorShare: number;
    /** Page 1 pins its ids for 60 s (no shift). */
    readonly pinned: boolean;
  };
  /** Share of GETs by id answered from a replica, and how many milliseconds behind it may be. */
  readonly staleGet: { readonly share: number; readonly ms: number };
  readonly contentBytesMax: number;
  readonly fileBytesMax: number;
  /** Milliseconds that tombstones stay in the change feed. */
  readonly tombstoneMs: number;
  readonly extensions: Extensions;
}

const noExtensions: Extensions = {
  etag: false,
  changes: false,
  raw: false,
  versions: false,
  idempotency: false,
  contentHash: false,
  move: false,
};

const steadyList: Quirks["list"] = {
  staleShare: 0,
  staleMs: 0,
  emptyShare: 0,
  shortShare: 0,
  wrongTotalShare: 0,
  errorShare: 0,
  pinned: false,
};

/** The hosted API as its documents and its other clients describe it, without random trouble. */
export const hostedQuirks: Quirks = {
  processingMs: [500, 3000],
  stuckShare: 0,
  failShare: 0,
  failedDeleteMs: 120_000,
  patchWhileProcessing: "drop",
  bumps: { receipt: true, stages: false, done: true },
  tickMs: 1,
  strictTime: false,
  lateCommitMs: 0,
  contentWhileProcessing: "new",
  normalise: { trim: false, crlf: false, urls: false },
  repost: "append",
  repostDroppedWhileProcessing: true,
  pathTaken: "duplicate",
  moveOntoTaken: "conflict",
  contentPatchIgnoresPath: true,
  refusesFileAboveFile: false,
  getByCustomId: true,
  list: steadyList,
  staleGet: { share: 0, ms: 0 },
  contentBytesMax: 1 << 20,
  fileBytesMax: 50 << 20,
  tombstoneMs: 0,
  extensions: noExtensions,
};

/** The embedded server: the "ours" column of server-api.md §4, and every extension. */
export const embeddedQuirks: Quirks = {
  ...hostedQuirks,
  processingMs: [0, 0],
  failedDeleteMs: Number.POSITIVE_INFINITY,
  patchWhileProcessing: "accept",
  strictTime: true,
  repost: "replace",
  repostDroppedWhileProcessing: false,
  pathTaken: "upsert",
  refusesFileAboveFile: true,
  list: { ...steadyList, pinned: true },
  contentBytesMax: 16 << 20,
  fileBytesMax: 100 << 20,
  tombstoneMs: 30 * 86_400_000,
  extensions: {
    etag: true,
    changes: true,
    raw: true,
    versions: true,
    idempotency: true,
    contentHash: true,
    move: true,
  },
};
