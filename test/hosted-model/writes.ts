/** Routes that change documents: POST, file upload, PATCH, DELETE, bulk delete, container tags. */
import {
  contentHashOf,
  type Doc,
  type MetadataValue,
  mergeMetadata,
  metadataProblem,
  sameMetadata,
  textOf,
} from "./document.ts";
import { pathMatches } from "./listing.ts";
import { type Call, jsonBody, type ModelResponse, Refusal } from "./message.ts";
import type { HostedModel, Route } from "./model.ts";
import { etagOf, resolveId } from "./reads.ts";
import { currentView, writeView } from "./view.ts";

const defaultTag = "sm_project_default";
const encoder = new TextEncoder();

export const writeRoutes: readonly Route[] = [
  postDocument,
  postFile,
  deleteBulk,
  patchDocument,
  deleteDocument,
  patchTag,
];

/** What a write wants a document to be. */
export interface Wanted {
  readonly bytes?: Uint8Array;
  readonly text?: string | undefined;
  readonly mime?: string;
  readonly type?: string;
  readonly fileName?: string | null;
  readonly filepath?: string | null;
  readonly metadata?: Readonly<Record<string, MetadataValue | null>>;
  readonly customId?: string;
}

export function originOf(call: Call): string | null {
  return call.headers["x-client-id"] ?? null;
}

/** Fails with 412 unless the preconditions of the request hold for `doc` (RFC 9110 §13). */
export function checkConditions(model: HostedModel, call: Call, doc: Doc | undefined): void {
  if (!model.quirks.extensions.etag) return;
  const match = call.headers["if-match"];
  if (match !== undefined && !matchesAny(match, doc)) throw preconditionFailed(doc);
  if (call.headers["if-none-match"] === "*" && doc !== undefined) throw preconditionFailed(doc);
}

function matchesAny(header: string, doc: Doc | undefined): boolean {
  if (doc === undefined) return false;
  const tags = header.split(",").map((tag) => tag.trim());
  return tags.some(
    (tag) => tag === "*" || tag === etagOf(doc) || tag === `"${contentHashOf(doc)}"`,
  );
}

function preconditionFailed(doc: Doc | undefined): Refusal {
  if (doc === undefined) return new Refusal(412, "Precondition Failed", "no such document");
  const refusal = new Refusal(412, "Precondition Failed", `document is at r${doc.rev}`, {
    current: currentView(doc),
  });
  return refusal;
}

/** The answer to a write. */
export function written(model: HostedModel, doc: Doc, status = 200): ModelResponse {
  const headers: Record<string, string> = model.quirks.extensions.etag ? { etag: etagOf(doc) } : {};
  return { status, headers, json: writeView(doc, model.quirks) };
}

export function checkPath(path: unknown): string | null {
  if (path === undefined || path === null) return null;
  const bad =
    typeof path !== "string" ||
    !path.startsWith("/") ||
    path.length < 2 ||
    path.includes("//") ||
    encoder.encode(path).length > 4096;
  if (bad) throw new Refusal(400, "Invalid request parameters", "filepath: bad format");
  return path;
}

export function checkMetadata(
  value: unknown,
): Readonly<Record<string, MetadataValue | null>> | undefined {
  if (value === undefined || value === null) return undefined;
  const problem = metadataProblem(value);
  if (problem !== undefined) throw new Refusal(400, "Invalid request parameters", problem);
  return value as Record<string, MetadataValue | null>;
}

export function checkTags(value: unknown): string[] {
  const tags = value === undefined ? [defaultTag] : ([value].flat() as unknown[]);
  const bad = tags.some((tag) => typeof tag !== "string" || !/^[a-zA-Z0-9_:.-]{1,100}$/.test(tag));
  if (bad) throw new Refusal(400, "Invalid request parameters", "containerTag: bad format");
  return tags as string[];
}

