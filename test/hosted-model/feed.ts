/** The extensions under /ext/v1: change feed, snapshot, raw bytes, versions, move (server-api.md §5.2–5.4). */
import { contentHashOf, type Doc, digestOf, isoTime } from "./document.ts";
import { type Answer, type Call, jsonBody, type ModelResponse, Refusal } from "./message.ts";
import type { HostedModel } from "./model.ts";
import { etagOf, resolveId } from "./reads.ts";
import { changeView, currentView, snapshotView } from "./view.ts";
import {
  change,
  checkConditions,
  checkMetadata,
  checkPath,
  checkTags,
  create,
  fileContent,
  originOf,
  type Wanted,
  written,
} from "./writes.ts";

const changesLimitMax = 1000;
const waitSecondsMax = 50;

/** Routes every call under /ext/v1. */
export function exchangeFeed(model: HostedModel, call: Call): Answer | undefined {
  const [ext, v1, what, id, part] = call.segments;
  if (ext !== "ext" || v1 !== "v1") return undefined;
  const { changes: hasChanges, raw, move: hasMove, versions } = model.quirks.extensions;
  if (what === "changes" && hasChanges && call.method === "GET") return changes(model, call);
  if (what === "snapshot" && hasChanges && call.method === "GET") return snapshot(model, call);
  if (what === "move" && hasMove && call.method === "POST") return move(model, call);
  if (what !== "documents" || id === undefined) return undefined;
  if (part === "versions" && versions && call.method === "GET") return listVersions(model, id);
  if (part !== "raw" || !raw) return undefined;
  if (call.method === "PUT") return putRaw(model, call, id);
  if (call.method === "GET" || call.method === "HEAD") return getRaw(model, call, id);
  return undefined;
}

/** An opaque cursor: where the feed of this database was. */
function toCursor(model: HostedModel, seq: number): string {
  return Buffer.from(`${model.epoch}:${seq}`).toString("base64url");
}

function fromCursor(model: HostedModel, cursor: string): number {
  const [epoch, seq] = Buffer.from(cursor, "base64url").toString().split(":");
  const after = Number(seq);
  if (epoch !== model.epoch || !Number.isInteger(after) || after < model.horizon)
    throw new Refusal(410, "Cursor expired", "list everything again", { resync: true });
  return after;
}

function changes(model: HostedModel, call: Call): Answer {
  const forgotten = model.table.forgetTombstones(model.wallNow - model.quirks.tombstoneMs);
  model.horizon = Math.max(model.horizon, forgotten);
  const tag = call.query.get("containerTag") ?? undefined;
  const since = call.query.get("since") ?? "0";
  const limit = Math.min(Number(call.query.get("limit") ?? "500"), changesLimitMax);
  const wait = Math.min(Number(call.query.get("wait") ?? "0"), waitSecondsMax);
  if (since === "now") return changesAnswer(model, [], model.table.seq, false);
  const after = since === "0" ? 0 : fromCursor(model, since);
  const found: object[] = [];
  let last = after;
  let hasMore = false;
  for (const entry of model.table.feed(tag, after)) {
    if (since === "0" && entry.tombstone !== undefined) continue;
    if (found.length >= limit) {
      hasMore = true;
      break;
    }
    last = entry.seq;
    found.push(changeView(entry));
  }
  if (found.length === 0 && wait > 0 && !call.expired) return { hold: true, waitMs: wait * 1000 };
  return changesAnswer(model, found, hasMore ? last : model.table.seq, hasMore);
}

function changesAnswer(
  model: HostedModel,
  found: object[],
  seq: number,
  hasMore: boolean,
): ModelResponse {
  const json = {
    changes: found,
    cursor: toCursor(model, seq),
    hasMore,
    epoch: model.epoch,
    serverTime: isoTime(model.wallNow),
  };
  return { status: 200, headers: {}, json };
}

function snapshot(model: HostedModel, call: Call): ModelResponse {
  const tag = call.query.get("containerTag") ?? undefined;
  const after = call.query.get("after") ?? "";
  const limit = Math.min(Number(call.query.get("limit") ?? "1000"), changesLimitMax);
  const docs: Doc[] = [];
  for (const doc of model.table.all())
    if ((tag === undefined || doc.tags.includes(tag)) && doc.id > after) docs.push(doc);
  docs.sort((a, b) => (a.id < b.id ? -1 : 1));
  const page = docs.slice(0, limit);
  const hasMore = docs.length > limit;
  const json = {
    documents: page.map(snapshotView),
    hasMore,
    ...(hasMore ? { nextAfter: page.at(-1)?.id } : {}),
    ...(after === "" ? { feedCursor: toCursor(model, model.table.seq) } : {}),
  };
  return { status: 200, headers: {}, json };
}

function listVersions(model: HostedModel, id: string): ModelResponse {
  const states = new Map(model.table.history(id).map((doc) => [doc.rev, doc]));
  if (states.size === 0) throw new Refusal(404, "Document not found");
  const versions = [...states.values()].reverse().map((doc) => ({
    rev: doc.rev,
    contentHash: contentHashOf(doc),
    size: doc.bytes.length,
    filepath: doc.filepath,
    metadata: doc.metadata,
    createdAt: isoTime(doc.updatedAt),
    origin: doc.origin,
  }));
  return { status: 200, headers: {}, json: { versions, nextBefore: null } };
}

