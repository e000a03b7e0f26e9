/** Schemas of search and profile. */
import * as z from "zod/mini";
import {
  ContainerTagSchema,
  type Digits,
  DigitsSchema,
  type Filters,
  FiltersSchema,
  type MetadataJson,
  MetadataSchema,
  PathScopeSchema,
  type Schema,
} from "./schema-common.ts";

const question = z.string().check(z.minLength(1), z.maxLength(32_768));
const threshold = z.optional(z.number().check(z.minimum(0), z.maximum(1)));
const limit = z.optional(DigitsSchema);
const tags = {
  containerTag: z.optional(z.nullable(ContainerTagSchema)),
  containerTags: z.optional(z.nullable(z.array(ContainerTagSchema).check(z.maxLength(100)))),
};
interface Tags {
  readonly containerTag?: string | null | undefined;
  readonly containerTags?: readonly string[] | null | undefined;
}

/** `POST /v3/search` */
export interface DocumentSearch extends Tags {
  readonly q: string;
  readonly limit?: Digits | undefined;
  readonly chunkThreshold?: number | undefined;
  readonly documentThreshold?: number | undefined;
  readonly docId?: string | undefined;
  readonly filters?: Filters | null | undefined;
  readonly filepath?: string | null | undefined;
  readonly includeFullDocs?: boolean | undefined;
  readonly includeSummary?: boolean | undefined;
  readonly onlyMatchingChunks?: boolean | undefined;
  readonly rerank?: boolean | undefined;
  readonly rewriteQuery?: boolean | undefined;
  readonly categoriesFilter?: readonly string[] | undefined;
}
export const DocumentSearchSchema: Schema<DocumentSearch> = z.object({
  ...tags,
  q: question,
  limit,
  chunkThreshold: threshold,
  documentThreshold: threshold,
  docId: z.optional(z.string().check(z.maxLength(255))),
  filters: z.optional(z.nullable(FiltersSchema)),
  filepath: z.optional(z.nullable(PathScopeSchema)),
  includeFullDocs: z.optional(z.boolean()),
  includeSummary: z.optional(z.boolean()),
  onlyMatchingChunks: z.optional(z.boolean()),
  rerank: z.optional(z.boolean()),
  rewriteQuery: z.optional(z.boolean()),
  categoriesFilter: z.optional(z.array(z.string())),
});

export interface DocumentSearchResponse {
  readonly results: readonly {
    readonly documentId: string;
    readonly title: string | null;
    readonly type: string;
    readonly score: number;
    readonly metadata: MetadataJson | null;
    readonly createdAt: string;
    readonly updatedAt: string;
    readonly filepath?: string | null | undefined;
    readonly chunks: readonly {
      readonly content: string;
      readonly isRelevant: boolean;
      readonly score: number;
      /** From 0, within its document. */
      readonly position: number;
    }[];
    readonly content?: string | null | undefined;
    readonly summary?: string | null | undefined;
  }[];
  readonly total: number;
  readonly timing: number;
}
export const DocumentSearchResponseSchema: Schema<DocumentSearchResponse> = z.object({
  results: z.array(
    z.object({
      documentId: z.string(),
      title: z.nullable(z.string()),
      type: z.string(),
      score: z.number(),
      metadata: z.nullable(MetadataSchema),
      createdAt: z.string(),
      updatedAt: z.string(),
      filepath: z.optional(z.nullable(z.string())),
      chunks: z.array(
        z.object({
          content: z.string(),
          isRelevant: z.boolean(),
          score: z.number(),
          position: z.int(),
        }),
      ),
      content: z.optional(z.nullable(z.string())),
      summary: z.optional(z.nullable(z.string())),
    }),
  ),
  total: z.int(),
  timing: z.number(),
});

/** `POST /v4/search` */
export interface MemorySearch extends Tags {
  readonly q: string;
  readonly searchMode?: "memories" | "hybrid" | "documents" | undefined;
  readonly threshold?: number | undefined;
  readonly limit?: Digits | undefined;
  readonly filters?: Filters | null | undefined;
  readonly filepath?: string | null | undefined;
  readonly include?:
    | {
        readonly documents?: boolean | undefined;
        readonly summaries?: boolean | undefined;
        readonly relatedMemories?: boolean | undefined;
        readonly forgottenMemories?: boolean | undefined;
        readonly chunks?: boolean | undefined;
      }
    | undefined;
  readonly rerank?: boolean | undefined;
  readonly rewriteQuery?: boolean | undefined;
  readonly aggregate?: boolean | undefined;
}
export const MemorySearchSchema: Schema<MemorySearch> = z.object({
  ...tags,
  q: question,
  searchMode: z.optional(z.enum(["memories", "hybrid", "documents"])),
  threshold,
  limit,
  filters: z.optional(z.nullable(FiltersSchema)),
  filepath: z.optional(z.nullable(PathScopeSchema)),
  include: z.optional(
    z.object({
      documents: z.optional(z.boolean()),
      summaries: z.optional(z.boolean()),
      relatedMemories: z.optional(z.boolean()),
      forgottenMemories: z.optional(z.boolean()),
      chunks: z.optional(z.boolean()),
    }),
  ),
  rerank: z.optional(z.boolean()),
  rewriteQuery: z.optional(z.boolean()),
  aggregate: z.optional(z.boolean()),
});

