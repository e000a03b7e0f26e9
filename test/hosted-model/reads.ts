/** Routes that change nothing: session, GET, list, processing, search, files. */
import { type Doc, digestOf, isTerminal } from "./document.ts";
import { type ListQuery, pathMatches, processingDocs } from "./listing.ts";
import { type Call, jsonBody, type ModelResponse, Refusal } from "./message.ts";
import type { HostedModel, Route } from "./model.ts";
import { fullView, listView, shownContent } from "./view.ts";

/** The largest `limit` of a list. */
const listLimitMax = 1100;

export const readRoutes: readonly Route[] = [
  root,
  session,
  processing,
  list,
  getDocument,
  search,
  fileBytes,
];

/** The document that `{id}` names: by id first, then by customId where the server does that. */
export function resolveId(model: HostedModel, id: string, withCustomId: boolean): Doc | undefined {
  const doc = model.table.get(id);
  if (doc !== undefined || !withCustomId) return doc;
  return model.table.byCustomId("", id)[0];
}

export function etagOf(doc: Doc): string {
  return `"r${doc.rev}"`;
}

/** A URL that gives the bytes without a key; null for text. */
function fileUrl(model: HostedModel, doc: Doc): string | null {
  return doc.text === undefined ? `${model.baseUrl}/files/${doc.id}/${doc.rev}?sig=model` : null;
}

function root(_model: HostedModel, call: Call): ModelResponse | undefined {
  if (call.method !== "GET" || call.path !== "/") return undefined;
  return { status: 200, headers: {}, json: { ok: true, service: "model", version: "0" } };
}

function session(model: HostedModel, call: Call): ModelResponse | undefined {
  if (call.method !== "GET" || call.path !== "/v3/session") return undefined;
  const { etag, changes, raw, versions, idempotency, move } = model.quirks.extensions;
  const offered = { etag, changes, raw, versions, idempotency, move };
  const features = Object.entries(offered).flatMap(([name, on]) => (on ? [name] : []));
  const json = {
    user: { id: "user_model", name: "Model", email: "model@localhost" },
    org: { id: "orgmodel", name: "Model", slug: "model" },
    role: "owner",
    plan: "model",
    accessType: "full",
    containerTags: null,
    scope: { type: "full", permission: "write" },
    ...(features.length === 0 ? {} : { extensions: { root: "/ext/v1", features } }),
  };
  return { status: 200, headers: {}, json };
}

function processing(model: HostedModel, call: Call): ModelResponse | undefined {
  if (call.method !== "GET" || call.path !== "/v3/documents/processing") return undefined;
  const tag = call.query.get("containerTag") ?? call.query.get("containerTags") ?? undefined;
  const documents = [...processingDocs(model.table, tag)].map((doc) =>
    listView(doc, model.quirks, null, false),
  );
  return { status: 200, headers: {}, json: { documents, totalCount: documents.length } };
}

function list(model: HostedModel, call: Call): ModelResponse | undefined {
  if (call.method !== "POST" || call.path !== "/v3/documents/list") return undefined;
  const body = jsonBody(call);
  const query = toListQuery(body);
  const { docs, totalItems, totalPages } = model.listing.page(query, model.monotonicNow);
  const withContent = body.includeContent === true;
  const memories = docs.map((doc) => listView(doc, model.quirks, fileUrl(model, doc), withContent));
  const pagination = { currentPage: query.page, limit: query.limit, totalItems, totalPages };
  return { status: 200, headers: {}, json: { memories, pagination } };
}

function toListQuery(body: Record<string, unknown>): ListQuery {
  const tags = body.containerTags ?? body.containerTag;
  const sort = body.sort ?? "createdAt";
  const order = body.order ?? "desc";
  if (sort !== "createdAt" && sort !== "updatedAt")
    throw new Refusal(400, "Invalid request parameters", "sort");
  if (order !== "asc" && order !== "desc")
    throw new Refusal(400, "Invalid request parameters", "order");
  return {
    tags: tags === undefined ? undefined : ([tags].flat() as string[]),
    filepath: typeof body.filepath === "string" ? body.filepath : undefined,
    filters: body.filters,
    status: typeof body.status === "string" ? body.status : undefined,
    sort,
    order,
    page: toCount(body.page, 1, Number.MAX_SAFE_INTEGER, "page"),
    limit: toCount(body.limit, 10, listLimitMax, "limit"),
  };
}

