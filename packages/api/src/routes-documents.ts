/** Routes of documents: the v3 API. */
import * as z from "zod/mini";
import type { Route } from "./route.ts";
import { SessionResponseSchema } from "./schema-changes.ts";
import { ContainerTagSchema, type Schema } from "./schema-common.ts";
import {
  type BatchCreate,
  BatchCreateSchema,
  BatchResponseSchema,
  type BulkDelete,
  BulkDeleteResponseSchema,
  BulkDeleteSchema,
  ChunksResponseSchema,
  type CreateDocument,
  CreateDocumentSchema,
  DocumentSchema,
  FileUrlResponseSchema,
  type ListRequest,
  ListRequestSchema,
  ListResponseSchema,
  type PatchDocument,
  PatchDocumentSchema,
  ProcessingResponseSchema,
  WriteResponseSchema,
} from "./schema-documents.ts";

/** Query of `GET /v3/documents/processing`. */
export interface ProcessingQuery {
  readonly containerTag?: string | undefined;
  readonly containerTags?: string | undefined;
}
const ProcessingQuerySchema: Schema<ProcessingQuery> = z.object({
  containerTag: z.optional(ContainerTagSchema),
  containerTags: z.optional(z.string().check(z.maxLength(16_384))),
});

export interface DocumentRoutes {
  readonly session: Route;
  readonly createDocument: Route<CreateDocument>;
  readonly createDocuments: Route<BatchCreate>;
  readonly uploadDocument: Route;
  readonly listDocuments: Route<ListRequest>;
  readonly processingDocuments: Route<unknown, ProcessingQuery>;
  readonly deleteDocuments: Route<BulkDelete>;
  readonly getDocument: Route;
  readonly patchDocument: Route<PatchDocument>;
  readonly deleteDocument: Route;
  readonly documentChunks: Route;
  readonly documentFileUrl: Route;
}

export const documentRoutes: DocumentRoutes = {
  session: {
    method: "GET",
    path: "/v3/session",
    summary: "Who the key belongs to, what it may do, and which extensions the server has",
    access: "read",
    answers: { 200: SessionResponseSchema },
  },
  createDocument: {
    method: "POST",
    path: "/v3/documents",
    summary: "Create a document from text, or change the one with this custom id or path",
    access: "write",
    body: CreateDocumentSchema,
    answers: { 200: WriteResponseSchema },
  },
  createDocuments: {
    method: "POST",
    path: "/v3/documents/batch",
    summary: "Create up to 600 documents; each succeeds or fails on its own",
    access: "write",
    body: BatchCreateSchema,
    answers: { 200: BatchResponseSchema },
  },
  uploadDocument: {
    method: "POST",
    path: "/v3/documents/file",
    summary: "Create a document from a file, or change the one with this custom id or path",
    access: "write",
    upload: "form",
    answers: { 200: WriteResponseSchema },
  },
  listDocuments: {
    method: "POST",
    path: "/v3/documents/list",
    summary: "List documents, a page at a time",
    access: "read",
    body: ListRequestSchema,
    answers: { 200: ListResponseSchema },
  },
  processingDocuments: {
    method: "GET",
    path: "/v3/documents/processing",
    summary: "Documents that are neither done nor failed",
    access: "read",
    query: ProcessingQuerySchema,
    answers: { 200: ProcessingResponseSchema },
  },
  deleteDocuments: {
    method: "DELETE",
    path: "/v3/documents/bulk",
    summary: "Delete documents by id, or by container and path",
    access: "write",
    body: BulkDeleteSchema,
    answers: { 200: BulkDeleteResponseSchema },
  },
  getDocument: {
    method: "GET",
    path: "/v3/documents/{id}",
    summary: "A document by its id or custom id",
    access: "read",
    answers: { 200: DocumentSchema },
  },
  patchDocument: {
    method: "PATCH",
    path: "/v3/documents/{id}",
    summary: "Change a document's text, path or metadata",
    access: "write",
    body: PatchDocumentSchema,
    answers: { 200: WriteResponseSchema },
  },
  deleteDocument: {
    method: "DELETE",
    path: "/v3/documents/{id}",
    summary: "Delete a document",
    access: "write",
    answers: { 204: "empty" },
  },
  documentChunks: {
    method: "GET",
    path: "/v3/documents/{id}/chunks",
    summary: "The chunks a document is found by",
    access: "read",
    answers: { 200: ChunksResponseSchema },
  },
  documentFileUrl: {
    method: "GET",
    path: "/v3/documents/{id}/file-url",
    summary: "An address at which the document's file can be fetched without a key for a day",
    access: "read",
    answers: { 200: FileUrlResponseSchema },
  },
};
