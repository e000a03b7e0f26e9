/** Memories: say, change, forget, list. */
import type { CreateMemories, ForgetMatching, MatchedMemory } from "@smfs/api";
import type { Handlers } from "../app.ts";
import { type Access, needContainer, readableTags } from "../documents/access.ts";
import { newId } from "../documents/document-id.ts";
import { json } from "../http/answer.ts";
import { conflict, forbidden, invalid, notFound } from "../http/http-error.ts";
import { listLimitMax } from "../limits.ts";
import { toCreatedMemory, toMemoryJson, toPatchedMemory } from "../memories/memory-json.ts";
import { type Filter, matchesFilter, parseFilter } from "../search/filter.ts";
import type { ServerContext } from "../server-context.ts";
import type { MemoryReads, NewMemory, StoredMemory } from "../storage/memory.ts";
import { fromIsoTime } from "../time.ts";
import { digits } from "./list-routes.ts";

type Names = "createMemories" | "patchMemory" | "forgetMemory" | "listMemories" | "forgetMatching";

/** Memories that one listing goes through. */
const listedMax = 100_000;
const pageMax = 1000;

export function memoryHandlers(context: ServerContext): Pick<Handlers, Names> {
  const { random } = context;
  return {
    createMemories: async (request) => {
      const { containerTag, memories } = request.body;
      needMemories(request.access, containerTag);
      const drafts = memories.map((memory) => toDraft(memory, containerTag, newId(random)));
      return request.write(async (tx) => {
        const made = [];
        for (const draft of drafts) made.push(await tx.putMemory(draft));
        return json({ documentId: null, memories: made.map(toCreatedMemory) }, 201);
      });
    },
    patchMemory: async (request) => {
      const { body } = request;
      needMemories(request.access, body.containerTag);
      return request.write(async (tx) => {
        const old = await findMemory(tx, body.containerTag, body);
        if (old.isForgotten || !old.isLatest)
          throw conflict("the memory is forgotten or superseded");
        const next = await tx.putMemory({
          ...old,
          id: newId(random),
          memory: body.newContent,
          version: old.version + 1,
          parentId: old.id,
          metadata: body.metadata === undefined ? old.metadata : body.metadata,
          forgetAfter:
            body.forgetAfter === undefined ? old.forgetAfter : momentOf(body.forgetAfter),
          forgetReason: body.forgetReason === undefined ? old.forgetReason : body.forgetReason,
          temporalContext:
            body.temporalContext === undefined ? old.temporalContext : body.temporalContext,
        });
        return json(toPatchedMemory(next));
      });
    },
    forgetMemory: async (request) => {
      const { body } = request;
      needMemories(request.access, body.containerTag);
      return request.write(async (tx) => {
        const memory = await findMemory(tx, body.containerTag, body);
        if (memory.isForgotten) throw conflict("the memory is forgotten already");
        await tx.setForgotten(memory.id, true, body.reason ?? null);
        return json({ id: memory.id, forgotten: true });
      });
    },
    listMemories: listHandler(context),
    forgetMatching: async (request) => {
      const { body } = request;
      needMemories(request.access, body.containerTag);
      const matching = await matched(context, body);
      const dryRun = body.dryRun === true;
      const shown = matching.map(({ memory, similarity }) => ({
        id: memory.id,
        memory: memory.memory,
        score: similarity,
      }));
      const answer = (forgotten: readonly MatchedMemory[]) =>
        json({
          dryRun,
          count: forgotten.length,
          forgetBatchId: dryRun ? null : newId(random),
          summary: `${forgotten.length} ${forgotten.length === 1 ? "memory" : "memories"} ${dryRun ? "would be forgotten" : "forgotten"}`,
          ...(dryRun ? { candidates: forgotten } : { forgotten }),
        });
      if (dryRun) return answer(shown);
      return request.write(async (tx) => {
        const forgotten: MatchedMemory[] = [];
        for (const one of shown) {
          const now = await tx.memoryById(one.id);
          if (now === undefined || now.isForgotten || !now.isLatest) continue;
          await tx.setForgotten(one.id, true, body.reason ?? null);
          forgotten.push(one);
        }
        return answer(forgotten);
      });
    },
  };
}

/** Memories have no path, so a key that is limited to one does not reach them. @throws HttpError 403 */
function needMemories(access: Access, containerTag: string): void {
  needContainer(access, containerTag);
  if (access.pathPrefix !== null) throw forbidden(`the key is limited to ${access.pathPrefix}`);
}

function momentOf(text: string | null | undefined): number | null {
  if (text == null) return null;
  const ms = fromIsoTime(text);
  if (ms === undefined) throw invalid("forgetAfter: not a time");
  return ms;
}

