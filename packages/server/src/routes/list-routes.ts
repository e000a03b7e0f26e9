/** Documents in numbers: list, processing, bulk deletion, batches. */
import {
  type BatchCreate,
  type BatchResponse,
  CreateDocumentSchema,
  type ListRequest,
  type MetadataPatch,
} from "@smfs/api";
import type { Handlers } from "../app.ts";
import { readScope } from "../documents/access.ts";
import { refuseStrict } from "../documents/check-place.ts";
import { removeFrom } from "../documents/delete-documents.ts";
import { toListJson, toProcessingJson } from "../documents/document-json.ts";
import { findDocument } from "../documents/find-document.ts";
import { filteredNos } from "../documents/list-documents.ts";
import { receiveText } from "../documents/receive-content.ts";
import { type Answer, json } from "../http/answer.ts";
import type { ApiRequest } from "../http/api-request.ts";
import { describeIssue } from "../http/describe-issue.ts";
import { toHttpError } from "../http/error-of.ts";
import { invalid } from "../http/http-error.ts";
import { filterSliceMax, listLimitDefault, listLimitMax } from "../limits.ts";
import { type Filter, matchesFilter, parseFilter } from "../search/filter.ts";
import type { ServerContext } from "../server-context.ts";
import type { Order, Scope, Storage } from "../storage/storage.ts";
import type { StoredDocument } from "../storage/stored.ts";
import { jsonStream } from "./json-stream.ts";
import { servedContent } from "./served-content.ts";
import { namedContainers, toWrite, writeContext, writtenContainers } from "./write-context.ts";

type Names = "listDocuments" | "processingDocuments" | "deleteDocuments" | "createDocuments";

/** Documents deleted in one unit: others are written between two of them. */
const deletedPerUnit = 500;

export function listHandlers(context: ServerContext): Pick<Handlers, Names> {
  const { storage } = context;
  return {
    listDocuments: async (request) => {
      const { body } = request;
      const limit = digits(body.limit, listLimitDefault);
      if (limit > listLimitMax) throw invalid(`limit: more than ${listLimitMax}`);
      const scope = listScope(request);
      const order: Order = { by: body.sort ?? "createdAt", descending: body.order !== "asc" };
      const filter = body.filters == null ? undefined : parseFilter(body.filters);
      if (body.cursor !== undefined)
        return cursorPage(context, request, { scope, order, filter, limit });
      const page = digits(body.page, 1);
      const { keyId } = request.access;
      const found = await context.lists.page({ keyId, scope, order, filter, limit, page });
      const pagination = {
        currentPage: page,
        limit,
        totalItems: found.totalItems,
        totalPages: Math.ceil(found.totalItems / limit),
      };
      return listAnswer(context, request, found.documents, pagination);
    },
    processingDocuments: async (request) => {
      const { containerTag, containerTags } = request.query;
      const requested = namedContainers({
        containerTag,
        containerTags: containerTags?.split(",").filter((tag) => tag !== ""),
      });
      const scope = { ...readScope(request.access, requested, undefined), unfinished: true };
      const order: Order = { by: "createdAt", descending: false };
      const documents = await storage.documentsAfter(scope, order, undefined, listLimitMax);
      const isAll = documents.length < listLimitMax;
      return json({
        documents: documents.map((document) => toProcessingJson(document, request.access)),
        totalCount: isAll ? documents.length : (await storage.documentNos(scope, order)).length,
      });
    },
    deleteDocuments: async (request) => {
      refuseStrict(request.access);
      const { ids, containerTags, filepath } = request.body;
      if (ids !== undefined) return deleteById(request, ids);
      if (containerTags === undefined) {
        throw invalid("ids or containerTags: at least one is needed");
      }
      const named = containerTags;
      return request.writeUnits(() => deleteInContainers(context, request, named, filepath));
    },
    createDocuments: batchHandler(context),
  };
}

export function digits(value: number | string | undefined, otherwise: number): number {
  return value === undefined ? otherwise : Number(value);
}

function listScope(request: ApiRequest<ListRequest, unknown>): Scope {
  const { body } = request;
  const scope = readScope(request.access, namedContainers(body), body.filepath ?? undefined);
  // A status that no document of ours ever has.
  if (body.status === "unknown") return { ...scope, containerTags: [] };
  return body.status === undefined ? scope : { ...scope, status: body.status };
}

interface CursorQuery {
  readonly scope: Scope;
  readonly order: Order;
  readonly filter: Filter | undefined;
  readonly limit: number;
}

function positionOf(document: StoredDocument, order: Order): number {
  return order.by === "createdAt" ? document.no : document.seq;
}

/** The documents after a position that pass the filter: one more than a page, where there are as many. */
async function foundAfter(
  storage: Pick<Storage, "documentsAfter">,
  { scope, order, filter, limit }: CursorQuery,
  start: number | undefined,
): Promise<StoredDocument[]> {
  if (filter === undefined) return storage.documentsAfter(scope, order, start, limit + 1);
  const found: StoredDocument[] = [];
  for (let after = start; ; ) {
    const slice = await storage.documentsAfter(scope, order, after, filterSliceMax);
    found.push(...slice.filter(({ metadata }) => matchesFilter(filter, metadata)));
    const last = slice.at(-1);
    if (last === undefined || slice.length < filterSliceMax || found.length > limit)
      return found.slice(0, limit + 1);
    after = positionOf(last, order);
  }
}

