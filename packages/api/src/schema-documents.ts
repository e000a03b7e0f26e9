/** Schemas of documents: create, change, list, delete. */
import * as z from "zod/mini";
import {
  ContainerTagSchema,
  CustomIdSchema,
  type Digits,
  DigitsSchema,
  FilepathSchema,
  type Filters,
  FiltersSchema,
  type MetadataJson,
  type MetadataPatch,
  MetadataPatchSchema,
  MetadataSchema,
  PathScopeSchema,
  type Schema,
  TextSchema,
} from "./schema-common.ts";

export type DocumentStatus =
  | "unknown"
  | "queued"
  | "extracting"
  | "chunking"
  | "embedding"
  | "indexing"
  | "done"
  | "failed";
export const DocumentStatusSchema: Schema<DocumentStatus> = z.enum([
  "unknown",
  "queued",
  "extracting",
  "chunking",
  "embedding",
  "indexing",
  "done",
  "failed",
]);

/** A document as the API shows it. Fields after `url` are there where the contract says so. */
export interface DocumentJson {
  readonly id: string;
  readonly customId: string | null;
  readonly connectionId?: string | null | undefined;
  readonly filepath?: string | null | undefined;
  readonly title: string | null;
  readonly summary?: string | null | undefined;
  readonly status: DocumentStatus;
  readonly type: string;
  readonly metadata: MetadataJson | null;
  readonly containerTags: readonly string[];
  readonly createdAt: string;
  readonly updatedAt: string;
  readonly url?: string | null | undefined;
  readonly content?: string | null | undefined;
  readonly raw?: unknown;
  readonly ogImage?: string | null | undefined;
  readonly spatialPoint?: unknown;
  readonly source?: string | null | undefined;
  readonly taskType?: "memory" | "superrag" | undefined;
  readonly dreamingStatus?: "dreaming" | "done" | undefined;
  readonly memories?: readonly unknown[] | undefined;
  readonly errorMessage?: string | undefined;
  /** The same as `rev`, by the name that the hosted service has for it. */
  readonly latestRevision?: number | undefined;
  readonly rev?: number | undefined;
  readonly contentHash?: string | undefined;
  readonly size?: number | undefined;
}
export const DocumentSchema: Schema<DocumentJson> = z.object({
  id: z.string(),
  customId: z.nullable(z.string()),
  connectionId: z.optional(z.nullable(z.string())),
  filepath: z.optional(z.nullable(z.string())),
  title: z.nullable(z.string()),
  summary: z.optional(z.nullable(z.string())),
  status: DocumentStatusSchema,
  type: z.string(),
  metadata: z.nullable(MetadataSchema),
  containerTags: z.array(z.string()),
  createdAt: z.string(),
  updatedAt: z.string(),
  url: z.optional(z.nullable(z.string())),
  content: z.optional(z.nullable(z.string())),
  raw: z.optional(z.unknown()),
  ogImage: z.optional(z.nullable(z.string())),
  spatialPoint: z.optional(z.unknown()),
  source: z.optional(z.nullable(z.string())),
  taskType: z.optional(z.enum(["memory", "superrag"])),
  dreamingStatus: z.optional(z.enum(["dreaming", "done"])),
  memories: z.optional(z.array(z.unknown())),
  errorMessage: z.optional(z.string()),
  latestRevision: z.optional(z.int()),
  rev: z.optional(z.int()),
  contentHash: z.optional(z.string()),
  size: z.optional(z.int()),
});

const tagFields = {
  containerTag: z.optional(z.nullable(ContainerTagSchema)),
  containerTags: z.optional(z.nullable(z.array(ContainerTagSchema).check(z.maxLength(100)))),
};
interface TagFields {
  readonly containerTag?: string | null | undefined;
  readonly containerTags?: readonly string[] | null | undefined;
}

const ingestFields = {
  customId: z.optional(z.nullable(CustomIdSchema)),
  filepath: z.optional(z.nullable(FilepathSchema)),
  metadata: z.optional(z.nullable(MetadataPatchSchema)),
  entityContext: z.optional(z.nullable(TextSchema.check(z.maxLength(1500)))),
  taskType: z.optional(z.enum(["memory", "superrag"])),
  dreaming: z.optional(z.enum(["dynamic", "instant"])),
  filterByMetadata: z.optional(z.unknown()),
};
interface IngestFields extends TagFields {
  readonly customId?: string | null | undefined;
  readonly filepath?: string | null | undefined;
  readonly metadata?: MetadataPatch | null | undefined;
  readonly entityContext?: string | null | undefined;
  readonly taskType?: "memory" | "superrag" | undefined;
  readonly dreaming?: "dynamic" | "instant" | undefined;
  readonly filterByMetadata?: unknown;
}

