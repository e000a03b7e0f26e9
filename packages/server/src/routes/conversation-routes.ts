/** Conversations: a transcript that is a document, and the messages it was made of. */
import { isDeepStrictEqual } from "node:util";
import type { ConversationMessage } from "@smfs/api";
import type { Handlers } from "../app.ts";
import { needPlace } from "../documents/access.ts";
import { receiveText } from "../documents/receive-content.ts";
import { json } from "../http/answer.ts";
import type { ServerContext } from "../server-context.ts";
import { preferring } from "./preferences.ts";
import { writeContext, writtenContainers } from "./write-context.ts";

export function conversationHandlers(context: ServerContext): Pick<Handlers, "conversation"> {
  const { storage, documents, limits, indexer } = context;
  return {
    conversation: async (request) => {
      const { messages, conversationId, metadata, entityContext, ...tags } = request.body;
      const containerTags = writtenContainers(tags);
      needPlace(request.access, { containerTags, filepath: request.access.pathPrefix });
      const write = {
        received: await receiveText(storage, transcriptOf(messages), limits.textBytesMax),
        containerTags,
        customId: conversationId,
        metadata: { ...metadata, sm_conversation: true },
        entityContext: entityContext ?? undefined,
        taskType: "memory" as const,
      };
      const answer = await request.write(async (tx) => {
        const result = await documents.put(tx, write, writeContext(request));
        const known = await tx.conversation(result.document.no);
        // Callers resend all of it: what is not the same takes the place of what was, which stays in the history.
        const isKept = isDeepStrictEqual(known, messages);
        if (!isKept) await tx.putConversation(result.document.no, messages);
        // Messages without words (images, calls of tools) change the document too, though not its text.
        const document =
          isKept || result.changed || known === undefined
            ? result.document
            : await tx.change(result.document, { op: "update", writer: request.writer });
        return json({ id: document.id, conversationId, status: document.status });
      });
      indexer.wake();
      return preferring(context, request, answer);
    },
  };
}

/** What was said in words, a paragraph for each message. */
function transcriptOf(messages: readonly ConversationMessage[]): string {
  return messages
    .map(({ role, name, content }) => {
      const who = name === undefined ? role : `${role} (${name})`;
      return `${who}: ${wordsOf(content)}`;
    })
    .join("\n\n");
}

function wordsOf(content: unknown): string {
  if (typeof content === "string") return content;
  if (!Array.isArray(content)) return "";
  return content
    .flatMap((part: { readonly text?: unknown }) =>
      typeof part.text === "string" ? [part.text] : [],
    )
    .join("\n");
}
