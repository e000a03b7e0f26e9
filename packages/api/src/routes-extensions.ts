/** Routes of the extensions, all below /ext/v1, and those that need no key. */
import * as z from "zod/mini";
import type { Route } from "./route.ts";
import {
  BatchOperationsResponseSchema,
  type BatchRequest,
  BatchRequestSchema,
  type ChangesQuery,
  ChangesQuerySchema,
  ChangesResponseSchema,
  type FsMoveRequest,
  FsMoveRequestSchema,
  type MoveRequest,
  MoveRequestSchema,
  MoveResponseSchema,
  type SnapshotQuery,
  SnapshotQuerySchema,
  SnapshotResponseSchema,
  type StreamQuery,
  StreamQuerySchema,
  type VersionsQuery,
  VersionsQuerySchema,
  VersionsResponseSchema,
} from "./schema-changes.ts";
import { type Digits, DigitsSchema, type Schema } from "./schema-common.ts";
import { DocumentSchema, WriteResponseSchema } from "./schema-documents.ts";
import { type StatesRequest, StatesRequestSchema, StatesResponseSchema } from "./schema-states.ts";

/** Query of `GET …/raw`. */
export interface RawQuery {
  readonly rev?: Digits | undefined;
}
const RawQuerySchema: Schema<RawQuery> = z.object({ rev: z.optional(DigitsSchema) });

/** Query of a signed file address. */
export interface FileQuery {
  readonly exp: string;
  readonly sig: string;
}
const FileQuerySchema: Schema<FileQuery> = z.object({
  exp: z.string().check(z.maxLength(20)),
  sig: z.string().check(z.maxLength(100)),
});

const AliveSchema: Schema<unknown> = z.object({
  ok: z.boolean(),
  service: z.string(),
  version: z.string(),
});

export interface ExtensionRoutes {
  readonly root: Route;
  readonly health: Route;
  readonly file: Route<unknown, FileQuery>;
  readonly capabilities: Route;
  readonly openapi: Route;
  readonly openapiV4: Route;
  readonly metrics: Route;
  readonly changes: Route<unknown, ChangesQuery>;
  readonly changeStream: Route<unknown, StreamQuery>;
  readonly createTicket: Route;
  readonly snapshot: Route<unknown, SnapshotQuery>;
  readonly documentStates: Route<StatesRequest>;
  readonly getRaw: Route<unknown, RawQuery>;
  readonly putRaw: Route;
  readonly move: Route<MoveRequest>;
  readonly versions: Route<unknown, VersionsQuery>;
  readonly getVersion: Route;
  readonly getVersionRaw: Route;
  readonly restoreVersion: Route;
  readonly undelete: Route;
  readonly batch: Route<BatchRequest>;
  readonly getFile: Route;
  readonly putFile: Route;
  readonly deleteFile: Route;
  readonly moveFile: Route<FsMoveRequest>;
}