function checkCustomId(value: unknown): string | undefined {
  if (value === undefined || value === null) return undefined;
  if (typeof value !== "string" || value === "" || value.length > 255)
    throw new Refusal(400, "Invalid request parameters", "customId: bad format");
  return value;
}

/** Text as the server keeps it. */
function normalise(model: HostedModel, text: string): string {
  const { trim, crlf, urls } = model.quirks.normalise;
  let kept = text;
  if (crlf) kept = kept.replaceAll("\r\n", "\n");
  if (trim) kept = kept.trim();
  if (urls && /^https?:\/\/\S+$/.test(kept)) kept = `Content of ${kept}`;
  return kept;
}

/** A JSON `content` as what a document holds. */
function textContent(model: HostedModel, content: unknown): Wanted {
  if (typeof content !== "string")
    throw new Refusal(400, "Invalid request parameters", "content: required");
  const text = normalise(model, content);
  const bytes = encoder.encode(text);
  if (bytes.length > model.quirks.contentBytesMax) throw new Refusal(413, "Content too large");
  return { bytes, text, mime: "text/plain", type: "text", fileName: null };
}

/** Uploaded bytes as what a document holds: text when they are UTF-8. */
export function fileContent(model: HostedModel, bytes: Uint8Array, mime: string): Wanted {
  if (bytes.length > model.quirks.fileBytesMax) throw new Refusal(413, "File too large");
  const text = textOf(bytes);
  if (text !== undefined) return { bytes, text, mime, type: "text" };
  const [kind = "", sub] = mime.split("/");
  const known = ["image", "video", "audio"].includes(kind) ? kind : undefined;
  return { bytes, text: undefined, mime, type: known ?? (sub === "pdf" ? "pdf" : "webpage") };
}

/** Fails when a file would stand above or below another one. */
function checkNoFileAbove(model: HostedModel, tags: readonly string[], path: string | null): void {
  if (!model.quirks.refusesFileAboveFile || path === null) return;
  for (const doc of model.table.all()) {
    if (doc.filepath === null || !doc.tags.some((tag) => tags.includes(tag))) continue;
    if (!doc.filepath.startsWith(`${path}/`) && !path.startsWith(`${doc.filepath}/`)) continue;
    throw new Refusal(400, "Invalid request parameters", "filepath: a file is above or below it");
  }
}

function othersAt(model: HostedModel, tag: string, path: string | null, not?: Doc): Doc[] {
  if (path === null) return [];
  return model.table.byPath(tag, path).filter((doc) => doc.id !== not?.id);
}

/** Makes a document and starts its processing. */
export function create(
  model: HostedModel,
  tags: string[],
  wanted: Wanted,
  origin: string | null,
): Doc {
  checkNoFileAbove(model, tags, wanted.filepath ?? null);
  const at = model.stamp();
  const instant = model.pipeline.isInstant;
  const doc: Doc = {
    id: model.newId(),
    customId: wanted.customId ?? null,
    tags,
    filepath: wanted.filepath ?? null,
    metadata: mergeMetadata(null, wanted.metadata),
    type: wanted.type ?? "text",
    status: instant ? "done" : "queued",
    bytes: wanted.bytes ?? new Uint8Array(),
    text: wanted.text,
    oldText: null,
    mime: wanted.mime ?? "text/plain",
    fileName: wanted.fileName ?? null,
    rev: 1,
    createdAt: at,
    updatedAt: at,
    origin,
    errorMessage: null,
  };
  if (!instant) model.pipeline.start(doc, model.monotonicNow);
  model.table.put(doc, model.monotonicNow, "request");
  return doc;
}

