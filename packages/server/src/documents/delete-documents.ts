/** Deletions within a unit. */
import { forgetSource } from "../memories/draw-memories.ts";
import type { Transaction } from "../storage/storage.ts";
import type { StoredDocument } from "../storage/stored.ts";
import { needWrite } from "./access.ts";
import { checkConditions } from "./check-place.ts";
import type { WriteContext } from "./document-write.ts";

/**
 * Deletes a document; from the containers that the key reaches, if it lives in others too.
 * @throws HttpError 403, 412
 */
export async function deleteDocument(
  tx: Transaction,
  document: StoredDocument,
  context: WriteContext,
): Promise<void> {
  needWrite(context.access);
  checkConditions(context, document);
  await removeFrom(tx, document, context.access.containerTags, context);
}

/**
 * Takes a document out of containers, and deletes it when it is in no other.
 * @param containerTags null: all
 */
export async function removeFrom(
  tx: Transaction,
  document: StoredDocument,
  containerTags: readonly string[] | null,
  context: Pick<WriteContext, "writer">,
): Promise<void> {
  const left =
    containerTags === null
      ? []
      : document.containerTags.filter((tag) => !containerTags.includes(tag));
  if (left.length === 0) {
    await forgetSource(tx, document.no);
    await tx.remove(document, context.writer);
  } else {
    await tx.change(document, { op: "metadata", writer: context.writer, containerTags: left });
  }
}
