/** Search over documents and memories, and profiles. */
import type {
  DocumentSearch,
  MemorySearch,
  MemorySearchHit,
  MemorySearchResponse,
} from "@smfs/api";
import type { Handlers } from "../app.ts";
import { needContainer, readScope, sees } from "../documents/access.ts";
import { findDocument } from "../documents/find-document.ts";
import { json } from "../http/answer.ts";
import type { ApiRequest } from "../http/api-request.ts";
import { invalid } from "../http/http-error.ts";
import { pageContentBytesMax } from "../limits.ts";
import type { FoundMemory } from "../memories/memory-search.ts";
import { type Filter, matchesFilter, parseFilter } from "../search/filter.ts";
import { isInScope } from "../search/scope-sets.ts";
import type { SearchHit, SearchQuery } from "../search/search-service.ts";
import { isSearchable } from "../search/searchable.ts";
import type { ServerContext } from "../server-context.ts";
import type { Scope } from "../storage/storage.ts";
import type { StoredDocument } from "../storage/stored.ts";
import { toIsoTime } from "../time.ts";
import { digits } from "./list-routes.ts";
import { namedContainers } from "./write-context.ts";

type Names = "searchDocuments" | "searchMemories" | "profile" | "profileBuckets";

const limitDefault = 10;
const limitMax = 100;
/** Chunks of one document in an answer of `/v3/search`. */
const chunksPerDocument = 5;
/** Least similarity of a memory where nobody said one; and its share of the best hit's. */
const chance = 0.3;
const nearTheBest = 0.5;
/** Memories in each part of a profile. */
const profileMax = 50;

export function searchHandlers(context: ServerContext): Pick<Handlers, Names> {
  return {
    searchDocuments: async (request) => searchDocuments(context, request),
    searchMemories: async (request) => json(await searchMemories(context, request, request.body)),
    profile: profileHandler(context),
    profileBuckets: async (request) => {
      const { containerTag } = request.body;
      needContainer(request.access, containerTag);
      const tag = await context.storage.tag(containerTag);
      return json({ buckets: tag?.profileBuckets ?? [] });
    },
  };
}

function limitOf(limit: number | string | undefined): number {
  const value = digits(limit, limitDefault);
  if (value > limitMax) throw invalid(`limit: more than ${limitMax}`);
  return value;
}

type Asked = Pick<DocumentSearch, "containerTag" | "containerTags" | "filepath" | "filters">;

function scopeOf(
  request: ApiRequest<unknown, unknown>,
  body: Asked,
): Pick<Scope, "containerTags" | "filepath"> {
  return readScope(request.access, namedContainers(body), body.filepath ?? undefined);
}

function filterOf(body: Asked): { readonly filter?: Filter } {
  return body.filters == null ? {} : { filter: parseFilter(body.filters) };
}

async function searchDocuments(
  context: ServerContext,
  request: ApiRequest<DocumentSearch, unknown>,
) {
  const { body } = request;
  const started = context.clock.monotonic();
  const limit = limitOf(body.limit);
  const scope = scopeOf(request, body);
  const only =
    body.docId === undefined
      ? undefined
      : await findDocument(context.storage, request.access, body.docId);
  if (body.docId !== undefined && only === undefined)
    return json({ results: [], total: 0, timing: 0 });
  const query: SearchQuery = {
    q: body.q,
    scope,
    ...filterOf(body),
    ...(only === undefined ? {} : { documentNo: only.no }),
    threshold: body.chunkThreshold ?? 0,
    limit: limitMax,
    perDocument: chunksPerDocument,
  };
  const { hits } = await context.search.search(query);
  const byDocument = new Map<number, SearchHit[]>();
  const named = await namedDocument(context, request, query);
  if (named !== undefined) {
    const own = hits.filter((hit) => hit.document.no === named.no);
    byDocument.set(named.no, [{ document: named, similarity: 1, chunk: undefined }, ...own]);
  }
  for (const hit of hits) {
    if (hit.document.no === named?.no) continue;
    const own = byDocument.get(hit.document.no);
    if (own !== undefined) own.push(hit);
    else if (byDocument.size < limit) byDocument.set(hit.document.no, [hit]);
  }
  const results = [];
  let bytes = 0;
  for (const own of byDocument.values()) {
    bytes += own[0]?.document.content.size ?? 0;
    // Whole documents as long as they are not too much for one answer, which is the best ones.
    const isWhole = body.includeFullDocs === true && bytes <= pageContentBytesMax;
    results.push(await documentResult(context, body, own, isWhole));
  }
  return json({ results, total: results.length, timing: timing(context, started) });
}

