/** Schemas of containers, settings and conversations. */
import * as z from "zod/mini";
import {
  ContainerTagSchema,
  type MetadataJson,
  type MetadataPatch,
  MetadataPatchSchema,
  MetadataSchema,
  PathScopeSchema,
  type Schema,
  TextSchema,
} from "./schema-common.ts";

export interface ProfileBucket {
  readonly key: string;
  readonly description: string;
}
const reservedBuckets = new Set(["static", "dynamic"]);
export const ProfileBucketSchema: Schema<ProfileBucket> = z.object({
  key: z.string().check(
    z.regex(/^[a-z0-9][a-z0-9_-]{0,63}$/),
    z.refine((key) => !reservedBuckets.has(key), { error: () => "is a reserved key" }),
  ),
  description: TextSchema.check(z.maxLength(2000)),
});

/** `PATCH /v3/container-tags/{tag}` */
export interface PatchContainer {
  readonly name?: string | undefined;
  readonly entityContext?: string | null | undefined;
  readonly memoryFilesystemPaths?: readonly string[] | null | undefined;
  readonly profileBuckets?: readonly ProfileBucket[] | undefined;
}
export const PatchContainerSchema: Schema<PatchContainer> = z.object({
  name: z.optional(TextSchema.check(z.minLength(1), z.maxLength(100))),
  entityContext: z.optional(z.nullable(TextSchema.check(z.maxLength(1500)))),
  memoryFilesystemPaths: z.optional(z.nullable(z.array(PathScopeSchema).check(z.maxLength(1000)))),
  profileBuckets: z.optional(z.array(ProfileBucketSchema).check(z.maxLength(50))),
});

export interface ContainerJson {
  readonly containerTag: string;
  readonly name: string;
  readonly entityContext: string | null;
  readonly memoryFilesystemPaths: readonly string[] | null;
  readonly profileBuckets: readonly ProfileBucket[];
  readonly createdAt?: string | undefined;
  readonly updatedAt: string;
}
export const ContainerSchema: Schema<ContainerJson> = z.object({
  containerTag: z.string(),
  name: z.string(),
  entityContext: z.nullable(z.string()),
  memoryFilesystemPaths: z.nullable(z.array(z.string())),
  profileBuckets: z.array(z.object({ key: z.string(), description: z.string() })),
  createdAt: z.optional(z.string()),
  updatedAt: z.string(),
});

/** One row of `GET /v3/container-tags/list`. */
export interface ContainerListItem {
  readonly id: string;
  readonly name: string;
  readonly containerTag: string;
  readonly description: string | null;
  readonly createdAt: string;
  readonly updatedAt: string;
  readonly isExperimental: boolean;
  readonly isNova: boolean;
  readonly documentCount: number;
  readonly memoryCount: number;
  readonly lastActivityAt: string | null;
}
export const ContainerListSchema: Schema<readonly ContainerListItem[]> = z.array(
  z.object({
    id: z.string(),
    name: z.string(),
    containerTag: z.string(),
    description: z.nullable(z.string()),
    createdAt: z.string(),
    updatedAt: z.string(),
    isExperimental: z.boolean(),
    isNova: z.boolean(),
    documentCount: z.int(),
    memoryCount: z.int(),
    lastActivityAt: z.nullable(z.string()),
  }),
);

export interface ContainerDeleted {
  readonly success: boolean;
  readonly containerTag: string;
  readonly deletedDocumentsCount: number;
  readonly deletedMemoriesCount: number;
}
export const ContainerDeletedSchema: Schema<ContainerDeleted> = z.object({
  success: z.boolean(),
  containerTag: z.string(),
  deletedDocumentsCount: z.int(),
  deletedMemoriesCount: z.int(),
});

/** `POST /v3/container-tags/merge` */
export interface MergeContainers {
  readonly containerTags: readonly string[];
  readonly targetContainerTag: string;
}
export const MergeContainersSchema: Schema<MergeContainers> = z.object({
  containerTags: z.array(ContainerTagSchema).check(z.minLength(1), z.maxLength(100)),
  targetContainerTag: ContainerTagSchema,
});

/** `POST /v4/conversations` */
export interface ConversationMessage {
  readonly role: "user" | "assistant" | "system" | "tool";
  readonly content?: unknown;
  readonly name?: string | undefined;
  readonly tool_calls?: unknown;
  readonly tool_call_id?: string | undefined;
}
export interface ConversationRequest {
  readonly conversationId: string;
  readonly messages: readonly ConversationMessage[];
  readonly containerTags?: readonly string[] | null | undefined;
  readonly containerTag?: string | null | undefined;
  readonly metadata?: MetadataPatch | null | undefined;
  readonly entityContext?: string | null | undefined;
}
const imageUrl = z.object({ url: z.string() });
const contentPart = z.union([
  z.object({ type: z.literal("text"), text: TextSchema }),
  z.object({
    type: z.literal("image_url"),
    imageUrl: z.optional(imageUrl),
    image_url: z.optional(imageUrl),
  }),
]);
export const ConversationRequestSchema: Schema<ConversationRequest> = z.object({
  conversationId: z.string().check(z.regex(/^\P{Cc}{1,255}$/u)),
  messages: z
    .array(
      z.object({
        role: z.enum(["user", "assistant", "system", "tool"]),
        content: z.optional(z.nullable(z.union([TextSchema, z.array(contentPart)]))),
        name: z.optional(TextSchema),
        tool_calls: z.optional(z.unknown()),
        tool_call_id: z.optional(TextSchema),
      }),
    )
    .check(z.minLength(1), z.maxLength(10_000)),
  containerTags: z.optional(z.nullable(z.array(ContainerTagSchema).check(z.maxLength(100)))),
  containerTag: z.optional(z.nullable(ContainerTagSchema)),
  metadata: z.optional(z.nullable(MetadataPatchSchema)),
  entityContext: z.optional(z.nullable(TextSchema.check(z.maxLength(1500)))),
});

export interface ConversationResponse {
  readonly id: string;
  readonly conversationId: string;
  readonly status: string;
}
export const ConversationResponseSchema: Schema<ConversationResponse> = z.object({
  id: z.string(),
  conversationId: z.string(),
  status: z.string(),
});

/** Settings: stored as they are given and echoed; unknown ones too. */
export type Settings = Readonly<Record<string, unknown>>;
export const SettingsSchema: Schema<Settings> = z.record(
  z.string().check(z.minLength(1), z.maxLength(64)),
  z.unknown(),
);
export interface SettingsUpdated {
  readonly orgId: string;
  readonly orgSlug: string;
  readonly updated: Settings;
}
export const SettingsUpdatedSchema: Schema<SettingsUpdated> = z.object({
  orgId: z.string(),
  orgSlug: z.string(),
  updated: SettingsSchema,
});

/** A document in the memory graph of `POST /v3/documents/documents`. */
export interface GraphDocument {
  readonly id: string;
  readonly title: string | null;
  readonly summary: string | null;
  readonly type: string;
  readonly createdAt: string;
  readonly updatedAt: string;
  readonly metadata: MetadataJson | null;
  readonly memoryEntries: readonly unknown[];
}
export const GraphDocumentSchema: Schema<GraphDocument> = z.object({
  id: z.string(),
  title: z.nullable(z.string()),
  summary: z.nullable(z.string()),
  type: z.string(),
  createdAt: z.string(),
  updatedAt: z.string(),
  metadata: z.nullable(MetadataSchema),
  memoryEntries: z.array(z.unknown()),
});