function getRaw(model: HostedModel, call: Call, id: string): ModelResponse {
  const live = resolveId(model, id, true);
  if (live === undefined) throw new Refusal(404, "Document not found");
  const rev = call.query.get("rev");
  const doc =
    rev === null ? live : model.table.history(live.id).findLast((one) => String(one.rev) === rev);
  if (doc === undefined) throw new Refusal(404, "Version not found");
  const etag = `"${contentHashOf(doc)}"`;
  if (call.headers["if-none-match"] === etag) return { status: 304, headers: { etag } };
  const headers = {
    "content-type": doc.mime,
    "content-length": String(doc.bytes.length),
    "content-digest": `sha-256=:${Buffer.from(digestOf(doc.bytes), "hex").toString("base64")}:`,
    etag,
  };
  if (call.method === "HEAD") return { status: 200, headers };
  return { status: 200, headers, bytes: doc.bytes };
}

function putRaw(model: HostedModel, call: Call, id: string): ModelResponse {
  if (call.body?.kind !== "bytes") throw new Refusal(400, "Invalid request parameters", "body");
  const doc = resolveId(model, id, true);
  checkConditions(model, call, doc);
  checkDigest(call, call.body.bytes);
  const encodedPath = call.headers["smfs-filepath"];
  const metadata = call.headers["smfs-metadata"];
  const checked = metadata === undefined ? undefined : checkMetadata(JSON.parse(metadata));
  const wanted: Wanted = {
    ...fileContent(
      model,
      call.body.bytes,
      call.headers["content-type"] ?? "application/octet-stream",
    ),
    ...(encodedPath === undefined ? {} : { filepath: checkPath(decodeURIComponent(encodedPath)) }),
    ...(checked === undefined ? {} : { metadata: checked }),
  };
  const holder = otherAt(model, call, doc, wanted.filepath);
  if (holder !== undefined)
    throw new Refusal(409, "filepath conflict", wanted.filepath ?? "", {
      current: currentView(holder),
    });
  if (doc !== undefined) return written(model, change(model, doc, wanted, originOf(call)));
  const container = call.headers["smfs-container"];
  if (container === undefined) throw new Refusal(404, "Document not found");
  const made = create(model, checkTags(container), { ...wanted, customId: id }, originOf(call));
  return written(model, made, 201);
}

function otherAt(
  model: HostedModel,
  call: Call,
  doc: Doc | undefined,
  path: string | null | undefined,
): Doc | undefined {
  const tag = doc?.tags[0] ?? call.headers["smfs-container"];
  if (tag === undefined || path === undefined || path === null) return undefined;
  return model.table.byPath(tag, path).find((one) => one.id !== doc?.id);
}

function checkDigest(call: Call, bytes: Uint8Array): void {
  const wanted = call.headers["content-digest"];
  if (wanted === undefined) return;
  const is = `sha-256=:${Buffer.from(digestOf(bytes), "hex").toString("base64")}:`;
  if (wanted !== is) throw new Refusal(400, "Content-Digest does not match");
}

/** Moves one document, or everything below a prefix, in one step; all or nothing. */
function move(model: HostedModel, call: Call): ModelResponse {
  const body = jsonBody(call);
  const [tag = ""] = checkTags(body.containerTag);
  const from = checkPath(body.from);
  const to = checkPath(body.to);
  if (from === null || to === null)
    throw new Refusal(400, "Invalid request parameters", "from and to: required");
  const moves: { doc: Doc; path: string }[] = [];
  for (const doc of model.table.all()) {
    if (!doc.tags.includes(tag) || doc.filepath === null) continue;
    if (doc.filepath === from) moves.push({ doc, path: to });
    else if (doc.filepath.startsWith(`${from}/`))
      moves.push({ doc, path: to + doc.filepath.slice(from.length) });
  }
  if (moves.length === 0) throw new Refusal(404, "Nothing at this path");
  const moving = new Set(moves.map(({ doc }) => doc.id));
  for (const { path } of moves) {
    const holder = model.table.byPath(tag, path).find((one) => !moving.has(one.id));
    if (holder !== undefined)
      throw new Refusal(409, "filepath conflict", path, { current: currentView(holder) });
  }
  const ifMatch = body.ifMatch;
  const [only] = moves;
  if (typeof ifMatch === "string" && only !== undefined && ifMatch !== etagOf(only.doc))
    throw new Refusal(412, "Precondition Failed", "", { current: currentView(only.doc) });
  const documents = moves.map(({ doc, path }) => {
    const next: Doc = {
      ...doc,
      filepath: path,
      rev: doc.rev + 1,
      updatedAt: model.stamp(),
      origin: originOf(call),
    };
    model.table.put(next, model.monotonicNow, "request");
    return { id: next.id, rev: next.rev, filepath: path };
  });
  return { status: 200, headers: {}, json: { moved: documents.length, documents } };
}