/** A hit of `POST /v4/search`: a chunk or a memory, never both. */
export interface MemorySearchHit {
  readonly id: string;
  readonly memory?: string | undefined;
  /** A verbatim part of the document. */
  readonly chunk?: string | undefined;
  readonly similarity: number;
  readonly metadata: MetadataJson | null;
  readonly updatedAt: string;
  readonly filepath: string | null;
  readonly version: number | null;
  /** Ours: the chunk's lines in the document, from 1. */
  readonly lines?: { readonly start: number; readonly end: number } | undefined;
  readonly documents?:
    | readonly {
        readonly id: string;
        readonly createdAt: string;
        readonly updatedAt: string;
        readonly title?: string | null | undefined;
        readonly type?: string | undefined;
        readonly metadata?: MetadataJson | null | undefined;
        readonly summary?: string | null | undefined;
      }[]
    | undefined;
  readonly context?: unknown;
}
export const MemorySearchHitSchema: Schema<MemorySearchHit> = z.object({
  id: z.string(),
  memory: z.optional(z.string()),
  chunk: z.optional(z.string()),
  similarity: z.number().check(z.minimum(0), z.maximum(1)),
  metadata: z.nullable(MetadataSchema),
  updatedAt: z.string(),
  filepath: z.nullable(z.string()),
  version: z.nullable(z.int()),
  lines: z.optional(z.object({ start: z.int(), end: z.int() })),
  documents: z.optional(
    z.array(
      z.object({
        id: z.string(),
        createdAt: z.string(),
        updatedAt: z.string(),
        title: z.optional(z.nullable(z.string())),
        type: z.optional(z.string()),
        metadata: z.optional(z.nullable(MetadataSchema)),
        summary: z.optional(z.nullable(z.string())),
      }),
    ),
  ),
  context: z.optional(z.unknown()),
});

export interface MemorySearchResponse {
  readonly results: readonly MemorySearchHit[];
  readonly total: number;
  readonly timing: number;
}
export const MemorySearchResponseSchema: Schema<MemorySearchResponse> = z.object({
  results: z.array(MemorySearchHitSchema),
  total: z.int(),
  timing: z.number(),
});

/** `POST /v4/profile` */
export interface ProfileRequest {
  readonly containerTag: string;
  readonly q?: string | undefined;
  readonly threshold?: number | undefined;
  readonly filters?: Filters | null | undefined;
  readonly include?: readonly ("static" | "dynamic" | "buckets")[] | undefined;
  readonly buckets?: readonly string[] | undefined;
}
export const ProfileRequestSchema: Schema<ProfileRequest> = z.object({
  containerTag: ContainerTagSchema,
  q: z.optional(z.string().check(z.maxLength(32_768))),
  threshold,
  filters: z.optional(z.nullable(FiltersSchema)),
  include: z.optional(z.array(z.enum(["static", "dynamic", "buckets"]))),
  buckets: z.optional(z.array(z.string().check(z.maxLength(64))).check(z.maxLength(50))),
});

export interface ProfileResponse {
  readonly profile: {
    readonly static?: readonly string[] | undefined;
    readonly dynamic?: readonly string[] | undefined;
    readonly buckets?: Readonly<Record<string, readonly string[]>> | undefined;
  };
  readonly searchResults?: MemorySearchResponse | undefined;
}
export const ProfileResponseSchema: Schema<ProfileResponse> = z.object({
  profile: z.object({
    static: z.optional(z.array(z.string())),
    dynamic: z.optional(z.array(z.string())),
    buckets: z.optional(z.record(z.string(), z.array(z.string()))),
  }),
  searchResults: z.optional(MemorySearchResponseSchema),
});

/** `POST /v4/profile/buckets` */
export interface BucketsRequest {
  readonly containerTag: string;
}
export const BucketsRequestSchema: Schema<BucketsRequest> = z.object({
  containerTag: ContainerTagSchema,
});
export interface BucketsResponse {
  readonly buckets: readonly { readonly key: string; readonly description: string }[];
}
export const BucketsResponseSchema: Schema<BucketsResponse> = z.object({
  buckets: z.array(z.object({ key: z.string(), description: z.string() })),
});
