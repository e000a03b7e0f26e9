/** Schemas of the extensions: change feed, snapshot, moves, versions, batches. */
import * as z from "zod/mini";
import {
  ContainerTagSchema,
  CustomIdSchema,
  type Digits,
  DigitsSchema,
  type ErrorBody,
  ErrorBodySchema,
  FilepathSchema,
  type MetadataJson,
  type MetadataPatch,
  MetadataPatchSchema,
  MetadataSchema,
  PathScopeSchema,
  type Schema,
  TextSchema,
} from "./schema-common.ts";
import { type DocumentStatus, DocumentStatusSchema } from "./schema-documents.ts";

/** What a session may do. */
export interface SessionScope {
  readonly type: "full" | "scoped";
  readonly permission: "read" | "write";
  /** Documents are written only under a condition. */
  readonly strict?: boolean | undefined;
  readonly tags?: readonly string[] | undefined;
  readonly expires?: string | undefined;
}

/** `GET /v3/session` */
export interface SessionResponse {
  readonly user: { readonly id: string; readonly name: string; readonly email: string };
  readonly org: { readonly id: string; readonly name: string; readonly slug: string };
  readonly role?: string | undefined;
  readonly plan?: string | undefined;
  readonly accessType?: "full" | "restricted" | undefined;
  readonly containerTags?:
    | readonly { readonly containerTag: string; readonly permission: "read" | "write" }[]
    | null
    | undefined;
  readonly scope?: SessionScope | undefined;
  readonly extensions?:
    | {
        readonly root: string;
        readonly features: readonly string[];
        /** Changes when the server does: what a probe found holds for one version. */
        readonly version?: string | undefined;
      }
    | undefined;
}
export const SessionResponseSchema: Schema<SessionResponse> = z.object({
  user: z.object({ id: z.string(), name: z.string(), email: z.string() }),
  org: z.object({ id: z.string(), name: z.string(), slug: z.string() }),
  role: z.optional(z.string()),
  plan: z.optional(z.string()),
  accessType: z.optional(z.enum(["full", "restricted"])),
  containerTags: z.optional(
    z.nullable(
      z.array(z.object({ containerTag: z.string(), permission: z.enum(["read", "write"]) })),
    ),
  ),
  scope: z.optional(
    z.object({
      type: z.enum(["full", "scoped"]),
      permission: z.enum(["read", "write"]),
      strict: z.optional(z.boolean()),
      tags: z.optional(z.array(z.string())),
      expires: z.optional(z.string()),
    }),
  ),
  extensions: z.optional(
    z.object({
      root: z.string(),
      features: z.array(z.string()),
      version: z.optional(z.string()),
    }),
  ),
});

/** A document's latest state in the feed or the snapshot: enough to make a stub of it without another request. */
export interface UpsertChange {
  readonly seq: number;
  readonly type: "upsert";
  readonly id: string;
  readonly customId: string | null;
  readonly rev: number;
  readonly filepath: string | null;
  readonly previousFilepath: string | null;
  readonly contentHash: string;
  readonly size: number;
  readonly docType: string;
  readonly status: DocumentStatus;
  readonly metadata: MetadataJson | null;
  readonly createdAt: string;
  readonly updatedAt: string;
  readonly origin: string | null;
  readonly actor: string | null;
  readonly session: string | null;
  /** With `includeContent`, of text documents. */
  readonly content?: string | undefined;
}
const nullableText = z.nullable(z.string());
export const UpsertChangeSchema: Schema<UpsertChange> = z.object({
  seq: z.int(),
  type: z.literal("upsert"),
  id: z.string(),
  customId: nullableText,
  rev: z.int(),
  filepath: nullableText,
  previousFilepath: nullableText,
  contentHash: z.string(),
  size: z.int(),
  docType: z.string(),
  status: DocumentStatusSchema,
  metadata: z.nullable(MetadataSchema),
  createdAt: z.string(),
  updatedAt: z.string(),
  origin: nullableText,
  actor: nullableText,
  session: nullableText,
  content: z.optional(z.string()),
});

/** A tombstone in the feed. */
export interface DeleteChange {
  readonly seq: number;
  readonly type: "delete";
  readonly id: string;
  readonly customId: string | null;
  readonly rev: number;
  readonly filepath: string | null;
  readonly deletedAt: string;
  /** `moved`: the document lives on in other containers. */
  readonly reason: "deleted" | "moved";
  readonly origin: string | null;
  readonly actor: string | null;
  readonly session: string | null;
}
export const DeleteChangeSchema: Schema<DeleteChange> = z.object({
  seq: z.int(),
  type: z.literal("delete"),
  id: z.string(),
  customId: nullableText,
  rev: z.int(),
  filepath: nullableText,
  deletedAt: z.string(),
  reason: z.enum(["deleted", "moved"]),
  origin: nullableText,
  actor: nullableText,
  session: nullableText,
});

