/** The document that a request means: `{id}` is an id or a custom id, the id first. */
import { notFound } from "../http/http-error.ts";
import type { DocumentReads } from "../storage/storage.ts";
import type { StoredDocument } from "../storage/stored.ts";
import { type Access, sees } from "./access.ts";

/** Undefined when there is none that the key sees. */
export async function findDocument(
  reads: DocumentReads,
  access: Access,
  name: string,
): Promise<StoredDocument | undefined> {
  const byId = await reads.documentById(name);
  if (byId !== undefined && sees(access, byId)) return byId;
  const byCustomId = await reads.documentByCustomId(name, access.containerTags ?? undefined);
  return byCustomId !== undefined && sees(access, byCustomId) ? byCustomId : undefined;
}

/** @throws HttpError 404 */
export async function needDocument(
  reads: DocumentReads,
  access: Access,
  name: string,
): Promise<StoredDocument> {
  const document = await findDocument(reads, access, name);
  if (document === undefined) throw notFound("Document");
  return document;
}
