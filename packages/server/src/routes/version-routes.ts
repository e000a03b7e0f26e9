/** History: versions, restore, undelete. */
import { parentPath } from "@smfs/core";
import type { Handlers } from "../app.ts";
import { sees } from "../documents/access.ts";
import { checkConditions } from "../documents/check-place.ts";
import { toCurrent } from "../documents/content-hash.ts";
import { toDocumentJson, toVersionJson } from "../documents/document-json.ts";
import { findDocument } from "../documents/find-document.ts";
import { json } from "../http/answer.ts";
import type { ApiRequest } from "../http/api-request.ts";
import { conflict, invalid, notFound } from "../http/http-error.ts";
import { versionsKept } from "../limits.ts";
import type { ServerContext } from "../server-context.ts";
import type { DocumentReads, Transaction } from "../storage/storage.ts";
import type { StoredDocument, StoredVersion, Tombstone } from "../storage/stored.ts";
import { digits } from "./list-routes.ts";
import { preferring } from "./preferences.ts";
import { versionAnswer } from "./raw-routes.ts";
import { servedContent } from "./served-content.ts";
import { writeAnswer, writeContext } from "./write-context.ts";

type Names = "versions" | "getVersion" | "getVersionRaw" | "restoreVersion" | "undelete";

/** Versions in one answer. */
const limitMax = 1000;

export function versionHandlers(context: ServerContext): Pick<Handlers, Names> {
  const { storage, documents, indexer } = context;
  return {
    versions: async (request) => {
      const { no, tombstone } = await needHistory(storage, request);
      const limit = Math.min(digits(request.query.limit, versionsKept), limitMax);
      const before =
        request.query.before === undefined ? undefined : digits(request.query.before, 0);
      const found = await storage.versions(no, before, limit + 1);
      const page = found.slice(0, limit).map(toVersionJson);
      const last = page.at(-1);
      const [newest] = found;
      // The deletion is the last entry of a deleted document's history; it has the bytes of the state before.
      const isFirstPage =
        before === undefined || (tombstone !== undefined && before > tombstone.rev);
      const deletion =
        tombstone !== undefined && newest !== undefined && isFirstPage
          ? [
              {
                ...toVersionJson({ ...newest, at: tombstone.deletedAt, writer: tombstone.writer }),
                rev: tombstone.rev,
                op: "delete" as const,
              },
            ]
          : [];
      return json({
        versions: [...deletion, ...page],
        nextBefore: found.length > limit ? (last?.rev ?? null) : null,
      });
    },
    getVersion: async (request) => {
      const version = await needVersion(storage, request);
      const document = asDocument(version);
      const view = await servedContent(context, request, document, true);
      // The address of a file is that of the present bytes: those of a version have their own route.
      return json(toDocumentJson(document, { ...view, url: null }));
    },
    getVersionRaw: async (request) => {
      const version = await needVersion(storage, request);
      return versionAnswer(context, request, version);
    },
    restoreVersion: async (request) => {
      const answer = await request.write(async (tx) => {
        const document = await findDocument(tx, request.access, request.params.id ?? "");
        if (document === undefined) throw notFound("Document");
        checkConditions(request, document);
        const version = await tx.version(document.no, revOf(request));
        if (version === undefined) throw notFound("Version");
        return writeAnswer(await documents.restore(tx, document, version, writeContext(request)));
      });
      indexer.wake();
      return preferring(context, request, answer);
    },
    undelete: async (request) => {
      const answer = await request.write(async (tx) => {
        const live = await findDocument(tx, request.access, request.params.id ?? "");
        // Asked again after it was carried out.
        if (live !== undefined)
          return writeAnswer({ document: live, created: false, changed: false });
        const { tombstone } = await needHistory(tx, request);
        if (tombstone === undefined) throw notFound("Document");
        const [last] = await tx.versions(tombstone.documentNo, undefined, 1);
        if (last === undefined) throw notFound("Version");
        await needFree(tx, last);
        return writeAnswer(await documents.undelete(tx, tombstone, writeContext(request)));
      });
      indexer.wake();
      return preferring(context, request, answer);
    },
  };
}

interface History {
  readonly no: number;
  readonly tombstone?: Tombstone;
}

/** A document's history, of a deleted one while its tombstone is kept. @throws HttpError 404 */
async function needHistory(
  reads: DocumentReads,
  request: ApiRequest<unknown, unknown>,
): Promise<History> {
  const name = request.params.id ?? "";
  const document = await findDocument(reads, request.access, name);
  if (document !== undefined) return { no: document.no };
  const tombstone = await reads.tombstoneById(name);
  const place = tombstone && {
    containerTags: [tombstone.containerTag],
    filepath: tombstone.filepath,
  };
  if (tombstone === undefined || place === undefined || !sees(request.access, place)) {
    throw notFound("Document");
  }
  return { no: tombstone.documentNo, tombstone };
}

function revOf(request: ApiRequest<unknown, unknown>): number {
  const rev = Number(request.params.rev);
  if (!Number.isSafeInteger(rev) || rev < 1) throw invalid("rev: not a revision");
  return rev;
}

async function needVersion(
  reads: DocumentReads,
  request: ApiRequest<unknown, unknown>,
): Promise<StoredVersion> {
  const { no } = await needHistory(reads, request);
  const version = await reads.version(no, revOf(request));
  // A state from when the document was elsewhere is as hidden as the document was then.
  if (version === undefined || !sees(request.access, version)) throw notFound("Version");
  return version;
}

/** A version as if it were the document. */
function asDocument(version: StoredVersion): StoredDocument {
  const { documentNo, at, ...state } = version;
  return {
    ...state,
    no: documentNo,
    previousFilepath: null,
    summary: null,
    status: "done",
    dreamingStatus: "done",
    errorMessage: null,
    contentRev: version.rev,
    seq: 0,
    updatedAt: at,
  };
}

/** @throws HttpError 409 when the names of a deleted document are taken by now */
async function needFree(tx: Transaction, last: StoredVersion): Promise<void> {
  for (const tag of last.containerTags) {
    const byCustomId =
      last.customId === null ? undefined : await tx.documentByCustomId(last.customId, [tag]);
    if (byCustomId !== undefined)
      throw conflict("the custom id is taken by now", toCurrent(byCustomId));
    if (last.filepath === null) continue;
    const byPath = await tx.documentByPath(tag, last.filepath);
    if (byPath !== undefined) throw conflict("the path is taken by now", toCurrent(byPath));
    const clash = await tx.pathClash(tag, last.filepath);
    if (clash !== undefined) {
      throw conflict(`${parentPath(last.filepath)} is no directory by now`, toCurrent(clash));
    }
  }
}