function toCount(value: unknown, otherwise: number, most: number, what: string): number {
  if (value === undefined) return otherwise;
  const count = Number(value);
  if (!Number.isInteger(count) || count < 1 || count > most)
    throw new Refusal(400, "Invalid request parameters", `${what}: not in 1…${most}`);
  return count;
}

function getDocument(model: HostedModel, call: Call): ModelResponse | undefined {
  const [v3, documents, id, more] = call.segments;
  if (v3 !== "v3" || documents !== "documents" || id === undefined || more !== undefined)
    return undefined;
  if (call.method !== "GET") return undefined;
  const doc = staleView(model, resolveId(model, id, model.quirks.getByCustomId), id);
  if (doc === undefined) throw new Refusal(404, "Document not found");
  const headers: Record<string, string> = model.quirks.extensions.etag ? { etag: etagOf(doc) } : {};
  if (headers.etag !== undefined && call.headers["if-none-match"] === headers.etag)
    return { status: 304, headers };
  return { status: 200, headers, json: fullView(doc, model.quirks, fileUrl(model, doc)) };
}

/** The document as a lagging replica has it, now and then. */
function staleView(model: HostedModel, doc: Doc | undefined, id: string): Doc | undefined {
  const { share, ms } = model.quirks.staleGet;
  if (share === 0 || model.random.next() >= share) return doc;
  const at = model.monotonicNow - Math.floor(model.random.next() * ms);
  return model.table.getAt(doc?.id ?? id, at);
}

/** Substring search: enough to see that a client's search reaches the server and comes back. */
function search(model: HostedModel, call: Call): ModelResponse | undefined {
  if (call.method !== "POST" || call.path !== "/v4/search") return undefined;
  const body = jsonBody(call);
  const words = body.q;
  if (typeof words !== "string" || words === "")
    throw new Refusal(400, "Invalid request parameters", "q: required");
  const tags = [body.containerTag ?? body.containerTags ?? []].flat() as string[];
  const path = typeof body.filepath === "string" ? body.filepath : undefined;
  const limit = toCount(body.limit, 10, 100, "limit");
  const results: object[] = [];
  for (const doc of model.table.all()) {
    if (tags.length > 0 && !doc.tags.some((tag) => tags.includes(tag))) continue;
    if (!pathMatches(doc.filepath, path) || !isTerminal(doc.status)) continue;
    const chunk = shownContent(doc, model.quirks)
      ?.split("\n\n")
      .find((part) => part.toLowerCase().includes(words.toLowerCase()));
    if (chunk === undefined || results.length >= limit) continue;
    results.push(toResult(doc, chunk));
  }
  return { status: 200, headers: {}, json: { results, total: results.length, timing: 0 } };
}

function toResult(doc: Doc, chunk: string): object {
  return {
    id: `c${doc.id.slice(1)}`,
    chunk,
    similarity: 0.9,
    metadata: doc.metadata,
    updatedAt: new Date(doc.updatedAt).toISOString(),
    filepath: doc.filepath,
    version: null,
    documents: [{ id: doc.id }],
  };
}

function fileBytes(model: HostedModel, call: Call): ModelResponse | undefined {
  const [files, id, rev] = call.segments;
  if (call.method !== "GET" || files !== "files" || id === undefined) return undefined;
  const doc = model.table.history(id).findLast((one) => String(one.rev) === rev);
  if (doc === undefined || model.table.get(id) === undefined)
    throw new Refusal(404, "File not found");
  const headers = {
    "content-type": doc.mime,
    "content-length": String(doc.bytes.length),
    etag: `"sha256-${digestOf(doc.bytes)}"`,
  };
  return { status: 200, headers, bytes: doc.bytes };
}
