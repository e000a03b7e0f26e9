/** A document's state as clients name it. */
import type { CurrentDocumentJson } from "@smfs/api";
import { toContentHash } from "@smfs/core";
import type { Validators } from "../http/conditions.ts";
import type { StoredDocument } from "../storage/stored.ts";
import { toIsoTime } from "../time.ts";

export function contentHashOf(document: Pick<StoredDocument, "content">): string {
  return toContentHash(document.content.digest);
}

/** `"r<rev>"`: the ETag of a document. */
export function etagOf(document: Pick<StoredDocument, "rev">): string {
  return `"r${document.rev}"`;
}

/** Both names of a state: by its rev, and by its bytes alone. */
export function validatorsOf(document: StoredDocument): Validators {
  return { etags: [`r${document.rev}`, contentHashOf(document)], modifiedAt: document.updatedAt };
}

export function toCurrent(document: StoredDocument): CurrentDocumentJson {
  return {
    id: document.id,
    customId: document.customId,
    rev: document.rev,
    contentHash: contentHashOf(document),
    filepath: document.filepath,
    updatedAt: toIsoTime(document.updatedAt),
  };
}