/** Changes a document; new bytes start its processing anew. What changes nothing makes no revision. */
export function change(model: HostedModel, doc: Doc, wanted: Wanted, origin: string | null): Doc {
  const bytes = wanted.bytes;
  const newBytes =
    bytes !== undefined && (doc.status === "failed" || Buffer.compare(bytes, doc.bytes) !== 0);
  const metadata = mergeMetadata(doc.metadata, wanted.metadata);
  const filepath = wanted.filepath === undefined ? doc.filepath : wanted.filepath;
  const customId = wanted.customId ?? doc.customId;
  const sameRest =
    filepath === doc.filepath && customId === doc.customId && sameMetadata(metadata, doc.metadata);
  if (!newBytes && sameRest) return doc;
  if (filepath !== doc.filepath) checkNoFileAbove(model, doc.tags, filepath);
  const instant = model.pipeline.isInstant;
  const bump = !newBytes || instant || model.quirks.bumps.receipt || model.quirks.strictTime;
  const next: Doc = {
    ...doc,
    ...(newBytes ? contentFields(doc, wanted, instant) : {}),
    customId,
    filepath,
    metadata,
    rev: doc.rev + 1,
    updatedAt: bump ? model.stamp() : doc.updatedAt,
    origin,
  };
  if (newBytes && instant) model.pipeline.drop(doc.id);
  if (newBytes && !instant) model.pipeline.start(next, model.monotonicNow);
  model.table.put(next, model.monotonicNow, "request");
  return next;
}

function contentFields(doc: Doc, wanted: Wanted, instant: boolean): Partial<Doc> {
  return {
    bytes: wanted.bytes ?? doc.bytes,
    text: wanted.text,
    type: wanted.type ?? doc.type,
    mime: wanted.mime ?? doc.mime,
    fileName: wanted.fileName ?? doc.fileName,
    oldText: doc.text ?? null,
    status: instant ? "done" : "queued",
    errorMessage: null,
  };
}

function postDocument(model: HostedModel, call: Call): ModelResponse | undefined {
  if (call.method !== "POST" || call.path !== "/v3/documents") return undefined;
  const body = jsonBody(call);
  const tags = checkTags(body.containerTag ?? body.containerTags);
  const wanted: Wanted = {
    ...textContent(model, body.content),
    filepath: checkPath(body.filepath),
    ...optional("metadata", checkMetadata(body.metadata)),
    ...optional("customId", checkCustomId(body.customId)),
  };
  return put(model, call, tags, wanted);
}

function postFile(model: HostedModel, call: Call): ModelResponse | undefined {
  if (call.method !== "POST" || call.path !== "/v3/documents/file") return undefined;
  if (call.body?.kind !== "form") throw new Refusal(400, "Invalid request parameters", "file");
  const fields = new Map(call.body.fields.map((field) => [field.name, field]));
  const file = fields.get("file");
  if (file === undefined) throw new Refusal(400, "Invalid request parameters", "file: required");
  const bytes = typeof file.value === "string" ? encoder.encode(file.value) : file.value;
  const field = (name: string): string | undefined => {
    const value = fields.get(name)?.value;
    return typeof value === "string" ? value : undefined;
  };
  const metadata = field("metadata");
  const wanted: Wanted = {
    ...fileContent(model, bytes, field("mimeType") ?? "application/octet-stream"),
    fileName: file.fileName ?? null,
    filepath: checkPath(field("filepath")),
    ...optional("metadata", metadata === undefined ? undefined : parseMetadata(metadata)),
    ...optional("customId", checkCustomId(field("customId"))),
  };
  return put(model, call, checkTags(field("containerTag") ?? field("containerTags")), wanted);
}

function parseMetadata(text: string): Readonly<Record<string, MetadataValue | null>> | undefined {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    if (error instanceof SyntaxError)
      throw new Refusal(400, "Invalid request parameters", "metadata: not JSON");
    throw error;
  }
  return checkMetadata(value);
}

/** A property that is there only when it has a value (exactOptionalPropertyTypes). */
function optional<K extends string, V>(key: K, value: V | undefined): { [P in K]?: V } {
  return (value === undefined ? {} : { [key]: value }) as { [P in K]?: V };
}