/** Pages by position: they neither shift nor need anything to be kept. */
async function cursorPage(
  context: ServerContext,
  request: ApiRequest<ListRequest, unknown>,
  query: CursorQuery,
): Promise<Answer> {
  const { scope, order, filter, limit } = query;
  const cursor = request.body.cursor ?? "";
  const after = cursor === "" || cursor === "*" ? undefined : Number(cursor);
  if (after !== undefined && !Number.isSafeInteger(after)) throw invalid("cursor: not a cursor");
  const found = await foundAfter(context.storage, query, after);
  const documents = found.slice(0, limit);
  const last = documents.at(-1);
  const total = (await filteredNos(context.storage, scope, order, filter)).length;
  return listAnswer(context, request, documents, {
    currentPage: 1,
    limit,
    totalItems: total,
    totalPages: Math.ceil(total / limit),
    ...(last !== undefined && found.length > limit
      ? { nextCursor: String(positionOf(last, order)) }
      : {}),
  });
}

async function listAnswer(
  context: ServerContext,
  request: ApiRequest<ListRequest, unknown>,
  documents: readonly StoredDocument[],
  pagination: unknown,
): Promise<Answer> {
  const includeContent = request.body.includeContent === true;
  const row = async (document: StoredDocument) =>
    toListJson(document, await servedContent(context, request, document, includeContent));
  return jsonStream("memories", documents, row, { pagination });
}

async function deleteById(
  request: ApiRequest<
    {
      readonly containerTags?: readonly string[] | undefined;
      readonly filepath?: string | undefined;
    },
    unknown
  >,
  ids: readonly string[],
): Promise<Answer> {
  const { containerTags, filepath } = request.body;
  const scope = readScope(request.access, containerTags ?? [], filepath);
  return request.write(async (tx) => {
    let deletedCount = 0;
    const errors: { id: string; error: string }[] = [];
    for (const id of ids) {
      const document = await findDocument(tx, request.access, id);
      if (document === undefined || !isIn(scope, document)) {
        errors.push({ id, error: "Document not found" });
        continue;
      }
      await removeFrom(tx, document, request.access.containerTags, writeContext(request));
      deletedCount += 1;
    }
    return json({
      success: true,
      deletedCount,
      ...(errors.length === 0 ? {} : { errors }),
      ...(containerTags === undefined ? {} : { containerTags }),
    });
  });
}

function isIn(scope: Scope, document: StoredDocument): boolean {
  const inContainer =
    scope.containerTags === undefined ||
    document.containerTags.some((tag) => scope.containerTags?.includes(tag));
  const path = scope.filepath;
  if (path === undefined) return inContainer;
  const isBelow = path.endsWith("/") && document.filepath?.startsWith(path) === true;
  return inContainer && (isBelow || document.filepath === path);
}

async function deleteInContainers(
  context: ServerContext,
  request: ApiRequest<unknown, unknown>,
  containerTags: readonly string[],
  filepath: string | undefined,
): Promise<Answer> {
  const scope = readScope(request.access, containerTags, filepath);
  const order: Order = { by: "createdAt", descending: false };
  const nos = await context.storage.documentNos(scope, order);
  let deletedCount = 0;
  for (let start = 0; start < nos.length; start += deletedPerUnit) {
    deletedCount += await context.storage.write(async (tx) => {
      const documents = await tx.documentsByNo(nos.slice(start, start + deletedPerUnit));
      // Moved away since: not what was asked for.
      const meant = documents.filter((document) => isIn(scope, document));
      for (const document of meant)
        await removeFrom(tx, document, containerTags, writeContext(request));
      return meant.length;
    });
  }
  return json({ success: true, deletedCount, containerTags });
}

function batchHandler(context: ServerContext): Handlers["createDocuments"] {
  const { storage, documents, limits, indexer } = context;
  const carryOut = async (request: ApiRequest<BatchCreate>): Promise<Answer> => {
    const { documents: items, ...defaults } = request.body;
    const one = async (item: unknown) => {
      const parsed = CreateDocumentSchema.safeParse(
        typeof item === "string" ? { content: item } : item,
        {
          reportInput: true,
        },
      );
      if (!parsed.success) throw invalid(describeIssue(parsed.error.issues[0]));
      const body = {
        ...defaults,
        ...parsed.data,
        metadata: mergedDefaults(defaults.metadata, parsed.data.metadata),
      };
      const containerTags = writtenContainers(
        namedContainers(parsed.data).length > 0 ? parsed.data : defaults,
      );
      const received = await receiveText(storage, parsed.data.content, limits.textBytesMax);
      return storage.write((tx) =>
        documents.put(
          tx,
          { ...toWrite(body), received, containerTags },
          { ...writeContext(request), conditions: {} },
        ),
      );
    };
    const results: BatchResponse["results"][number][] = [];
    // Together, so that they share commits; each is a unit of its own.
    for (const settled of await Promise.allSettled(items.map(one))) {
      if (settled.status === "fulfilled") {
        const { id, status } = settled.value.document;
        results.push({ id, status });
      } else {
        const { body } = toHttpError(settled.reason);
        results.push({ id: "", status: "error", ...body });
      }
    }
    indexer.wake();
    const failed = results.filter((result) => result.id === "").length;
    return json({ results, success: results.length - failed, failed });
  };
  return (request) => request.writeUnits(() => carryOut(request));
}

function mergedDefaults(
  defaults: MetadataPatch | null | undefined,
  own: MetadataPatch | null | undefined,
): MetadataPatch | undefined {
  return defaults == null && own == null ? undefined : { ...defaults, ...own };
}
