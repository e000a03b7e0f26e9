/** Containers, settings, and what this server has none of. */
import type { ContainerJson, GraphDocument } from "@smfs/api";
import { ContainerTagSchema } from "@smfs/api";
import type { Handlers } from "../app.ts";
import { needContainer, needPlace, readScope } from "../documents/access.ts";
import { refuseStrict } from "../documents/check-place.ts";
import { removeFrom } from "../documents/delete-documents.ts";
import { newId } from "../documents/document-id.ts";
import type { WriteContext } from "../documents/document-write.ts";
import { type Answer, json } from "../http/answer.ts";
import type { ApiRequest } from "../http/api-request.ts";
import { forbidden, HttpError, invalid, notFound, notImplemented } from "../http/http-error.ts";
import { listLimitDefault, listLimitMax } from "../limits.ts";
import { toInnerMemory } from "../memories/memory-json.ts";
import type { ServerContext } from "../server-context.ts";
import type { StoredMerge } from "../storage/memory.ts";
import type { Transaction } from "../storage/storage.ts";
import type { StoredDocument, StoredTag } from "../storage/stored.ts";
import { toIsoTime } from "../time.ts";
import { digits } from "./list-routes.ts";
import { namedContainers, writeContext } from "./write-context.ts";

type Names =
  | "listContainers"
  | "mergeContainers"
  | "getMerge"
  | "getContainer"
  | "patchContainer"
  | "deleteContainer"
  | "inferredMemories"
  | "documentGraph"
  | "getSettings"
  | "patchSettings"
  | "suggestBuckets"
  | "resetSettings"
  | "listConnections"
  | "getConnection"
  | "providerConnection";

/** Documents of a container that are deleted in one unit. */
const deletedPerUnit = 500;
/** Bytes of all settings together. */
const settingsBytesMax: number = 256 << 10;

export function containerHandlers(context: ServerContext): Pick<Handlers, Names> {
  const { storage } = context;
  return {
    ...mergeHandlers(context),
    ...settingsHandlers(context),
    listContainers: async ({ access }) => {
      const counts = await storage.memoryCounts();
      const tags = await storage.tags();
      return json(
        tags
          .filter(({ tag }) => access.containerTags === null || access.containerTags.includes(tag))
          .map((tag) => ({
            id: tag.tag,
            name: tag.name,
            containerTag: tag.tag,
            description: tag.entityContext,
            createdAt: toIsoTime(tag.createdAt),
            updatedAt: toIsoTime(tag.updatedAt),
            isExperimental: false,
            isNova: false,
            documentCount: tag.documentCount,
            memoryCount: counts.get(tag.tag) ?? 0,
            lastActivityAt: tag.lastActivityAt === null ? null : toIsoTime(tag.lastActivityAt),
          })),
      );
    },
    getContainer: async (request) => {
      const tag = await storage.tag(containerOf(request));
      if (tag === undefined) throw notFound("Container tag");
      return json({ ...toContainer(tag), createdAt: toIsoTime(tag.createdAt) });
    },
    patchContainer: async (request) => {
      const name = containerOf(request);
      const { entityContext, memoryFilesystemPaths, profileBuckets, ...named } = request.body;
      return request.write(async (tx) => {
        // Made even when nothing is said: clients do this when they mount a new container.
        const tag = await tx.putTag(name, {
          ...(named.name === undefined ? {} : { name: named.name }),
          ...(entityContext === undefined ? {} : { entityContext }),
          ...(memoryFilesystemPaths === undefined ? {} : { memoryFilesystemPaths }),
          ...(profileBuckets === undefined ? {} : { profileBuckets }),
        });
        return json(toContainer(tag));
      });
    },
    deleteContainer: async (request) => deleteContainer(context, request),
    inferredMemories: async (request) => {
      containerOf(request);
      return json({ memories: [], total: 0 });
    },
    documentGraph: graphHandler(context),
    listConnections: async () => json([]),
    getConnection: async () => {
      throw notFound("Connection");
    },
    providerConnection: async () => {
      throw notFound("Connection");
    },
  };
}

/** Documents with the memories drawn from them. */
function graphHandler(context: ServerContext): Handlers["documentGraph"] {
  return async (request) => {
    const { body } = request;
    const limit = digits(body.limit, listLimitDefault);
    if (limit > listLimitMax) throw invalid(`limit: more than ${listLimitMax}`);
    const page = digits(body.page, 1);
    const scope = readScope(request.access, namedContainers(body), body.filepath ?? undefined);
    const order = { by: body.sort ?? "createdAt", descending: body.order !== "asc" } as const;
    const { keyId } = request.access;
    const found = await context.lists.page({ keyId, scope, order, filter: undefined, limit, page });
    const documents = [];
    for (const document of found.documents) documents.push(await toGraph(context, document));
    const totalPages = Math.ceil(found.totalItems / limit);
    return json({
      documents,
      pagination: { currentPage: page, limit, totalItems: found.totalItems, totalPages },
    });
  };
}

async function toGraph(context: ServerContext, document: StoredDocument): Promise<GraphDocument> {
  const { id, title, summary, type, metadata } = document;
  const memories = await context.storage.memoriesOfDocument(document.no);
  return {
    id,
    title,
    summary,
    type,
    createdAt: toIsoTime(document.createdAt),
    updatedAt: toIsoTime(document.updatedAt),
    metadata,
    memoryEntries: memories.map((memory) => ({
      ...toInnerMemory(memory),
      spaceId: memory.containerTag,
    })),
  };
}

