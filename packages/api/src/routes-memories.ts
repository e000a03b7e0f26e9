/** Routes of search, memories, profiles and conversations. */
import type { Route } from "./route.ts";
import {
  type ConversationRequest,
  ConversationRequestSchema,
  ConversationResponseSchema,
} from "./schema-containers.ts";
import {
  CreatedMemoriesSchema,
  type CreateMemories,
  CreateMemoriesSchema,
  type ForgetMatching,
  ForgetMatchingResponseSchema,
  ForgetMatchingSchema,
  type ForgetMemory,
  ForgetMemorySchema,
  ForgottenMemorySchema,
  type ListMemories,
  ListMemoriesSchema,
  MemoryListSchema,
  PatchedMemorySchema,
  type PatchMemory,
  PatchMemorySchema,
} from "./schema-memories.ts";
import {
  type BucketsRequest,
  BucketsRequestSchema,
  BucketsResponseSchema,
  type DocumentSearch,
  DocumentSearchResponseSchema,
  DocumentSearchSchema,
  type MemorySearch,
  MemorySearchResponseSchema,
  MemorySearchSchema,
  type ProfileRequest,
  ProfileRequestSchema,
  ProfileResponseSchema,
} from "./schema-search.ts";

export interface MemoryRoutes {
  readonly searchDocuments: Route<DocumentSearch>;
  readonly searchMemories: Route<MemorySearch>;
  readonly profile: Route<ProfileRequest>;
  readonly profileBuckets: Route<BucketsRequest>;
  readonly createMemories: Route<CreateMemories>;
  readonly patchMemory: Route<PatchMemory>;
  readonly forgetMemory: Route<ForgetMemory>;
  readonly listMemories: Route<ListMemories>;
  readonly forgetMatching: Route<ForgetMatching>;
  readonly conversation: Route<ConversationRequest>;
}

export const memoryRoutes: MemoryRoutes = {
  searchDocuments: {
    method: "POST",
    path: "/v3/search",
    summary: "Find documents by meaning and words, each with its matching chunks",
    access: "read",
    body: DocumentSearchSchema,
    answers: { 200: DocumentSearchResponseSchema },
  },
  searchMemories: {
    method: "POST",
    path: "/v4/search",
    summary: "Find memories and chunks by meaning and words",
    access: "read",
    body: MemorySearchSchema,
    answers: { 200: MemorySearchResponseSchema },
  },
  profile: {
    method: "POST",
    path: "/v4/profile",
    summary: "What a container's memories say about whom or what it is about",
    access: "read",
    body: ProfileRequestSchema,
    answers: { 200: ProfileResponseSchema },
  },
  profileBuckets: {
    method: "POST",
    path: "/v4/profile/buckets",
    summary: "The profile buckets of a container",
    access: "read",
    body: BucketsRequestSchema,
    answers: { 200: BucketsResponseSchema },
  },
  createMemories: {
    method: "POST",
    path: "/v4/memories",
    summary: "Say memories outright",
    access: "write",
    body: CreateMemoriesSchema,
    answers: { 201: CreatedMemoriesSchema },
  },
  patchMemory: {
    method: "PATCH",
    path: "/v4/memories",
    summary: "The next version of a memory",
    access: "write",
    body: PatchMemorySchema,
    answers: { 200: PatchedMemorySchema },
  },
  forgetMemory: {
    method: "DELETE",
    path: "/v4/memories",
    summary: "Forget a memory",
    access: "write",
    body: ForgetMemorySchema,
    answers: { 200: ForgottenMemorySchema },
  },
  listMemories: {
    method: "POST",
    path: "/v4/memories/list",
    summary: "The memories of containers, latest versions",
    access: "read",
    body: ListMemoriesSchema,
    answers: { 200: MemoryListSchema },
  },
  forgetMatching: {
    method: "POST",
    path: "/v4/memories/forget-matching",
    summary: "Forget the memories that a question finds",
    access: "write",
    body: ForgetMatchingSchema,
    answers: { 200: ForgetMatchingResponseSchema },
  },
  conversation: {
    method: "POST",
    path: "/v4/conversations",
    summary: "Keep a conversation as one document; callers send all of it each time",
    access: "write",
    body: ConversationRequestSchema,
    answers: { 200: ConversationResponseSchema },
  },
};