/** The document whose custom id is the question: some clients look one up so, and it is the best answer to it. */
async function namedDocument(
  { storage }: ServerContext,
  { access }: ApiRequest<unknown, unknown>,
  query: SearchQuery,
): Promise<StoredDocument | undefined> {
  const { q, scope, filter, documentNo } = query;
  const document = await storage.documentByCustomId(q, scope.containerTags);
  if (document === undefined || !sees(access, document) || !isSearchable(document))
    return undefined;
  const isAsked =
    isInScope(document, scope) &&
    (documentNo === undefined || documentNo === document.no) &&
    (filter === undefined || matchesFilter(filter, document.metadata));
  return isAsked ? document : undefined;
}

async function documentResult(
  context: ServerContext,
  body: DocumentSearch,
  hits: readonly SearchHit[],
  isWhole: boolean,
) {
  const [best] = hits;
  if (best === undefined) throw new RangeError("a result has a hit");
  const { document, similarity } = best;
  const content = isWhole ? await context.storage.documentText(document) : undefined;
  return {
    documentId: (context.searchDocumentId === "customId" ? document.customId : null) ?? document.id,
    title: document.title,
    type: document.type,
    score: similarity,
    metadata: document.metadata,
    createdAt: toIsoTime(document.createdAt),
    updatedAt: toIsoTime(document.updatedAt),
    filepath: document.filepath,
    chunks: hits.flatMap(({ chunk, similarity: score }) =>
      chunk === undefined
        ? []
        : [{ content: chunk.text, isRelevant: true, score, position: chunk.position }],
    ),
    ...(content === undefined ? {} : { content }),
    ...(body.includeSummary === true ? { summary: document.summary } : {}),
  };
}

function timing(context: ServerContext, started: number): number {
  return Math.round(context.clock.monotonic() - started);
}

type Search = Omit<MemorySearch, "limit"> & { readonly limit?: number | string | undefined };

/** Chunks, memories, or both, by one order. */
async function searchMemories(
  context: ServerContext,
  request: ApiRequest<unknown, unknown>,
  body: Search,
): Promise<MemorySearchResponse> {
  const started = context.clock.monotonic();
  const limit = limitOf(body.limit);
  const mode = body.include?.chunks === true ? "hybrid" : (body.searchMode ?? "memories");
  const scope = scopeOf(request, body);
  const filter = filterOf(body);
  const threshold = body.threshold === undefined ? {} : { threshold: body.threshold };
  const chunks =
    mode === "memories"
      ? []
      : (await context.search.search({ q: body.q, scope, ...filter, ...threshold, limit })).hits;
  const memories =
    mode === "documents" ? [] : await foundMemories(context, { body, scope, ...filter });
  const best = Math.max(chunks[0]?.similarity ?? 0, memories[0]?.similarity ?? 0);
  const cut = body.threshold ?? Math.max(chance, best * nearTheBest);
  const said = chunks.map(({ chunk }) => chunk?.text.replace(/\s+/g, " ") ?? "");
  const results = [
    ...chunks.map((hit) => chunkHit(hit, body)),
    // What a chunk in the answer says in the same words needs no second line.
    ...memories
      .filter(
        ({ similarity, memory }) =>
          similarity >= cut && !said.some((text) => text.includes(memory.memory)),
      )
      .map((found) => memoryHit(found, body)),
  ];
  results.sort(byRelevance);
  const top = results.slice(0, limit);
  const shown = body.include?.relatedMemories === true ? await related(context, top) : top;
  return { results: shown, total: shown.length, timing: timing(context, started) };
}

/** Hits with what belongs to a memory: here, what it said before it was changed. */
async function related(
  { storage }: ServerContext,
  hits: readonly MemorySearchHit[],
): Promise<MemorySearchHit[]> {
  const shown: MemorySearchHit[] = [];
  for (const hit of hits) {
    const memory = hit.memory === undefined ? undefined : await storage.memoryById(hit.id);
    const before =
      memory === undefined || memory.version === 1
        ? []
        : (await storage.memoryVersions(memory.rootId)).filter(
            ({ version }) => version < memory.version,
          );
    const parents = before.map((one) => ({
      memory: one.memory,
      relation: "updates",
      version: one.version - (memory?.version ?? 0),
      updatedAt: toIsoTime(one.updatedAt),
      metadata: one.metadata,
    }));
    const context = { parents: parents.reverse(), children: [], related: [] };
    shown.push(memory === undefined ? hit : { ...hit, context });
  }
  return shown;
}

function byRelevance(a: MemorySearchHit, b: MemorySearchHit): number {
  if (a.similarity !== b.similarity) return b.similarity - a.similarity;
  if (a.updatedAt !== b.updatedAt) return a.updatedAt < b.updatedAt ? 1 : -1;
  return a.id < b.id ? -1 : 1;
}

