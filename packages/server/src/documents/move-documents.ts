/** Moves of a document, or of everything below a directory, in one unit: it overwrites and deletes nothing. */
import type { ETagList } from "../http/conditions.ts";
import { HttpError, invalid, notFound } from "../http/http-error.ts";
import { unitDocumentsMax } from "../limits.ts";
import type { Transaction } from "../storage/storage.ts";
import type { StoredDocument } from "../storage/stored.ts";
import { sees } from "./access.ts";
import type { WriteContext } from "./document-write.ts";
import type { DocumentWriter } from "./put-document.ts";

export interface Move {
  readonly containerTag: string;
  readonly from: string;
  readonly to: string;
  readonly ifMatch?: ETagList | undefined;
}

export interface Moved {
  readonly document: StoredDocument;
  readonly previousFilepath: string;
}

/** @throws HttpError 400, 403, 404, 409, 412 */
export async function moveDocuments(
  tx: Transaction,
  documents: DocumentWriter,
  move: Move,
  context: WriteContext,
): Promise<Moved[]> {
  const isDirectory = move.from.endsWith("/");
  if (isDirectory !== move.to.endsWith("/")) {
    throw invalid("to: a directory moves to a directory, both end in /");
  }
  if (isDirectory) return moveDirectory(tx, documents, move, context);
  const document = await tx.documentByPath(move.containerTag, move.from);
  if (document === undefined || !sees(context.access, document)) throw notFound("Document");
  const conditions = move.ifMatch === undefined ? {} : { ifMatch: move.ifMatch };
  const write = { filepath: move.to };
  const result = await documents.change(tx, document, write, { ...context, conditions });
  return [{ document: result.document, previousFilepath: move.from }];
}

async function moveDirectory(
  tx: Transaction,
  documents: DocumentWriter,
  move: Move,
  context: WriteContext,
): Promise<Moved[]> {
  if (move.to.startsWith(move.from)) throw invalid("to: a directory cannot move into itself");
  const nos = await tx.documentNos(
    { containerTags: [move.containerTag], filepath: move.from },
    { by: "createdAt", descending: false },
  );
  if (nos.length > unitDocumentsMax) {
    throw new HttpError(422, "Unprocessable Content", {
      details: `${nos.length} documents; at most ${unitDocumentsMax} move at once`,
    });
  }
  const below = await tx.documentsByNo(nos);
  if (below.some((document) => !sees(context.access, document))) throw notFound("Directory");
  // Shorter paths first: when a directory moves up, each target has been left by the time it is taken.
  below.sort((a, b) => (a.filepath?.length ?? 0) - (b.filepath?.length ?? 0));
  const moved: Moved[] = [];
  for (const document of below) {
    const previousFilepath = document.filepath ?? "";
    const filepath = move.to + previousFilepath.slice(move.from.length);
    const write = { filepath };
    const result = await documents.change(tx, document, write, { ...context, conditions: {} });
    moved.push({ document: result.document, previousFilepath });
  }
  return moved;
}
