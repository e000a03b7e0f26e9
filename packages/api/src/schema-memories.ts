/** Schemas of memories. */
import * as z from "zod/mini";
import {
  ContainerTagSchema,
  type Digits,
  DigitsSchema,
  type Filters,
  FiltersSchema,
  type MetadataJson,
  MetadataSchema,
  type Schema,
  TextSchema,
} from "./schema-common.ts";
import { type Pagination, PaginationSchema } from "./schema-documents.ts";

export interface TemporalContextJson {
  readonly documentDate?: string | undefined;
  readonly eventDate?: readonly string[] | undefined;
}
const temporalContext = z.object({
  documentDate: z.optional(z.string().check(z.maxLength(64))),
  eventDate: z.optional(z.array(z.string().check(z.maxLength(64))).check(z.maxLength(100))),
});
const memoryText = TextSchema.check(z.minLength(1), z.maxLength(10_000));
const memoryId = z.string().check(z.minLength(1), z.maxLength(64));
const reason = z.optional(z.nullable(TextSchema.check(z.maxLength(1000))));
const moment = z.optional(z.nullable(z.string().check(z.maxLength(64))));

/** `POST /v4/memories` */
export interface CreateMemories {
  readonly containerTag: string;
  readonly memories: readonly {
    readonly content: string;
    readonly isStatic?: boolean | undefined;
    readonly metadata?: MetadataJson | null | undefined;
    readonly forgetAfter?: string | null | undefined;
    readonly forgetReason?: string | null | undefined;
    readonly temporalContext?: TemporalContextJson | null | undefined;
  }[];
}
export const CreateMemoriesSchema: Schema<CreateMemories> = z.object({
  containerTag: ContainerTagSchema,
  memories: z
    .array(
      z.object({
        content: memoryText,
        isStatic: z.optional(z.boolean()),
        metadata: z.optional(z.nullable(MetadataSchema)),
        forgetAfter: moment,
        forgetReason: reason,
        temporalContext: z.optional(z.nullable(temporalContext)),
      }),
    )
    .check(z.minLength(1), z.maxLength(100)),
});

export interface CreatedMemories {
  readonly documentId: string | null;
  readonly memories: readonly {
    readonly id: string;
    readonly memory: string;
    readonly isStatic: boolean;
    readonly createdAt: string;
    readonly forgetAfter: string | null;
    readonly forgetReason: string | null;
    readonly metadata: MetadataJson | null;
  }[];
}
const nullableText = z.nullable(z.string());
export const CreatedMemoriesSchema: Schema<CreatedMemories> = z.object({
  documentId: nullableText,
  memories: z.array(
    z.object({
      id: z.string(),
      memory: z.string(),
      isStatic: z.boolean(),
      createdAt: z.string(),
      forgetAfter: nullableText,
      forgetReason: nullableText,
      metadata: z.nullable(MetadataSchema),
    }),
  ),
});

/** `PATCH /v4/memories` */
export interface PatchMemory {
  readonly containerTag: string;
  readonly id?: string | undefined;
  readonly content?: string | undefined;
  readonly newContent: string;
  readonly metadata?: MetadataJson | null | undefined;
  readonly forgetAfter?: string | null | undefined;
  readonly forgetReason?: string | null | undefined;
  readonly temporalContext?: TemporalContextJson | null | undefined;
}
export const PatchMemorySchema: Schema<PatchMemory> = z.object({
  containerTag: ContainerTagSchema,
  id: z.optional(memoryId),
  content: z.optional(memoryText),
  newContent: memoryText,
  metadata: z.optional(z.nullable(MetadataSchema)),
  forgetAfter: moment,
  forgetReason: reason,
  temporalContext: z.optional(z.nullable(temporalContext)),
});

export interface PatchedMemory {
  readonly id: string;
  readonly memory: string;
  readonly version: number;
  readonly parentMemoryId: string | null;
  readonly rootMemoryId: string;
  readonly createdAt: string;
  readonly forgetAfter: string | null;
  readonly forgetReason: string | null;
  readonly metadata: MetadataJson | null;
}
export const PatchedMemorySchema: Schema<PatchedMemory> = z.object({
  id: z.string(),
  memory: z.string(),
  version: z.int(),
  parentMemoryId: nullableText,
  rootMemoryId: z.string(),
  createdAt: z.string(),
  forgetAfter: nullableText,
  forgetReason: nullableText,
  metadata: z.nullable(MetadataSchema),
});

/** `DELETE /v4/memories` */
export interface ForgetMemory {
  readonly containerTag: string;
  readonly id?: string | undefined;
  readonly content?: string | undefined;
  readonly reason?: string | null | undefined;
}
export const ForgetMemorySchema: Schema<ForgetMemory> = z.object({
  containerTag: ContainerTagSchema,
  id: z.optional(memoryId),
  content: z.optional(memoryText),
  reason,
});
export interface ForgottenMemory {
  readonly id: string;
  readonly forgotten: boolean;
}
export const ForgottenMemorySchema: Schema<ForgottenMemory> = z.object({
  id: z.string(),
  forgotten: z.boolean(),
});

