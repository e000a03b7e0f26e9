/** Routes of containers, settings, and what this server leaves out. */
import * as z from "zod/mini";
import type { Route } from "./route.ts";
import {
  ContainerDeletedSchema,
  ContainerListSchema,
  ContainerSchema,
  GraphDocumentSchema,
  type MergeContainers,
  MergeContainersSchema,
  type PatchContainer,
  PatchContainerSchema,
  type Settings,
  SettingsSchema,
  SettingsUpdatedSchema,
} from "./schema-containers.ts";
import { type ListRequest, ListRequestSchema, PaginationSchema } from "./schema-documents.ts";

export interface ContainerRoutes {
  readonly listContainers: Route;
  readonly mergeContainers: Route<MergeContainers>;
  readonly getMerge: Route;
  readonly getContainer: Route;
  readonly patchContainer: Route<PatchContainer>;
  readonly deleteContainer: Route;
  readonly inferredMemories: Route;
  readonly documentGraph: Route<ListRequest>;
  readonly getSettings: Route;
  readonly patchSettings: Route<Settings>;
  readonly suggestBuckets: Route;
  readonly resetSettings: Route;
  readonly listConnections: Route;
  readonly getConnection: Route;
  readonly providerConnection: Route;
}

const MergeStateSchema = z.object({
  success: z.boolean(),
  status: z.string(),
  mergeId: z.string(),
  targetTag: z.string(),
  sourceTags: z.array(z.string()),
});

export const containerRoutes: ContainerRoutes = {
  listContainers: {
    method: "GET",
    path: "/v3/container-tags/list",
    summary: "All containers",
    access: "read",
    answers: { 200: ContainerListSchema },
  },
  mergeContainers: {
    method: "POST",
    path: "/v3/container-tags/merge",
    summary: "Move everything of some containers into another one",
    access: "write",
    body: MergeContainersSchema,
    answers: { 202: MergeStateSchema },
  },
  getMerge: {
    method: "GET",
    path: "/v3/container-tags/merge/{mergeId}",
    summary: "How far a merge is",
    access: "read",
    answers: { 200: MergeStateSchema },
  },
  getContainer: {
    method: "GET",
    path: "/v3/container-tags/{tag}",
    summary: "A container and its settings",
    access: "read",
    answers: { 200: ContainerSchema },
  },
  patchContainer: {
    method: "PATCH",
    path: "/v3/container-tags/{tag}",
    summary: "Change a container's settings; a container that is not there is made",
    access: "write",
    body: PatchContainerSchema,
    answers: { 200: ContainerSchema },
  },
  deleteContainer: {
    method: "DELETE",
    path: "/v3/container-tags/{tag}",
    summary: "Delete a container with its documents and memories",
    access: "write",
    answers: { 200: ContainerDeletedSchema },
  },
  inferredMemories: {
    method: "GET",
    path: "/v3/container-tags/{tag}/inferred",
    summary: "Memories that nobody said: none here",
    access: "read",
    answers: { 200: z.object({ memories: z.array(z.unknown()), total: z.int() }) },
  },
  documentGraph: {
    method: "POST",
    path: "/v3/documents/documents",
    summary: "Documents with the memories drawn from them",
    access: "read",
    body: ListRequestSchema,
    answers: {
      200: z.object({ documents: z.array(GraphDocumentSchema), pagination: PaginationSchema }),
    },
  },
  getSettings: {
    method: "GET",
    path: "/v3/settings",
    summary: "The settings that were stored",
    access: "read",
    answers: { 200: SettingsSchema },
  },
  patchSettings: {
    method: "PATCH",
    path: "/v3/settings",
    summary: "Store settings",
    access: "write",
    body: SettingsSchema,
    answers: { 200: SettingsUpdatedSchema },
  },
  suggestBuckets: {
    method: "POST",
    path: "/v3/settings/suggest-buckets",
    summary: "Suggestions for profile buckets: needs a model, which this server has not",
    access: "read",
    answers: {},
  },
  resetSettings: {
    method: "POST",
    path: "/v3/settings/reset",
    summary: "Reset everything: not allowed over the API",
    access: "write",
    answers: {},
  },
  listConnections: {
    method: "POST",
    path: "/v3/connections/list",
    summary: "Connections to other services: none here",
    access: "read",
    answers: { 200: z.array(z.unknown()) },
  },
  getConnection: {
    method: "GET",
    path: "/v3/connections/{id}",
    summary: "A connection to another service: none here",
    access: "read",
    answers: {},
  },
  providerConnection: {
    method: "POST",
    path: "/v3/connections/{provider}/connection",
    summary: "The connection to one service: none here",
    access: "read",
    answers: {},
  },
};
