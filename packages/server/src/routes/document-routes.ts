/** Documents: create, read, change, delete (v3). */
import type { DocumentJson, DocumentRoutes, WriteResponse } from "@smfs/api";
import type { Handlers } from "../app.ts";
import { toCurrent, validatorsOf } from "../documents/content-hash.ts";
import { deleteDocument } from "../documents/delete-documents.ts";
import { toDocumentJson } from "../documents/document-json.ts";
import { findDocument, needDocument } from "../documents/find-document.ts";
import { receiveText } from "../documents/receive-content.ts";
import { type Answer, json } from "../http/answer.ts";
import type { ApiRequest } from "../http/api-request.ts";
import { readOutcome } from "../http/conditions.ts";
import { invalid, notFound, preconditionFailed } from "../http/http-error.ts";
import { toInnerMemory } from "../memories/memory-json.ts";
import type { ServerContext } from "../server-context.ts";
import type { StoredDocument } from "../storage/stored.ts";
import { toIsoTime } from "../time.ts";
import { preferring } from "./preferences.ts";
import { servedContent } from "./served-content.ts";
import {
  namedContainers,
  stateHeaders,
  toWrite,
  writeAnswer,
  writeContext,
  writtenContainers,
} from "./write-context.ts";

type Names =
  | "createDocument"
  | "getDocument"
  | "patchDocument"
  | "deleteDocument"
  | "documentChunks"
  | "documentFileUrl";

export function documentHandlers(
  context: ServerContext,
): Pick<Handlers, Names & keyof DocumentRoutes> {
  const { storage, documents, limits, indexer } = context;
  return {
    createDocument: createHandler(context),
    getDocument: async (request) => {
      const document = await needDocument(storage, request.access, request.params.id ?? "");
      const headers = stateHeaders(document);
      switch (readOutcome(request.conditions, validatorsOf(document))) {
        case "failed":
          throw preconditionFailed(`document is at r${document.rev}`, toCurrent(document));
        case "not-modified":
          return { status: 304, headers };
        case "full":
          return json(await documentJson(context, request, document), 200, headers);
      }
    },
    patchDocument: async (request) => {
      const { body, params } = request;
      const received =
        body.content === undefined
          ? undefined
          : await receiveText(storage, body.content, limits.textBytesMax);
      const named = namedContainers(body);
      const answer = await request.write(async (tx) => {
        const document = await findDocument(tx, request.access, params.id ?? "");
        if (document === undefined) throw missing(request.conditions.ifMatch !== undefined);
        // A container that the document is in says nothing new; another one moves it there.
        const isHome = named.every((tag) => document.containerTags.includes(tag));
        const write = { ...toWrite(body), received, ...(isHome ? {} : { containerTags: named }) };
        return writeAnswer(await documents.change(tx, document, write, writeContext(request)));
      });
      indexer.wake();
      return preferring(context, request, answer);
    },
    deleteDocument: async (request) =>
      request.write(async (tx) => {
        const document = await findDocument(tx, request.access, request.params.id ?? "");
        if (document === undefined) throw missing(request.conditions.ifMatch !== undefined);
        await deleteDocument(tx, document, writeContext(request));
        return { status: 204 };
      }),
    documentChunks: async (request) => {
      const document = await needDocument(storage, request.access, request.params.id ?? "");
      const chunks = await storage.chunksOfDocument(document.no);
      return json({
        documentId: document.id,
        chunks: chunks.map((chunk) => ({
          id: String(chunk.no),
          position: chunk.position,
          content: chunk.text,
          type: "text",
          metadata: document.metadata,
          createdAt: toIsoTime(chunk.createdAt),
        })),
        total: chunks.length,
      });
    },
    documentFileUrl: async (request) => {
      const document = await needDocument(storage, request.access, request.params.id ?? "");
      if (document.isText) throw notFound("File");
      return json({ url: context.files.urlOf(document, request.baseUrl) });
    },
  };
}

async function documentJson(
  context: ServerContext,
  request: ApiRequest<unknown, unknown>,
  document: StoredDocument,
): Promise<DocumentJson> {
  const view = await servedContent(context, request, document, true);
  const memories = await context.storage.memoriesOfDocument(document.no);
  const known = memories.filter((memory) => !memory.isForgotten).map(toInnerMemory);
  // What is drawn from an image comes after it is done, as other meaning does.
  const isOwed = !document.isText && (await context.storage.owesText(document.no));
  const messages = await context.storage.conversation(document.no);
  return {
    ...toDocumentJson(document, view),
    ...(messages === undefined ? {} : { raw: { messages } }),
    ...(isOwed ? { dreamingStatus: "dreaming" as const } : {}),
    ...(known.length === 0 ? {} : { memories: known }),
  };
}

function missing(hadCondition: boolean): Error {
  return hadCondition ? preconditionFailed("there is no such document") : notFound("Document");
}

function createHandler(context: ServerContext): Handlers["createDocument"] {
  const { storage, documents, limits, indexer, repeated } = context;
  return async (request) => {
    const { body } = request;
    const containerTags = writtenContainers(body);
    if (body.updateMode === "append" && body.customId == null) {
      throw invalid("updateMode: append needs a customId");
    }
    const isKeyless = body.customId == null && body.filepath == null;
    const name = isKeyless ? repeated.nameOf(request.access.keyId, body) : "";
    const isRepeat = isKeyless && Number(request.header("x-stainless-retry-count") ?? 0) >= 1;
    const content = await appended(context, body, containerTags);
    const received = await receiveText(storage, content.text, limits.textBytesMax);
    const answer = await request.write(async (tx) => {
      const first = isRepeat ? repeated.find(name) : undefined;
      const same = first === undefined ? undefined : await tx.documentById(first);
      if (same !== undefined)
        return writeAnswer({ document: same, created: false, changed: false });
      if (content.to !== undefined) {
        const now = await tx.documentByCustomId(body.customId ?? "", containerTags);
        if (now?.contentRev !== content.to)
          throw preconditionFailed("the document changed meanwhile");
      }
      const write = { ...toWrite(body), received, containerTags };
      return writeAnswer(await documents.put(tx, write, writeContext(request)));
    });
    if (isKeyless) repeated.remember(name, idOf(answer));
    indexer.wake();
    return preferring(context, request, answer);
  };
}

/** The text to store: what is sent, or the document's own text with what is sent after it. */
async function appended(
  context: ServerContext,
  body: {
    readonly content: string;
    readonly customId?: string | null | undefined;
    readonly updateMode?: string | undefined;
  },
  containerTags: readonly string[],
): Promise<{ readonly text: string; readonly to?: number }> {
  if (body.updateMode !== "append" || body.customId == null) return { text: body.content };
  const old = await context.storage.documentByCustomId(body.customId, containerTags);
  if (old === undefined || !old.isText) return { text: body.content };
  const text = (await context.storage.documentText(old)) ?? "";
  return { text: text + body.content, to: old.contentRev };
}

function idOf(answer: Answer): string {
  // Written by writeAnswer.
  return answer.body?.kind === "json" ? (answer.body.value as WriteResponse).id : "";
}