/** `POST /v3/documents` */
export interface CreateDocument extends IngestFields {
  readonly content: string;
  readonly documentDate?: string | undefined;
  /** What an existing custom id with other content means: its new content (default), or more of it. */
  readonly updateMode?: "replace" | "append" | undefined;
}
export const CreateDocumentSchema: Schema<CreateDocument> = z.object({
  ...tagFields,
  ...ingestFields,
  content: TextSchema,
  documentDate: z.optional(z.string().check(z.maxLength(64))),
  updateMode: z.optional(z.enum(["replace", "append"])),
});

/** `PATCH /v3/documents/{id}` */
export interface PatchDocument extends IngestFields {
  readonly content?: string | undefined;
}
export const PatchDocumentSchema: Schema<PatchDocument> = z.object({
  ...tagFields,
  ...ingestFields,
  content: z.optional(TextSchema),
});

/** The fields of the multipart form of `POST /v3/documents/file`, beside `file`. */
export interface UploadFields {
  readonly containerTag?: string | undefined;
  readonly containerTags?: string | undefined;
  readonly filepath?: string | undefined;
  readonly metadata?: string | undefined;
  readonly customId?: string | undefined;
  readonly fileType?: string | undefined;
  readonly mimeType?: string | undefined;
  readonly entityContext?: string | undefined;
  readonly taskType?: "memory" | "superrag" | undefined;
  readonly dreaming?: "dynamic" | "instant" | undefined;
  readonly filterByMetadata?: string | undefined;
  readonly useAdvancedProcessing?: string | undefined;
}
export const UploadFieldsSchema: Schema<UploadFields> = z.object({
  containerTag: z.optional(ContainerTagSchema),
  containerTags: z.optional(z.string().check(z.maxLength(16_384))),
  filepath: z.optional(FilepathSchema),
  metadata: z.optional(z.string().check(z.maxLength(131_072))),
  customId: z.optional(CustomIdSchema),
  fileType: z.optional(z.string()),
  mimeType: z.optional(z.string().check(z.maxLength(255))),
  entityContext: z.optional(TextSchema.check(z.maxLength(1500))),
  taskType: z.optional(z.enum(["memory", "superrag"])),
  dreaming: z.optional(z.enum(["dynamic", "instant"])),
  filterByMetadata: z.optional(z.string()),
  useAdvancedProcessing: z.optional(z.string()),
});

/** What a write answers. All but id and status are ours, and there on every write of ours. */
export interface WriteResponse {
  readonly id: string;
  readonly status: DocumentStatus;
  readonly rev?: number | undefined;
  readonly contentHash?: string | undefined;
  readonly filepath?: string | null | undefined;
}
export const WriteResponseSchema: Schema<WriteResponse> = z.object({
  id: z.string(),
  status: DocumentStatusSchema,
  rev: z.optional(z.int()),
  contentHash: z.optional(z.string()),
  filepath: z.optional(z.nullable(z.string())),
});

/** `POST /v3/documents/batch` */
export interface BatchCreate extends IngestFields {
  readonly documents: readonly unknown[];
  readonly content?: undefined;
}
export const BatchCreateSchema: Schema<BatchCreate> = z.object({
  ...tagFields,
  ...ingestFields,
  // Each item is checked on its own (as `CreateDocument`; a bare string is its content): one bad one fails no other.
  documents: z.array(z.unknown()).check(z.minLength(1), z.maxLength(600)),
});

export interface BatchResponse {
  readonly results: readonly {
    readonly id: string;
    readonly status: DocumentStatus | "error";
    readonly error?: string | undefined;
    readonly details?: string | undefined;
  }[];
  readonly success: number;
  readonly failed: number;
}
export const BatchResponseSchema: Schema<BatchResponse> = z.object({
  results: z.array(
    z.object({
      id: z.string(),
      status: z.union([DocumentStatusSchema, z.literal("error")]),
      error: z.optional(z.string()),
      details: z.optional(z.string()),
    }),
  ),
  success: z.int(),
  failed: z.int(),
});