/** POST of a document, in text or as a file: by customId, else by path, else new. */
function put(model: HostedModel, call: Call, tags: string[], wanted: Wanted): ModelResponse {
  const tag = tags[0] ?? defaultTag;
  const origin = originOf(call);
  const known = wanted.customId === undefined ? [] : model.table.byCustomId(tag, wanted.customId);
  const [byCustomId] = known;
  if (byCustomId !== undefined) {
    checkConditions(model, call, byCustomId);
    return written(model, repost(model, byCustomId, wanted, origin));
  }
  const [holder] = othersAt(model, tag, wanted.filepath ?? null);
  checkConditions(model, call, holder);
  if (holder === undefined) return written(model, create(model, tags, wanted, origin));
  const { pathTaken, extensions } = model.quirks;
  const refuses = pathTaken === "conflict" || (extensions.etag && wanted.customId !== undefined);
  if (refuses)
    throw new Refusal(409, "Path is taken", holder.filepath ?? "", {
      current: currentView(holder),
    });
  if (pathTaken === "duplicate") return written(model, create(model, tags, wanted, origin));
  return written(model, change(model, holder, wanted, origin));
}

/** A POST under a customId that is known already. */
function repost(model: HostedModel, doc: Doc, wanted: Wanted, origin: string | null): Doc {
  const { repost: rule, repostDroppedWhileProcessing } = model.quirks;
  if (repostDroppedWhileProcessing && model.pipeline.isBusy(doc.id)) return doc;
  const same = wanted.bytes !== undefined && Buffer.compare(wanted.bytes, doc.bytes) === 0;
  if (same || rule === "no-op") return doc;
  if (rule === "conflict")
    throw new Refusal(409, "customId exists", doc.customId ?? "", { current: currentView(doc) });
  const { customId: _known, ...rest } = wanted;
  const extends_ = doc.text !== undefined && wanted.text?.startsWith(doc.text) === true;
  if (rule === "replace" || extends_ || doc.text === undefined || wanted.text === undefined)
    return change(model, doc, rest, origin);
  const text = `${doc.text}\n${wanted.text}`;
  return change(model, doc, { ...rest, text, bytes: encoder.encode(text) }, origin);
}

function documentId(call: Call): string | undefined {
  const [v3, documents, id, more] = call.segments;
  return v3 === "v3" && documents === "documents" && more === undefined ? id : undefined;
}

function patchDocument(model: HostedModel, call: Call): ModelResponse | undefined {
  const id = documentId(call);
  if (call.method !== "PATCH" || id === undefined) return undefined;
  const body = jsonBody(call);
  const doc = resolveId(model, id, model.quirks.getByCustomId);
  checkConditions(model, call, doc);
  if (doc === undefined) throw new Refusal(404, "Document not found");
  const wanted: Wanted = {
    ...(body.content === undefined ? {} : textContent(model, body.content)),
    ...(body.filepath === undefined ? {} : { filepath: checkPath(body.filepath) }),
    ...optional("metadata", checkMetadata(body.metadata)),
    ...optional("customId", checkCustomId(body.customId)),
  };
  const origin = originOf(call);
  const hasCondition = model.quirks.extensions.etag && call.headers["if-match"] !== undefined;
  return written(model, patch(model, doc, withPathRule(model, doc, wanted, hasCondition), origin));
}

/** Content and filepath in one PATCH: the hosted API ignores the path. */
function withPathRule(model: HostedModel, doc: Doc, wanted: Wanted, hasCondition: boolean): Wanted {
  const ignored =
    model.quirks.contentPatchIgnoresPath &&
    wanted.bytes !== undefined &&
    doc.filepath !== null &&
    !hasCondition;
  if (!ignored) return wanted;
  const { filepath: _ignored, ...rest } = wanted;
  return rest;
}