function toDraft(
  said: CreateMemories["memories"][number],
  containerTag: string,
  id: string,
): NewMemory {
  return {
    id,
    containerTag,
    documentNo: null,
    memory: said.content,
    bucket: typeof said.metadata?.bucket === "string" ? said.metadata.bucket : null,
    version: 1,
    parentId: null,
    rootId: id,
    isStatic: said.isStatic === true,
    isInference: false,
    isForgotten: false,
    forgetAfter: momentOf(said.forgetAfter),
    forgetReason: said.forgetReason ?? null,
    metadata: said.metadata ?? null,
    temporalContext: said.temporalContext ?? null,
  };
}

/** @throws HttpError 400 when neither id nor content is given, 404 */
async function findMemory(
  reads: MemoryReads,
  containerTag: string,
  named: { readonly id?: string | undefined; readonly content?: string | undefined },
): Promise<StoredMemory> {
  if (named.id === undefined && named.content === undefined) {
    throw invalid("id or content: one is needed");
  }
  const byText = async () => (await reads.memoriesByText(containerTag, named.content ?? ""))[0];
  const memory = named.id === undefined ? await byText() : await reads.memoryById(named.id);
  if (memory === undefined || memory.containerTag !== containerTag) throw notFound("Memory");
  return memory;
}

function listHandler(context: ServerContext): Handlers["listMemories"] {
  return async (request) => {
    const { body } = request;
    const containerTags = readableTags(request.access, body.containerTags) ?? body.containerTags;
    for (const tag of containerTags) needMemories(request.access, tag);
    const limit = digits(body.limit, 10);
    if (limit > listLimitMax) throw invalid(`limit: more than ${listLimitMax}`);
    const page = digits(body.page, 1);
    const filter = body.filters == null ? undefined : parseFilter(body.filters);
    const all = await allMemories(context, containerTags, filter);
    if (body.sort === "updatedAt") all.sort((a, b) => a.updatedAt - b.updatedAt || a.no - b.no);
    if (body.order !== "asc") all.reverse();
    const rows = all.slice((page - 1) * limit, page * limit);
    const memoryEntries = [];
    for (const memory of rows) memoryEntries.push(await shown(context, memory));
    return json({
      memoryEntries,
      pagination: {
        currentPage: page,
        limit,
        totalItems: all.length,
        totalPages: Math.ceil(all.length / limit),
      },
    });
  };
}

async function allMemories(
  context: ServerContext,
  containerTags: readonly string[],
  filter: Filter | undefined,
): Promise<StoredMemory[]> {
  const all: StoredMemory[] = [];
  for (let after = 0, page: StoredMemory[] = []; after === 0 || page.length === pageMax; ) {
    page = await context.storage.memoriesAfter({ containerTags }, after, pageMax);
    all.push(...(filter === undefined ? page : await passing(context, page, filter)));
    after = page.at(-1)?.no ?? -1;
    if (all.length >= listedMax) break;
  }
  return all;
}

/** A memory passes a filter by its own metadata, or by that of the document it comes from. */
async function passing(
  context: ServerContext,
  page: readonly StoredMemory[],
  filter: Filter,
): Promise<StoredMemory[]> {
  const nos = [...new Set(page.flatMap(({ documentNo }) => documentNo ?? []))];
  const documents = await context.storage.documentsByNo(nos);
  const sources = new Map(documents.map(({ no, metadata }) => [no, metadata]));
  return page.filter(({ metadata, documentNo }) => {
    const source = documentNo === null ? undefined : sources.get(documentNo);
    return matchesFilter(filter, metadata) || (source != null && matchesFilter(filter, source));
  });
}

async function shown(context: ServerContext, memory: StoredMemory) {
  const { storage, orgId } = context;
  const sources =
    memory.documentNo === null ? [] : await storage.documentsByNo([memory.documentNo]);
  const versions = memory.version === 1 ? [] : await storage.memoryVersions(memory.rootId);
  return toMemoryJson(memory, {
    orgId,
    documentIds: sources.map((document) => document.id),
    history: versions.filter((version) => version.version < memory.version),
  });
}

/** The memories that are to be forgotten: those named, or those that a question finds. */
async function matched(context: ServerContext, body: ForgetMatching) {
  const { containerTag, query, ids, threshold = 0.5, maxForget = 100 } = body;
  if (ids !== undefined) {
    const found = await Promise.all(ids.map((id) => context.storage.memoryById(id)));
    return found.flatMap((memory) =>
      memory?.containerTag === containerTag && memory.isLatest && !memory.isForgotten
        ? [{ memory, similarity: 1 }]
        : [],
    );
  }
  if (query === undefined) throw invalid("query or ids: one is needed");
  const found = await context.memories.search(query, { containerTags: [containerTag] });
  return found.filter(({ similarity }) => similarity >= threshold).slice(0, maxForget);
}
