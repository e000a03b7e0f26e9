/** The change feed and the snapshot. */
import type { ChangesQuery } from "@smfs/api";
import type { Handlers } from "../app.ts";
import { type Access, needContainer, readScope } from "../documents/access.ts";
import { formatCursor } from "../documents/change-cursor.ts";
import type { FeedQuery } from "../documents/change-feed.ts";
import { toUpsert } from "../documents/document-json.ts";
import { json } from "../http/answer.ts";
import type { ApiRequest } from "../http/api-request.ts";
import { forbidden, invalid } from "../http/http-error.ts";
import { changesLimitDefault, changesLimitMax, changesWaitSMax } from "../limits.ts";
import type { ServerContext } from "../server-context.ts";
import { toIsoTime } from "../time.ts";
import { digits } from "./list-routes.ts";

export function feedHandlers(context: ServerContext): Pick<Handlers, "changes" | "snapshot"> {
  const { feed, storage, clock } = context;
  return {
    changes: async (request) => {
      const query = feedQuery(request);
      const start = await feed.start(request.query.since);
      const waitMs = Math.min(Number(request.query.wait ?? 0), changesWaitSMax) * 1000;
      const page =
        waitMs > 0 && request.query.since !== "now"
          ? await feed.waitForPage(start, query, waitMs, request.signal)
          : await feed.page(start, query);
      return json({ ...page, serverTime: toIsoTime(clock.now()) });
    },
    snapshot: async (request) => {
      const { containerTag, after } = request.query;
      const scope = readScope(
        request.access,
        containerTag === undefined ? [] : [containerTag],
        undefined,
      );
      const limit = Math.min(digits(request.query.limit, changesLimitMax), changesLimitMax);
      const position = after === undefined ? undefined : Number(after);
      if (position !== undefined && !Number.isSafeInteger(position))
        throw invalid("after: not a position");
      const epoch = await storage.epoch();
      // Before the first row is read: whatever changes from here on is in the feed.
      const feedCursor = formatCursor({ epoch, seq: await storage.head() });
      const order = { by: "createdAt", descending: false } as const;
      const found = await storage.documentsAfter(scope, order, position, limit + 1);
      const documents = found.slice(0, limit);
      return json({
        documents: documents.map((document) => toUpsert(document)),
        next: found.length > limit ? String(documents.at(-1)?.no) : null,
        ...(after === undefined ? { feedCursor } : {}),
        epoch,
      });
    },
  };
}

/** @throws HttpError 400, 403 */
export function feedQuery(request: ApiRequest<unknown, ChangesQuery>): FeedQuery {
  const { containerTag, includeContent, excludeOrigin, events } = request.query;
  return {
    access: request.access,
    containerTag: feedContainer(request.access, containerTag),
    includeContent: includeContent === "true",
    excludeOrigin,
    withStatus: events === "status",
    limit: Math.min(digits(request.query.limit, changesLimitDefault), changesLimitMax),
  };
}

/** A feed is one container's, or everything's; a key of one container may leave it out. */
function feedContainer(access: Access, containerTag: string | undefined): string | undefined {
  if (containerTag !== undefined) {
    needContainer(access, containerTag);
    return containerTag;
  }
  if (access.containerTags === null) return undefined;
  const [only, ...others] = access.containerTags;
  if (only === undefined || others.length > 0) {
    throw forbidden("containerTag is needed with a key of several containers");
  }
  return only;
}