function patch(model: HostedModel, doc: Doc, wanted: Wanted, origin: string | null): Doc {
  const { patchWhileProcessing, moveOntoTaken } = model.quirks;
  if (wanted.filepath !== undefined && moveOntoTaken === "conflict") {
    const [holder] = othersAt(model, doc.tags[0] ?? defaultTag, wanted.filepath, doc);
    if (holder !== undefined)
      throw new Refusal(409, "filepath conflict", wanted.filepath ?? "", {
        current: currentView(holder),
      });
  }
  const isBusy = wanted.bytes !== undefined && model.pipeline.isBusy(doc.id);
  if (!isBusy) return change(model, doc, wanted, origin);
  const { bytes: _bytes, text: _text, mime: _mime, type: _type, fileName: _name, ...rest } = wanted;
  switch (patchWhileProcessing) {
    case "accept":
      return change(model, doc, wanted, origin);
    case "drop":
      return doc;
    case "drop-content":
      return change(model, doc, rest, origin);
    case "path-only":
      return change(
        model,
        doc,
        rest.filepath === undefined ? {} : { filepath: rest.filepath },
        origin,
      );
    case "conflict":
      throw new Refusal(409, "Document is processing");
    case "queue":
      model.pipeline.queue(doc.id, () => {
        const now = model.table.get(doc.id);
        if (now !== undefined) patch(model, now, wanted, origin);
      });
      return doc;
  }
}

/** Removes a document in any status. */
function remove(model: HostedModel, doc: Doc, origin: string | null): void {
  model.pipeline.drop(doc.id);
  model.table.remove(doc, model.monotonicNow, model.wallNow, origin, "request");
}

function deleteDocument(model: HostedModel, call: Call): ModelResponse | undefined {
  const id = documentId(call);
  if (call.method !== "DELETE" || id === undefined) return undefined;
  const doc = resolveId(model, id, true);
  checkConditions(model, call, doc);
  if (doc === undefined) throw new Refusal(404, "Document not found");
  remove(model, doc, originOf(call));
  return { status: 204, headers: {} };
}

function deleteBulk(model: HostedModel, call: Call): ModelResponse | undefined {
  if (call.method !== "DELETE" || call.path !== "/v3/documents/bulk") return undefined;
  const body = jsonBody(call);
  const ids = body.ids as string[] | undefined;
  const tags = body.containerTags as string[] | undefined;
  const path = typeof body.filepath === "string" ? body.filepath : undefined;
  if (ids === undefined && tags === undefined)
    throw new Refusal(400, "Invalid request parameters", "ids or containerTags: required");
  const errors: object[] = [];
  let deletedCount = 0;
  const inTags = (doc: Doc): boolean =>
    tags === undefined || doc.tags.some((t) => tags.includes(t));
  const candidates = ids === undefined ? [...model.table.all()].map((doc) => doc.id) : ids;
  for (const id of candidates) {
    const doc = model.table.get(id);
    const matches = doc !== undefined && inTags(doc) && pathMatches(doc.filepath, path);
    if (matches) {
      remove(model, doc, originOf(call));
      deletedCount += 1;
    } else if (ids !== undefined) errors.push({ id, error: "Document not found" });
  }
  return {
    status: 200,
    headers: {},
    json: { success: true, deletedCount, ...(errors.length > 0 ? { errors } : {}) },
  };
}

function patchTag(model: HostedModel, call: Call): ModelResponse | undefined {
  const [v3, tags, tag] = call.segments;
  if (call.method !== "PATCH" || v3 !== "v3" || tags !== "container-tags" || tag === undefined)
    return undefined;
  const [checked = defaultTag] = checkTags(tag);
  const settings: Record<string, unknown> = {
    name: checked,
    entityContext: null,
    memoryFilesystemPaths: null,
    profileBuckets: [],
    ...model.tagSettings.get(checked),
    ...jsonBody(call),
  };
  model.tagSettings.set(checked, settings);
  const updatedAt = new Date(model.wallNow).toISOString();
  return { status: 200, headers: {}, json: { containerTag: checked, ...settings, updatedAt } };
}
