/** Documents by path, for people and simple tools: GET, PUT, DELETE and move as of files. */
import { ContainerTagSchema, FilepathSchema } from "@smfs/api";
import type { Handlers } from "../app.ts";
import { needContainer, sees } from "../documents/access.ts";
import { refuseStrict } from "../documents/check-place.ts";
import { deleteDocument, removeFrom } from "../documents/delete-documents.ts";
import { moveDocuments } from "../documents/move-documents.ts";
import { receiveContent } from "../documents/receive-content.ts";
import type { ApiRequest } from "../http/api-request.ts";
import { invalid, notFound, preconditionFailed } from "../http/http-error.ts";
import type { ServerContext } from "../server-context.ts";
import type { DocumentReads, Transaction } from "../storage/storage.ts";
import type { StoredDocument } from "../storage/stored.ts";
import { preferring } from "./preferences.ts";
import { rawAnswer } from "./raw-routes.ts";
import { etags, movedAnswer } from "./server-routes.ts";
import { writeAnswer, writeContext } from "./write-context.ts";

type Names = "getFile" | "putFile" | "deleteFile" | "moveFile";

export function fsHandlers(context: ServerContext): Pick<Handlers, Names> {
  const { storage, documents, limits, indexer } = context;
  return {
    getFile: async (request) => {
      const document = await documentAt(storage, request);
      if (document === undefined) throw notFound("Document");
      return rawAnswer(context, request, document);
    },
    putFile: async (request) => {
      const containerTag = containerOf(request);
      const filepath = pathOf(request);
      const received = await receiveContent(storage, request.upload, {
        bytesMax: limits.uploadBytesMax,
        contentDigest: request.header("content-digest"),
      });
      const write = {
        received,
        containerTags: [containerTag],
        filepath,
        mediaType: request.header("content-type"),
      };
      const answer = await request.write(async (tx) => {
        const result = await documents.put(tx, write, writeContext(request));
        return writeAnswer(result, result.created ? 201 : 200);
      }, received.digest);
      indexer.wake();
      return preferring(context, request, answer);
    },
    deleteFile: async (request) =>
      request.write(async (tx) => {
        const document = await documentAt(tx, request);
        if (document === undefined) {
          if (request.conditions.ifMatch !== undefined) {
            throw preconditionFailed("there is no such document");
          }
          throw notFound("Document");
        }
        await deleteDocument(tx, document, writeContext(request));
        return { status: 204 };
      }),
    moveFile: async (request) => {
      const { from, to, overwrite, ifMatch } = request.body;
      const containerTag = containerOf(request);
      const move = {
        containerTag,
        from,
        to,
        ifMatch: ifMatch === undefined ? undefined : etags(ifMatch),
      };
      return request.write(async (tx) => {
        if (overwrite === true && from !== to) await clear(tx, containerTag, move, request);
        return movedAnswer(await moveDocuments(tx, documents, move, writeContext(request)));
      });
    },
  };
}

function containerOf(request: ApiRequest<unknown, unknown>): string {
  const parsed = ContainerTagSchema.safeParse(request.params.tag);
  if (!parsed.success) throw invalid("containerTag: bad format");
  needContainer(request.access, parsed.data);
  return parsed.data;
}

function pathOf(request: ApiRequest<unknown, unknown>): string {
  const parsed = FilepathSchema.safeParse(`/${request.params.path ?? ""}`);
  if (!parsed.success) throw invalid("filepath: bad format");
  return parsed.data;
}

async function documentAt(
  reads: DocumentReads,
  request: ApiRequest<unknown, unknown>,
): Promise<StoredDocument | undefined> {
  const document = await reads.documentByPath(containerOf(request), pathOf(request));
  return document !== undefined && sees(request.access, document) ? document : undefined;
}

/** Makes room at the target of a move: the document that is there goes, and stays in the history. */
async function clear(
  tx: Transaction,
  containerTag: string,
  move: { readonly from: string; readonly to: string },
  request: ApiRequest<unknown, unknown>,
): Promise<void> {
  if (move.to.endsWith("/")) throw invalid("overwrite: only of a single document");
  const source = await tx.documentByPath(containerTag, move.from);
  const target = await tx.documentByPath(containerTag, move.to);
  if (source === undefined || target === undefined || !sees(request.access, target)) return;
  refuseStrict(request.access);
  await removeFrom(tx, target, request.access.containerTags, writeContext(request));
}