export const extensionRoutes: ExtensionRoutes = {
  root: {
    method: "GET",
    path: "/",
    summary: "Whether a server is here",
    access: "open",
    answers: { 200: AliveSchema },
  },
  health: {
    method: "GET",
    path: "/health",
    summary: "Whether the server can serve",
    access: "open",
    answers: { 200: AliveSchema },
  },
  file: {
    method: "GET",
    path: "/files/{id}/{rev}",
    summary: "A document's bytes at a signed address",
    access: "open",
    query: FileQuerySchema,
    answers: { 200: "bytes", 206: "bytes" },
  },
  capabilities: {
    method: "GET",
    path: "/ext/v1",
    summary: "The extensions and limits of this server",
    access: "read",
    answers: {
      200: z.object({
        version: z.string(),
        features: z.array(z.string()),
        limits: z.record(z.string(), z.number()),
        // How far the index is; only for keys that see every container.
        search: z.optional(
          z.object({
            chunks: z.int(),
            models: z.array(
              z.object({
                name: z.string(),
                chunks: z.int(),
                state: z.enum(["answering", "loading", "idle", "failed"]),
                problem: z.optional(z.string()),
              }),
            ),
          }),
        ),
      }),
    },
  },
  openapi: {
    method: "GET",
    path: "/v3/openapi",
    summary: "This contract as an OpenAPI document",
    access: "read",
    answers: { 200: z.record(z.string(), z.unknown()) },
  },
  openapiV4: {
    method: "GET",
    path: "/v4/openapi",
    summary: "The same document",
    access: "read",
    answers: { 200: z.record(z.string(), z.unknown()) },
  },
  metrics: {
    method: "GET",
    path: "/metrics",
    summary: "Counts and latencies in Prometheus text format",
    access: "read",
    answers: { 200: "text" },
  },
  changes: {
    method: "GET",
    path: "/ext/v1/changes",
    summary: "What changed since a cursor, deletions included; waits for a change when asked to",
    access: "read",
    query: ChangesQuerySchema,
    answers: { 200: ChangesResponseSchema },
  },
  changeStream: {
    method: "GET",
    path: "/ext/v1/changes/stream",
    summary: "The change feed as server-sent events",
    access: "read",
    query: StreamQuerySchema,
    answers: { 200: "events" },
  },
  createTicket: {
    method: "POST",
    path: "/ext/v1/tickets",
    summary: "A ticket, good for one minute and one stream, for readers that cannot send a key",
    access: "read",
    answers: { 200: z.object({ ticket: z.string(), expiresAt: z.string() }) },
  },
  snapshot: {
    method: "GET",
    path: "/ext/v1/snapshot",
    summary: "All live documents, page by page, and where the feed goes on from there",
    access: "read",
    query: SnapshotQuerySchema,
    answers: { 200: SnapshotResponseSchema },
  },
  documentStates: {
    method: "POST",
    path: "/ext/v1/documents/status",
    summary: "How far the processing of many documents is",
    access: "read",
    body: StatesRequestSchema,
    answers: { 200: StatesResponseSchema },
  },
  getRaw: {
    method: "GET",
    path: "/ext/v1/documents/{id}/raw",
    summary: "A document's exact bytes, of an earlier revision if asked",
    access: "read",
    query: RawQuerySchema,
    answers: { 200: "bytes", 206: "bytes" },
  },
  putRaw: {
    method: "PUT",
    path: "/ext/v1/documents/{id}/raw",
    summary:
      "Bytes, path and metadata of a document in one change; with If-None-Match: * a new document",
    access: "write",
    upload: "bytes",
    answers: { 200: WriteResponseSchema, 201: WriteResponseSchema },
  },
  move: {
    method: "POST",
    path: "/ext/v1/move",
    summary: "Move a document, or everything below a path, in one step",
    access: "write",
    body: MoveRequestSchema,
    answers: { 200: MoveResponseSchema },
  },
  versions: {
    method: "GET",
    path: "/ext/v1/documents/{id}/versions",
    summary: "A document's history, newest first; of a deleted one while its tombstone is kept",
    access: "read",
    query: VersionsQuerySchema,
    answers: { 200: VersionsResponseSchema },
  },
  getVersion: {
    method: "GET",
    path: "/ext/v1/documents/{id}/versions/{rev}",
    summary: "A document as it was",
    access: "read",
    answers: { 200: DocumentSchema },
  },
  getVersionRaw: {
    method: "GET",
    path: "/ext/v1/documents/{id}/versions/{rev}/raw",
    summary: "A document's bytes as they were",
    access: "read",
    answers: { 200: "bytes", 206: "bytes" },
  },
  restoreVersion: {
    method: "POST",
    path: "/ext/v1/documents/{id}/versions/{rev}/restore",
    summary: "Make an earlier state the present one again, as a new rev",
    access: "write",
    answers: { 200: WriteResponseSchema },
  },
  undelete: {
    method: "POST",
    path: "/ext/v1/documents/{id}/undelete",
    summary: "Bring a deleted document back",
    access: "write",
    answers: { 200: WriteResponseSchema },
  },
  batch: {
    method: "POST",
    path: "/ext/v1/batch",
    summary: "Up to 100 conditional writes, all or none",
    access: "write",
    body: BatchRequestSchema,
    answers: { 200: BatchOperationsResponseSchema, 207: BatchOperationsResponseSchema },
  },
  getFile: {
    method: "GET",
    path: "/ext/v1/fs/{tag}/{path…}",
    summary: "The bytes of the document with this path",
    access: "read",
    answers: { 200: "bytes", 206: "bytes" },
  },
  putFile: {
    method: "PUT",
    path: "/ext/v1/fs/{tag}/{path…}",
    summary: "Write the document with this path",
    access: "write",
    upload: "bytes",
    answers: { 200: WriteResponseSchema, 201: WriteResponseSchema },
  },
  deleteFile: {
    method: "DELETE",
    path: "/ext/v1/fs/{tag}/{path…}",
    summary: "Delete the document with this path",
    access: "write",
    answers: { 204: "empty" },
  },
  moveFile: {
    method: "POST",
    path: "/ext/v1/fs/{tag}",
    summary: "Move a document or a directory, over what is there if asked to",
    access: "write",
    body: FsMoveRequestSchema,
    answers: { 200: MoveResponseSchema },
  },
};