interface SourcedMemory extends FoundMemory {
  readonly source: StoredDocument | undefined;
}

async function foundMemories(
  context: ServerContext,
  query: {
    readonly body: Search;
    readonly scope: Pick<Scope, "containerTags" | "filepath">;
    readonly filter?: Filter;
  },
): Promise<SourcedMemory[]> {
  const { body, scope, filter } = query;
  const found = await context.memories.search(body.q, {
    ...(scope.containerTags === undefined ? {} : { containerTags: scope.containerTags }),
    withForgotten: body.include?.forgottenMemories === true,
  });
  const taken: SourcedMemory[] = [];
  for (const { memory, similarity } of found) {
    if (taken.length === limitMax || similarity < (body.threshold ?? chance)) break;
    const [source] =
      memory.documentNo === null ? [] : await context.storage.documentsByNo([memory.documentNo]);
    const inPath =
      scope.filepath === undefined ||
      source?.filepath === scope.filepath ||
      (scope.filepath.endsWith("/") && source?.filepath?.startsWith(scope.filepath) === true);
    const passes =
      filter === undefined ||
      matchesFilter(filter, memory.metadata) ||
      (source !== undefined && matchesFilter(filter, source.metadata));
    if (inPath && passes) taken.push({ memory, similarity, source });
  }
  return taken;
}

function chunkHit(hit: SearchHit, body: Search): MemorySearchHit {
  const { chunk, document, similarity } = hit;
  return {
    id: chunk === undefined ? document.id : `${document.id}-${chunk.position}`,
    chunk: chunk?.text ?? "",
    similarity,
    metadata: document.metadata,
    updatedAt: toIsoTime(document.updatedAt),
    filepath: document.filepath,
    version: null,
    ...(chunk === undefined ? {} : { lines: { start: chunk.lineStart, end: chunk.lineEnd } }),
    ...documentsOf(document, body),
  };
}

function memoryHit({ memory, similarity, source }: SourcedMemory, body: Search): MemorySearchHit {
  return {
    id: memory.id,
    memory: memory.memory,
    similarity,
    metadata: memory.metadata,
    updatedAt: toIsoTime(memory.updatedAt),
    filepath: source?.filepath ?? null,
    version: memory.version,
    ...(source === undefined ? {} : documentsOf(source, body)),
  };
}

function documentsOf(document: StoredDocument, body: Search) {
  if (body.include?.documents !== true && body.include?.summaries !== true) return {};
  const { id, title, type, metadata, summary } = document;
  const times = {
    createdAt: toIsoTime(document.createdAt),
    updatedAt: toIsoTime(document.updatedAt),
  };
  return {
    documents: [
      {
        id,
        ...times,
        title,
        type,
        metadata,
        ...(body.include.summaries === true ? { summary } : {}),
      },
    ],
  };
}

function profileHandler(context: ServerContext): Handlers["profile"] {
  return async (request) => {
    const { body } = request;
    needContainer(request.access, body.containerTag);
    const parts = new Set(body.include ?? ["static", "dynamic", "buckets"]);
    const memories = await recentMemories(context, body.containerTag);
    const texts = (isPart: (memory: (typeof memories)[number]) => boolean) =>
      memories
        .filter(isPart)
        .slice(0, profileMax)
        .map((memory) => memory.memory);
    const tag = await context.storage.tag(body.containerTag);
    const keys = (tag?.profileBuckets ?? [])
      .map((bucket) => bucket.key)
      .filter((key) => body.buckets === undefined || body.buckets.includes(key));
    const profile = {
      ...(parts.has("static") ? { static: texts((memory) => memory.isStatic) } : {}),
      ...(parts.has("dynamic") ? { dynamic: texts((memory) => !memory.isStatic) } : {}),
      ...(parts.has("buckets")
        ? {
            buckets: Object.fromEntries(
              keys.map((key) => [key, texts((memory) => memory.bucket === key)]),
            ),
          }
        : {}),
    };
    if (body.q === undefined || body.q === "") return json({ profile });
    const { containerTag, q, threshold, filters } = body;
    const query = { containerTag, q, threshold, filters, searchMode: "hybrid" as const };
    return json({ profile, searchResults: await searchMemories(context, request, query) });
  };
}

/** The memories of a container that count now, newest first. */
async function recentMemories(context: ServerContext, containerTag: string) {
  const all = await context.memories.search("", { containerTags: [containerTag] });
  return all.map(({ memory }) => memory).sort((a, b) => b.no - a.no);
}
