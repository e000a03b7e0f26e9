/** Routes of the extensions, all below /ext/v1, and those that need no key. */
import * as z from "zod/mini";
import type { Route } from "./route.ts";
import {
  type ChangesQuery,
  ChangesQuerySchema,
  ChangesResponseSchema,
  type MoveRequest,
  MoveRequestSchema,
  MoveResponseSchema,
  type SnapshotQuery,
  SnapshotQuerySchema,
  SnapshotResponseSchema,
} from "./schema-changes.ts";
import { type Digits, DigitsSchema, type Schema } from "./schema-common.ts";
import { WriteResponseSchema } from "./schema-documents.ts";

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
  readonly changes: Route<unknown, ChangesQuery>;
  readonly snapshot: Route<unknown, SnapshotQuery>;
  readonly getRaw: Route<unknown, RawQuery>;
  readonly putRaw: Route;
  readonly move: Route<MoveRequest>;
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
      }),
    },
  },
  changes: {
    method: "GET",
    path: "/ext/v1/changes",
    summary: "What changed since a cursor, deletions included; waits for a change when asked to",
    access: "read",
    query: ChangesQuerySchema,
    answers: { 200: ChangesResponseSchema },
  },
  snapshot: {
    method: "GET",
    path: "/ext/v1/snapshot",
    summary: "All live documents, page by page, and where the feed goes on from there",
    access: "read",
    query: SnapshotQuerySchema,
    answers: { 200: SnapshotResponseSchema },
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
};
