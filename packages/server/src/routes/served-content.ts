/** What a document's JSON shows of its bytes: the text itself, or an address for what is no text. */
import type { DocumentView } from "../documents/document-json.ts";
import type { ApiRequest } from "../http/api-request.ts";
import type { ServerContext } from "../server-context.ts";
import type { StoredDocument } from "../storage/stored.ts";

/** Types whose bytes clients keep apart from `content`, which may therefore hold the extracted text. */
const extractedTypes = new Set(["pdf", "image", "video", "audio"]);

export async function servedContent(
  context: Pick<ServerContext, "storage" | "files">,
  request: Pick<ApiRequest<unknown, unknown>, "access" | "baseUrl">,
  document: StoredDocument,
  includeContent: boolean,
): Promise<DocumentView> {
  const isServed = document.isText || extractedTypes.has(document.type);
  return {
    access: request.access,
    url: document.isText ? null : context.files.urlOf(document, request.baseUrl),
    content: includeContent && isServed ? await context.storage.documentText(document) : undefined,
  };
}