/** With `events=status`: how far the processing of a document is. `seq` is that of its last visible change. */
export interface StatusChange {
  readonly seq: number;
  readonly type: "status";
  readonly id: string;
  readonly customId: string | null;
  readonly rev: number;
  readonly filepath: string | null;
  readonly status: DocumentStatus;
  readonly dreamingStatus: "dreaming" | "done";
}
export const StatusChangeSchema: Schema<StatusChange> = z.object({
  seq: z.int(),
  type: z.literal("status"),
  id: z.string(),
  customId: nullableText,
  rev: z.int(),
  filepath: nullableText,
  status: DocumentStatusSchema,
  dreamingStatus: z.enum(["dreaming", "done"]),
});

/** What the log tells; those who ask for nothing else get nothing else. */
export type Change = UpsertChange | DeleteChange;
const AnyChangeSchema: Schema<Change | StatusChange> = z.union([
  UpsertChangeSchema,
  DeleteChangeSchema,
  StatusChangeSchema,
]);

/** Query of `GET /ext/v1/changes` and of its stream. */
export interface ChangesQuery {
  readonly containerTag?: string | undefined;
  /** A cursor; absent or `0`: everything live; `now`: only the current cursor. */
  readonly since?: string | undefined;
  readonly limit?: Digits | undefined;
  /** Seconds to wait for a change when there is none, up to 50. */
  readonly wait?: string | undefined;
  readonly includeContent?: "true" | "false" | undefined;
  readonly excludeOrigin?: string | undefined;
  /** `status`: steps of processing are told too, as entries of their own. */
  readonly events?: "status" | undefined;
}
const changesQuery = {
  containerTag: z.optional(ContainerTagSchema),
  since: z.optional(z.string().check(z.maxLength(200))),
  limit: z.optional(DigitsSchema),
  wait: z.optional(z.string().check(z.regex(/^[0-9]{1,3}(\.[0-9]{1,3})?$/))),
  includeContent: z.optional(z.enum(["true", "false"])),
  excludeOrigin: z.optional(z.string().check(z.maxLength(255))),
  events: z.optional(z.literal("status")),
};
export const ChangesQuerySchema: Schema<ChangesQuery> = z.object(changesQuery);

/** Query of the stream: as the feed's, and a ticket in place of a key for readers that cannot send one. */
export interface StreamQuery extends ChangesQuery {
  readonly ticket?: string | undefined;
}
export const StreamQuerySchema: Schema<StreamQuery> = z.object({
  ...changesQuery,
  ticket: z.optional(z.string().check(z.maxLength(200))),
});

export interface ChangesResponse {
  readonly changes: readonly (Change | StatusChange)[];
  readonly cursor: string;
  readonly hasMore: boolean;
  readonly epoch: string;
  readonly serverTime: string;
}
export const ChangesResponseSchema: Schema<ChangesResponse> = z.object({
  changes: z.array(AnyChangeSchema),
  cursor: z.string(),
  hasMore: z.boolean(),
  epoch: z.string(),
  serverTime: z.string(),
});

/** Query of `GET /ext/v1/snapshot`. */
export interface SnapshotQuery {
  readonly containerTag?: string | undefined;
  /** `next` of the page before. */
  readonly after?: string | undefined;
  readonly limit?: Digits | undefined;
}
export const SnapshotQuerySchema: Schema<SnapshotQuery> = z.object({
  containerTag: z.optional(ContainerTagSchema),
  after: z.optional(z.string().check(z.maxLength(200))),
  limit: z.optional(DigitsSchema),
});

export interface SnapshotResponse {
  readonly documents: readonly UpsertChange[];
  /** Where the next page begins; null on the last. */
  readonly next: string | null;
  /** On the first page: where the feed goes on after the last one. */
  readonly feedCursor?: string | undefined;
  readonly epoch: string;
}
export const SnapshotResponseSchema: Schema<SnapshotResponse> = z.object({
  documents: z.array(UpsertChangeSchema),
  next: z.nullable(z.string()),
  feedCursor: z.optional(z.string()),
  epoch: z.string(),
});

/** `POST /ext/v1/move`: one document, or with a `/` at the end of both paths everything below. */
export interface MoveRequest {
  readonly containerTag: string;
  readonly from: string;
  readonly to: string;
  /** Of a single document: an ETag that it must still have. */
  readonly ifMatch?: string | undefined;
}
export const MoveRequestSchema: Schema<MoveRequest> = z.object({
  containerTag: ContainerTagSchema,
  from: PathScopeSchema,
  to: PathScopeSchema,
  ifMatch: z.optional(z.string().check(z.maxLength(200))),
});

