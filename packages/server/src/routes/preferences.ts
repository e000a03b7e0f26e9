/** `Prefer` (RFC 7240): wait until a document is processed, or get all of it back. */
import type { WriteResponse } from "@smfs/api";
import { toDocumentJson, toWriteJson } from "../documents/document-json.ts";
import { type Answer, json } from "../http/answer.ts";
import type { ApiRequest } from "../http/api-request.ts";
import { changesWaitSMax } from "../limits.ts";
import type { ServerContext } from "../server-context.ts";
import type { StoredDocument } from "../storage/stored.ts";
import { servedContent } from "./served-content.ts";
import { stateHeaders } from "./write-context.ts";

/** The answer as the request would rather have it. Of what it prefers, all that was honoured is said. */
export async function preferring(
  context: ServerContext,
  request: ApiRequest<unknown, unknown>,
  answer: Answer,
): Promise<Answer> {
  const prefer = request.header("prefer");
  if (prefer === undefined || answer.body?.kind !== "json") return answer;
  const waitS = Number(/(?:^|[,;\s])wait=(\d{1,3})(?:$|[,;\s])/.exec(prefer)?.[1] ?? Number.NaN);
  const wantsAll = /(?:^|[,;\s])return=representation(?:$|[,;\s])/.test(prefer);
  const applied = [
    ...(Number.isNaN(waitS) ? [] : [`wait=${waitS}`]),
    ...(wantsAll ? ["return=representation"] : []),
  ];
  if (applied.length === 0) return answer;
  // Written by writeAnswer; that of a conversation has a name of its own beside these fields.
  const written = answer.body.value as WriteResponse;
  const document = await finished(
    context,
    written.id,
    Math.min(waitS || 0, changesWaitSMax) * 1000,
    request.signal,
  );
  if (document === undefined) return answer;
  const body = wantsAll
    ? toDocumentJson(document, await servedContent(context, request, document, true))
    : toWriteJson(document);
  return json({ ...written, ...body }, answer.status, {
    ...stateHeaders(document),
    "Preference-Applied": applied.join(", "),
  });
}

/** The document once its status is terminal, or as it is when the time is over. */
async function finished(
  context: ServerContext,
  id: string,
  waitMs: number,
  signal: AbortSignal,
): Promise<StoredDocument | undefined> {
  const { storage, clock } = context;
  const until = clock.monotonic() + waitMs;
  for (;;) {
    const ended = new AbortController();
    const stop = storage.onCommit(() => ended.abort());
    try {
      const document = await storage.documentById(id);
      const isDone = document === undefined || ["done", "failed"].includes(document.status);
      const left = until - clock.monotonic();
      if (isDone || left <= 0 || signal.aborted) return document;
      await clock.sleep(Math.min(left, 1000), ended.signal);
    } finally {
      stop();
    }
  }
}
