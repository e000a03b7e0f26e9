/** Bytes: raw documents, and files at signed addresses. */
import {
  ContainerTagSchema,
  CustomIdSchema,
  FilepathSchema,
  type MetadataPatch,
  MetadataPatchSchema,
  type Schema,
} from "@smfs/api";
import { baseName, toContentHash } from "@smfs/core";
import type { Handlers } from "../app.ts";
import { contentHashOf } from "../documents/content-hash.ts";
import { findDocument, needDocument } from "../documents/find-document.ts";
import { receiveContent } from "../documents/receive-content.ts";
import type { Answer } from "../http/answer.ts";
import type { ApiRequest } from "../http/api-request.ts";
import { bytesAnswer } from "../http/bytes-answer.ts";
import { describeIssue } from "../http/describe-issue.ts";
import { forbidden, invalid, notFound, preconditionFailed } from "../http/http-error.ts";
import type { ServerContext } from "../server-context.ts";
import type { StoredDocument, StoredVersion } from "../storage/stored.ts";
import { digits } from "./list-routes.ts";
import { preferring } from "./preferences.ts";
import { writeAnswer, writeContext } from "./write-context.ts";

export function rawHandlers(context: ServerContext): Pick<Handlers, "getRaw" | "putRaw" | "file"> {
  const { storage, documents, limits, indexer } = context;
  return {
    getRaw: async (request) => {
      const document = await needDocument(storage, request.access, request.params.id ?? "");
      if (request.query.rev === undefined) return rawAnswer(context, request, document);
      const version = await storage.version(document.no, digits(request.query.rev, 0));
      if (version === undefined) throw notFound("Version");
      return versionAnswer(context, request, version);
    },
    putRaw: async (request) => {
      const name = request.params.id ?? "";
      const container = headerValue(request, "smfs-container", ContainerTagSchema);
      const more = {
        filepath: headerValue(request, "smfs-filepath", FilepathSchema),
        metadata: metadataHeader(request),
        mediaType: request.header("content-type"),
        movesToo: true,
      };
      const received = await receiveContent(storage, request.upload, {
        bytesMax: limits.uploadBytesMax,
        contentDigest: request.header("content-digest"),
      });
      const answer = await request.write(async (tx) => {
        const write = writeContext(request);
        const document = await findDocument(tx, request.access, name);
        const isHere =
          document !== undefined &&
          (container === undefined || document.containerTags.includes(container));
        if (document !== undefined && isHere) {
          return writeAnswer(await documents.change(tx, document, { ...more, received }, write));
        }
        if (request.conditions.ifMatch !== undefined)
          throw preconditionFailed("there is no such document");
        if (container === undefined) throw notFound("Document");
        const customId = checked("id", CustomIdSchema, name);
        const created = { ...more, received, containerTags: [container], customId };
        const result = await documents.put(tx, created, write);
        return writeAnswer(result, result.created ? 201 : 200);
      }, received.digest);
      indexer.wake();
      return preferring(context, request, answer);
    },
    file: async (request) => {
      const { id = "", rev = "" } = request.params;
      const { exp, sig } = request.query;
      if (!context.files.isGood(id, rev, exp, sig)) {
        throw forbidden("the address is not one of this server's, or its time is over");
      }
      const document = await storage.documentById(id);
      const version = document && (await storage.version(document.no, Number(rev)));
      if (version === undefined) throw notFound("File");
      return versionAnswer(context, request, version, "private, max-age=86400, immutable");
    },
  };
}

/** The present bytes of a document. */
export function rawAnswer(
  context: ServerContext,
  request: ApiRequest<unknown, unknown>,
  document: StoredDocument,
): Answer {
  return bytesAnswer(request, {
    ...document.content,
    mediaType: document.mediaType,
    fileName: nameOf(document),
    contentHash: contentHashOf(document),
    etags: [`r${document.rev}`],
    modifiedAt: document.updatedAt,
    open: (range) => context.storage.streamContent(document.content, range),
  });
}

/** The bytes of an earlier state. */
export function versionAnswer(
  context: ServerContext,
  request: ApiRequest<unknown, unknown>,
  version: StoredVersion,
  cacheControl?: string,
): Answer {
  return bytesAnswer(request, {
    ...version.content,
    mediaType: version.mediaType,
    fileName: nameOf(version),
    contentHash: toContentHash(version.content.digest),
    modifiedAt: version.at,
    ...(cacheControl === undefined ? {} : { cacheControl }),
    open: (range) => context.storage.streamContent(version.content, range),
  });
}

function nameOf(document: Pick<StoredDocument, "filepath" | "title" | "id">): string {
  return document.filepath === null ? (document.title ?? document.id) : baseName(document.filepath);
}

/** A percent-encoded header, because paths may be in any script. */
function headerValue(
  request: ApiRequest<unknown, unknown>,
  name: string,
  schema: Schema<string>,
): string | undefined {
  const value = request.header(name);
  return value === undefined ? undefined : checked(name, schema, decoded(name, value));
}

/** `Smfs-Metadata`: JSON, percent-encoded where it is not plain ASCII. */
function metadataHeader(request: ApiRequest<unknown, unknown>): MetadataPatch | undefined {
  const name = "smfs-metadata";
  const value = request.header(name);
  if (value === undefined) return undefined;
  const text = value.trimStart().startsWith("{") ? value : decoded(name, value);
  try {
    return checked(name, MetadataPatchSchema, JSON.parse(text));
  } catch (error) {
    if (error instanceof SyntaxError) throw invalid(`${name}: not JSON`);
    throw error;
  }
}

function decoded(name: string, value: string): string {
  try {
    return decodeURIComponent(value);
  } catch (error) {
    if (error instanceof URIError) throw invalid(`${name}: not percent-encoded UTF-8`);
    throw error;
  }
}

function checked<T>(name: string, schema: Schema<T>, value: unknown): T {
  const parsed = schema.safeParse(value, { reportInput: true });
  if (parsed.success) return parsed.data;
  throw invalid(`${name}: ${describeIssue(parsed.error.issues[0]).replace(/^the body: /, "")}`);
}
