/** Documents for tests. */
import { createHash } from "node:crypto";
import type { NewContent, NewDocument, Writer } from "../stored.ts";

export const nobody: Writer = { origin: null, actor: null, session: null };

export function inline(text: string): NewContent {
  const bytes = Buffer.from(text);
  return { kind: "inline", bytes, digest: createHash("sha256").update(bytes).digest("hex") };
}

let ids = 0;
export function draft(text: string, more: Partial<NewDocument> = {}): NewDocument {
  ids += 1;
  return {
    id: `id${String(ids).padStart(20, "0")}`,
    customId: null,
    containerTags: ["work"],
    filepath: null,
    title: null,
    type: "text",
    mediaType: "text/plain",
    isText: true,
    content: inline(text),
    metadata: null,
    taskType: "superrag",
    status: "done",
    dreamingStatus: "done",
    writer: nobody,
    ...more,
  };
}