/** The container in the path. @throws HttpError 400, 403 */
function containerOf(request: ApiRequest<unknown, unknown>): string {
  const parsed = ContainerTagSchema.safeParse(request.params.tag);
  if (!parsed.success) throw invalid("containerTag: bad format");
  needContainer(request.access, parsed.data);
  return parsed.data;
}

function toContainer(tag: StoredTag): ContainerJson {
  return {
    containerTag: tag.tag,
    name: tag.name,
    entityContext: tag.entityContext,
    memoryFilesystemPaths: tag.memoryFilesystemPaths,
    profileBuckets: tag.profileBuckets,
    updatedAt: toIsoTime(tag.updatedAt),
  };
}

function deleteContainer(
  context: ServerContext,
  request: ApiRequest<unknown, unknown>,
): Promise<Answer> {
  const containerTag = containerOf(request);
  needPlace(request.access, { containerTags: [containerTag], filepath: null });
  refuseStrict(request.access);
  return request.writeUnits(async () => {
    const { storage } = context;
    if ((await storage.tag(containerTag)) === undefined) throw notFound("Container tag");
    const deletedMemoriesCount = (await storage.memoryCounts()).get(containerTag) ?? 0;
    const slice = (after: Slice) =>
      storage.write((tx) => deleteSlice(tx, containerTag, writeContext(request), after));
    let deleted: Slice = { count: 0, isLast: false };
    while (!deleted.isLast) deleted = await slice(deleted);
    const deletedDocumentsCount = deleted.count;
    return json({ success: true, containerTag, deletedDocumentsCount, deletedMemoriesCount });
  });
}

/** How far the deletion of a container is: how many documents are deleted, and whether that was all. */
interface Slice {
  readonly count: number;
  readonly isLast: boolean;
}

/** Deletes some documents of a container, and with the last ones, whenever they were written, the container itself. */
async function deleteSlice(
  tx: Transaction,
  containerTag: string,
  write: WriteContext,
  before: Slice,
): Promise<Slice> {
  const scope = { containerTags: [containerTag] };
  const order = { by: "createdAt", descending: false } as const;
  const documents = await tx.documentsAfter(scope, order, undefined, deletedPerUnit);
  for (const document of documents) await removeFrom(tx, document, [containerTag], write);
  const isLast = documents.length < deletedPerUnit;
  if (isLast) {
    for (const memory of await tx.memoriesAfter(scope, 0, Number.MAX_SAFE_INTEGER)) {
      await tx.setForgotten(memory.id, true, "its container was deleted");
    }
    await tx.removeTag(containerTag);
  }
  return { count: before.count + documents.length, isLast };
}

function mergeHandlers(context: ServerContext): Pick<Handlers, "mergeContainers" | "getMerge"> {
  const { storage, random, clock, merges } = context;
  return {
    mergeContainers: async (request) => {
      const { containerTags, targetContainerTag } = request.body;
      for (const tag of [...containerTags, targetContainerTag]) needContainer(request.access, tag);
      needPlace(request.access, { containerTags, filepath: null });
      refuseStrict(request.access);
      const now = clock.now();
      const merge = {
        id: newId(random),
        sourceTags: containerTags.filter((tag) => tag !== targetContainerTag),
        targetTag: targetContainerTag,
        status: "queued" as const,
        error: null,
        createdAt: now,
        updatedAt: now,
      };
      const answer = await request.write(async (tx) => {
        await tx.putMerge(merge);
        return json({ success: true, ...stateOf(merge) }, 202);
      });
      merges.wake();
      return answer;
    },
    getMerge: async (request) => {
      const merge = await storage.merge(request.params.mergeId ?? "");
      if (merge === undefined) throw notFound("Merge");
      needContainer(request.access, merge.targetTag);
      return json({
        success: merge.status !== "failed",
        ...stateOf(merge),
        ...(merge.error === null ? {} : { error: merge.error }),
      });
    },
  };
}

function stateOf({ id, status, targetTag, sourceTags }: StoredMerge) {
  return { status, mergeId: id, targetTag, sourceTags };
}

function settingsHandlers(
  context: ServerContext,
): Pick<Handlers, "getSettings" | "patchSettings" | "suggestBuckets" | "resetSettings"> {
  const { storage, orgId } = context;
  // Written by patchSettings alone.
  const stored = (text: string | undefined) => JSON.parse(text ?? "{}") as Record<string, unknown>;
  return {
    getSettings: async () => json(stored(await storage.setting("settings"))),
    patchSettings: async (request) => {
      if (request.access.containerTags !== null)
        throw forbidden("settings need a key of every container");
      return request.write(async (tx) => {
        const settings = JSON.stringify({
          ...stored(await tx.setting("settings")),
          ...request.body,
        });
        if (Buffer.byteLength(settings) > settingsBytesMax) {
          throw new HttpError(413, "Payload Too Large", {
            details: `settings: more than ${settingsBytesMax} bytes`,
          });
        }
        await tx.putSetting("settings", settings);
        return json({ orgId, orgSlug: "local", updated: request.body });
      });
    },
    suggestBuckets: async () => {
      const { filterPrompt } = stored(await storage.setting("settings"));
      if (typeof filterPrompt !== "string" || filterPrompt === "")
        throw invalid("filterPrompt: not set");
      throw notImplemented("suggestions need a language model");
    },
    resetSettings: async () => {
      throw forbidden("resetting over the API is not allowed: remove the data directory instead");
    },
  };
}
