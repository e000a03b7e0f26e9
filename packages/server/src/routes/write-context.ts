/** What every write route takes from its request. */
import type { CreateDocument, PatchDocument } from "@smfs/api";
import { etagOf } from "../documents/content-hash.ts";
import { toWriteJson } from "../documents/document-json.ts";
import type { DocumentWrite, WriteContext, WriteResult } from "../documents/document-write.ts";
import { type Answer, json } from "../http/answer.ts";
import type { ApiRequest } from "../http/api-request.ts";
import { invalid } from "../http/http-error.ts";
import { containersMax } from "../limits.ts";
import type { StoredDocument } from "../storage/stored.ts";
import { toHttpDate } from "../time.ts";

/** Where documents go that are written to no container. */
export const defaultContainer = "sm_project_default";

export function writeContext(request: ApiRequest<unknown, unknown>): WriteContext {
  return { access: request.access, writer: request.writer, conditions: request.conditions };
}

interface Tagged {
  readonly containerTag?: string | null | undefined;
  readonly containerTags?: readonly string[] | null | undefined;
}

/** The containers a request names, in order, each once. */
export function namedContainers(body: Tagged): string[] {
  const one = body.containerTag ?? undefined;
  const tags = [...new Set([...(one === undefined ? [] : [one]), ...(body.containerTags ?? [])])];
  if (tags.length > containersMax) throw invalid(`containerTags: more than ${containersMax}`);
  return tags;
}

/** The containers a new document goes to. */
export function writtenContainers(body: Tagged): string[] {
  const tags = namedContainers(body);
  return tags.length === 0 ? [defaultContainer] : tags;
}

/** The fields that create, patch and upload have in common. */
export function toWrite(
  body: Pick<
    CreateDocument & PatchDocument,
    "customId" | "filepath" | "metadata" | "taskType" | "entityContext"
  >,
): DocumentWrite {
  return {
    customId: body.customId ?? undefined,
    filepath: body.filepath ?? undefined,
    metadata: body.metadata,
    taskType: body.taskType,
    entityContext: body.entityContext ?? undefined,
  };
}

export function stateHeaders(document: StoredDocument): Record<string, string> {
  return { ETag: etagOf(document), "Last-Modified": toHttpDate(document.updatedAt) };
}

/** The answer to a write. */
export function writeAnswer(result: WriteResult, status = 200): Answer {
  return json(toWriteJson(result.document), status, stateHeaders(result.document));
}
