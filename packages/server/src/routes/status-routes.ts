/** How far many documents are, in one answer. */
import type { DocumentState } from "@smfs/api";
import type { Handlers } from "../app.ts";
import { findDocument } from "../documents/find-document.ts";
import { json } from "../http/answer.ts";
import type { ServerContext } from "../server-context.ts";
import type { StoredDocument } from "../storage/stored.ts";
import { toIsoTime } from "../time.ts";

/** Documents that are looked up between two turns of the event loop: some 5 ms. */
const turn = 100;

export function statusHandlers({ storage }: ServerContext): Pick<Handlers, "documentStates"> {
  return {
    documentStates: async (request) => {
      const { ids, detail } = request.body;
      const documents: DocumentState[] = [];
      const missing: string[] = [];
      for (const [index, id] of ids.entries()) {
        // Others get their turn in between.
        if (index % turn === turn - 1) await new Promise<void>((next) => setImmediate(next));
        const document = await findDocument(storage, request.access, id);
        if (document === undefined) {
          missing.push(id);
          continue;
        }
        const drawn = detail === true ? { index: await storage.documentIndex(document.no) } : {};
        const isOwed = !document.isText && (await storage.owesText(document.no));
        const dreaming = isOwed ? { dreamingStatus: "dreaming" as const } : {};
        documents.push({ ...toState(document), ...dreaming, ...drawn });
      }
      return json({ documents, missing });
    },
  };
}

function toState(document: StoredDocument): DocumentState {
  const { id, customId, rev, status, dreamingStatus, errorMessage } = document;
  const updatedAt = toIsoTime(document.updatedAt);
  const failure = status === "failed" && errorMessage !== null ? { errorMessage } : {};
  return { id, customId, rev, status, dreamingStatus, updatedAt, ...failure };
}