export interface MoveResponse {
  readonly moved: readonly {
    readonly id: string;
    readonly rev: number;
    readonly filepath: string;
    readonly previousFilepath: string;
  }[];
}
export const MoveResponseSchema: Schema<MoveResponse> = z.object({
  moved: z.array(
    z.object({
      id: z.string(),
      rev: z.int(),
      filepath: z.string(),
      previousFilepath: z.string(),
    }),
  ),
});

/** One state in a document's history. */
export interface VersionJson {
  readonly rev: number;
  readonly contentHash: string;
  readonly size: number;
  readonly filepath: string | null;
  readonly metadata: MetadataJson | null;
  readonly createdAt: string;
  readonly origin: string | null;
  readonly actor: string | null;
  readonly session: string | null;
  readonly op: "create" | "update" | "rename" | "metadata" | "status" | "delete" | "restore";
}
export const VersionSchema: Schema<VersionJson> = z.object({
  rev: z.int(),
  contentHash: z.string(),
  size: z.int(),
  filepath: nullableText,
  metadata: z.nullable(MetadataSchema),
  createdAt: z.string(),
  origin: nullableText,
  actor: nullableText,
  session: nullableText,
  op: z.enum(["create", "update", "rename", "metadata", "status", "delete", "restore"]),
});

export interface VersionsQuery {
  readonly limit?: Digits | undefined;
  readonly before?: Digits | undefined;
}
export const VersionsQuerySchema: Schema<VersionsQuery> = z.object({
  limit: z.optional(DigitsSchema),
  before: z.optional(DigitsSchema),
});

export interface VersionsResponse {
  readonly versions: readonly VersionJson[];
  readonly nextBefore: number | null;
}
export const VersionsResponseSchema: Schema<VersionsResponse> = z.object({
  versions: z.array(VersionSchema),
  nextBefore: z.nullable(z.int()),
});

/** `POST /ext/v1/fs/{tag}` */
export interface FsMoveRequest {
  readonly op: "move";
  readonly from: string;
  readonly to: string;
  readonly overwrite?: boolean | undefined;
  readonly ifMatch?: string | undefined;
}
export const FsMoveRequestSchema: Schema<FsMoveRequest> = z.object({
  op: z.literal("move"),
  from: PathScopeSchema,
  to: PathScopeSchema,
  overwrite: z.optional(z.boolean()),
  ifMatch: z.optional(z.string().check(z.maxLength(200))),
});

/** One operation of `POST /ext/v1/batch`. */
export type BatchOperation =
  | {
      readonly op: "put";
      readonly containerTag: string;
      readonly customId?: string | undefined;
      readonly id?: string | undefined;
      readonly filepath?: string | undefined;
      readonly content?: string | undefined;
      readonly metadata?: MetadataPatch | undefined;
      readonly ifMatch?: string | undefined;
      readonly ifNoneMatch?: "*" | undefined;
    }
  | { readonly op: "delete"; readonly id: string; readonly ifMatch?: string | undefined };
const etag = z.optional(z.string().check(z.maxLength(200)));
export const BatchOperationSchema: Schema<BatchOperation> = z.union([
  z.object({
    op: z.literal("put"),
    containerTag: ContainerTagSchema,
    customId: z.optional(CustomIdSchema),
    id: z.optional(CustomIdSchema),
    filepath: z.optional(FilepathSchema),
    content: z.optional(TextSchema),
    metadata: z.optional(MetadataPatchSchema),
    ifMatch: etag,
    ifNoneMatch: z.optional(z.literal("*")),
  }),
  z.object({ op: z.literal("delete"), id: CustomIdSchema, ifMatch: etag }),
]);

/** `POST /ext/v1/batch`: all of the operations, or none. */
export interface BatchRequest {
  readonly operations: readonly BatchOperation[];
}
export const BatchRequestSchema: Schema<BatchRequest> = z.object({
  operations: z.array(BatchOperationSchema).check(z.minLength(1), z.maxLength(100)),
});

export interface BatchResult {
  readonly status: number;
  readonly id?: string | undefined;
  readonly rev?: number | undefined;
  readonly contentHash?: string | undefined;
  readonly filepath?: string | null | undefined;
  readonly body?: ErrorBody | undefined;
}
export interface BatchOperationsResponse {
  /** Whether the operations were carried out; if not, those without an error of their own are 424. */
  readonly committed: boolean;
  readonly results: readonly BatchResult[];
}
export const BatchOperationsResponseSchema: Schema<BatchOperationsResponse> = z.object({
  committed: z.boolean(),
  results: z.array(
    z.object({
      status: z.int(),
      id: z.optional(z.string()),
      rev: z.optional(z.int()),
      contentHash: z.optional(z.string()),
      filepath: z.optional(nullableText),
      body: z.optional(ErrorBodySchema),
    }),
  ),
});
