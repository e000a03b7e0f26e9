/** The change feed as server-sent events. */
import { Readable } from "node:stream";
import type { Handlers } from "../app.ts";
import { formatCursor, parseCursor } from "../documents/change-cursor.ts";
import type { FeedQuery } from "../documents/change-feed.ts";
import { json } from "../http/answer.ts";
import { HttpError } from "../http/http-error.ts";
import { streamPingMs } from "../limits.ts";
import type { ServerContext } from "../server-context.ts";
import { toIsoTime } from "../time.ts";
import { feedQuery } from "./feed-routes.ts";

export function streamHandlers(
  context: ServerContext,
): Pick<Handlers, "changeStream" | "createTicket"> {
  const { feed, tickets } = context;
  return {
    changeStream: async (request) => {
      const query = feedQuery(request);
      // What the reader saw last wins over where it began.
      const start = await feed.start(request.header("last-event-id") ?? request.query.since);
      const events = eventsAfter(context, formatCursor(start), query, request.signal);
      return {
        status: 200,
        headers: {
          "Content-Type": "text/event-stream",
          "Cache-Control": "no-store",
          "X-Accel-Buffering": "no",
        },
        body: {
          kind: "stream",
          open: () => Readable.toWeb(Readable.from(events)) as ReadableStream<Uint8Array>,
        },
      };
    },
    createTicket: async (request) => {
      const { ticket, expiresAt } = tickets.give(request.access);
      return json({ ticket, expiresAt: toIsoTime(expiresAt) });
    },
  };
}

/** Events from a cursor on. The reader's own pace holds them back; nothing is kept for it in between. */
async function* eventsAfter(
  context: ServerContext,
  start: string,
  query: FeedQuery,
  signal: AbortSignal,
): AsyncGenerator<Uint8Array> {
  const { feed } = context;
  yield Buffer.from("retry: 2000\n\n");
  let cursor = parseCursor(start);
  while (cursor !== undefined && !signal.aborted && !feed.isClosed) {
    try {
      await feed.checkAlive(cursor);
    } catch (error) {
      if (!(error instanceof HttpError)) throw error;
      yield Buffer.from(`event: reset\ndata: {"reason":"expired"}\n\n`);
      return;
    }
    const page = await feed.waitForPage(cursor, query, streamPingMs, signal);
    cursor = parseCursor(page.cursor);
    if (page.changes.length === 0) {
      yield Buffer.from(": ping\n\n");
      continue;
    }
    // Only the last of a page is where a reader may go on: entries of one page may share a place in the log.
    const last = page.changes.length - 1;
    const events = page.changes.map(
      (change, index) =>
        `${index === last ? `id: ${page.cursor}\n` : ""}event: ${change.type === "status" ? "status" : "change"}\ndata: ${JSON.stringify(change)}\n\n`,
    );
    yield Buffer.from(events.join(""));
  }
}