/** `DELETE /v3/documents/bulk` */
export interface BulkDelete {
  readonly ids?: readonly string[] | undefined;
  readonly containerTags?: readonly string[] | undefined;
  readonly filepath?: string | undefined;
}
export const BulkDeleteSchema: Schema<BulkDelete> = z.object({
  ids: z.optional(
    z
      .array(z.string().check(z.minLength(1), z.maxLength(255)))
      .check(z.minLength(1), z.maxLength(100)),
  ),
  containerTags: z.optional(z.array(ContainerTagSchema).check(z.minLength(1), z.maxLength(100))),
  filepath: z.optional(PathScopeSchema),
});

export interface BulkDeleteResponse {
  readonly success: boolean;
  readonly deletedCount: number;
  readonly errors?: readonly { readonly id: string; readonly error: string }[] | undefined;
  readonly containerTags?: readonly string[] | undefined;
}
export const BulkDeleteResponseSchema: Schema<BulkDeleteResponse> = z.object({
  success: z.boolean(),
  deletedCount: z.int(),
  errors: z.optional(z.array(z.object({ id: z.string(), error: z.string() }))),
  containerTags: z.optional(z.array(z.string())),
});

/** `POST /v3/documents/list` */
export interface ListRequest extends TagFields {
  readonly filepath?: string | null | undefined;
  readonly filters?: Filters | null | undefined;
  readonly includeContent?: boolean | undefined;
  readonly limit?: Digits | undefined;
  readonly page?: Digits | undefined;
  readonly sort?: "createdAt" | "updatedAt" | undefined;
  readonly order?: "asc" | "desc" | undefined;
  readonly status?: DocumentStatus | undefined;
  /** Where to go on, instead of a page: from `pagination.nextCursor`. */
  readonly cursor?: string | undefined;
}
export const ListRequestSchema: Schema<ListRequest> = z.object({
  ...tagFields,
  filepath: z.optional(z.nullable(PathScopeSchema)),
  filters: z.optional(z.nullable(FiltersSchema)),
  includeContent: z.optional(z.boolean()),
  limit: z.optional(DigitsSchema),
  page: z.optional(DigitsSchema),
  sort: z.optional(z.enum(["createdAt", "updatedAt"])),
  order: z.optional(z.enum(["asc", "desc"])),
  status: z.optional(DocumentStatusSchema),
  cursor: z.optional(z.string().check(z.maxLength(200))),
});

export interface Pagination {
  readonly currentPage: number;
  readonly limit: number;
  readonly totalItems: number;
  readonly totalPages: number;
  readonly nextCursor?: string | undefined;
}
export const PaginationSchema: Schema<Pagination> = z.object({
  currentPage: z.int(),
  limit: z.int(),
  totalItems: z.int(),
  totalPages: z.int(),
  nextCursor: z.optional(z.string()),
});

export interface ListResponse {
  readonly memories: readonly DocumentJson[];
  readonly pagination: Pagination;
}
export const ListResponseSchema: Schema<ListResponse> = z.object({
  memories: z.array(DocumentSchema),
  pagination: PaginationSchema,
});

/** `GET /v3/documents/processing` */
export interface ProcessingResponse {
  readonly documents: readonly DocumentJson[];
  readonly totalCount: number;
}
export const ProcessingResponseSchema: Schema<ProcessingResponse> = z.object({
  documents: z.array(DocumentSchema),
  totalCount: z.int(),
});

/** `GET /v3/documents/{id}/chunks` */
export interface ChunksResponse {
  readonly documentId: string;
  readonly chunks: readonly {
    readonly id: string;
    readonly position: number;
    readonly content: string;
    readonly type: "text" | "image";
    readonly metadata: MetadataJson | null;
    readonly createdAt: string;
  }[];
  readonly total: number;
}
export const ChunksResponseSchema: Schema<ChunksResponse> = z.object({
  documentId: z.string(),
  chunks: z.array(
    z.object({
      id: z.string(),
      position: z.int(),
      content: z.string(),
      type: z.enum(["text", "image"]),
      metadata: z.nullable(MetadataSchema),
      createdAt: z.string(),
    }),
  ),
  total: z.int(),
});

/** `GET /v3/documents/{id}/file-url` */
export interface FileUrlResponse {
  readonly url: string;
}
export const FileUrlResponseSchema: Schema<FileUrlResponse> = z.object({ url: z.string() });