/** `POST /v4/memories/list` */
export interface ListMemories {
  readonly containerTags: readonly string[];
  readonly filters?: Filters | null | undefined;
  readonly page?: Digits | undefined;
  readonly limit?: Digits | undefined;
  readonly sort?: "createdAt" | "updatedAt" | undefined;
  readonly order?: "asc" | "desc" | undefined;
}
export const ListMemoriesSchema: Schema<ListMemories> = z.object({
  containerTags: z.array(ContainerTagSchema).check(z.minLength(1), z.maxLength(100)),
  filters: z.optional(z.nullable(FiltersSchema)),
  page: z.optional(DigitsSchema),
  limit: z.optional(DigitsSchema),
  sort: z.optional(z.enum(["createdAt", "updatedAt"])),
  order: z.optional(z.enum(["asc", "desc"])),
});

/** A memory as it is shown: its latest version, with the ones before. */
export interface MemoryJson {
  readonly id: string;
  readonly memory: string;
  readonly version: number;
  readonly isLatest: boolean;
  readonly isForgotten: boolean;
  readonly isStatic: boolean;
  readonly isInference: boolean;
  readonly createdAt: string;
  readonly updatedAt: string;
  readonly spaceId: string;
  readonly orgId: string;
  readonly sourceCount: number;
  readonly parentMemoryId: string | null;
  readonly rootMemoryId: string;
  readonly forgetAfter: string | null;
  readonly forgetReason: string | null;
  readonly metadata: MetadataJson | null;
  readonly memoryRelations: Readonly<Record<string, string>>;
  readonly temporalContext: TemporalContextJson | null;
  readonly history: readonly unknown[];
  readonly documentIds: readonly string[];
}
export const MemorySchema: Schema<MemoryJson> = z.object({
  id: z.string(),
  memory: z.string(),
  version: z.int(),
  isLatest: z.boolean(),
  isForgotten: z.boolean(),
  isStatic: z.boolean(),
  isInference: z.boolean(),
  createdAt: z.string(),
  updatedAt: z.string(),
  spaceId: z.string(),
  orgId: z.string(),
  sourceCount: z.int(),
  parentMemoryId: nullableText,
  rootMemoryId: z.string(),
  forgetAfter: nullableText,
  forgetReason: nullableText,
  metadata: z.nullable(MetadataSchema),
  memoryRelations: z.record(z.string(), z.string()),
  temporalContext: z.nullable(temporalContext),
  history: z.array(z.unknown()),
  documentIds: z.array(z.string()),
});
export interface MemoryList {
  readonly memoryEntries: readonly MemoryJson[];
  readonly pagination: Pagination;
}
export const MemoryListSchema: Schema<MemoryList> = z.object({
  memoryEntries: z.array(MemorySchema),
  pagination: PaginationSchema,
});

/** `POST /v4/memories/forget-matching` */
export interface ForgetMatching {
  readonly containerTag: string;
  readonly query?: string | undefined;
  readonly ids?: readonly string[] | undefined;
  readonly dryRun?: boolean | undefined;
  readonly threshold?: number | undefined;
  readonly maxForget?: number | undefined;
  readonly reason?: string | null | undefined;
}
export const ForgetMatchingSchema: Schema<ForgetMatching> = z.object({
  containerTag: ContainerTagSchema,
  query: z.optional(z.string().check(z.minLength(1), z.maxLength(32_768))),
  ids: z.optional(z.array(memoryId).check(z.minLength(1), z.maxLength(500))),
  dryRun: z.optional(z.boolean()),
  threshold: z.optional(z.number().check(z.minimum(0), z.maximum(1))),
  maxForget: z.optional(z.int().check(z.minimum(1), z.maximum(500))),
  reason,
});
export interface ForgetMatchingResponse {
  readonly dryRun: boolean;
  readonly count: number;
  readonly forgetBatchId: string | null;
  readonly summary: string;
  readonly candidates?: readonly MatchedMemory[] | undefined;
  readonly forgotten?: readonly MatchedMemory[] | undefined;
}
export interface MatchedMemory {
  readonly id: string;
  readonly memory: string;
  readonly score: number;
}
const matched = z.array(z.object({ id: z.string(), memory: z.string(), score: z.number() }));
export const ForgetMatchingResponseSchema: Schema<ForgetMatchingResponse> = z.object({
  dryRun: z.boolean(),
  count: z.int(),
  forgetBatchId: nullableText,
  summary: z.string(),
  candidates: z.optional(matched),
  forgotten: z.optional(matched),
});
