/** The server itself: is it here, who am I, what can it do; and moves. */
import type { Handlers } from "../app.ts";
import { type Access, needContainer, readScope } from "../documents/access.ts";
import { type Moved, moveDocuments } from "../documents/move-documents.ts";
import { type Answer, json } from "../http/answer.ts";
import { type ETagList, parseETags } from "../http/conditions.ts";
import { invalid } from "../http/http-error.ts";
import { changesLimitMax, changesWaitSMax, listLimitMax } from "../limits.ts";
import { features, type ServerContext, serverVersion, serviceName } from "../server-context.ts";
import { toIsoTime } from "../time.ts";
import { writeContext } from "./write-context.ts";

type Names = "root" | "health" | "session" | "capabilities" | "move";

export function serverHandlers(context: ServerContext): Pick<Handlers, Names> {
  const alive = { ok: true, service: serviceName, version: serverVersion };
  return {
    root: async () => json(alive),
    health: async () => {
      // Answers only while the storage does.
      await context.storage.head();
      return json(alive);
    },
    session: async (request) => json(session(context, request.access)),
    capabilities: async (request) =>
      json({
        version: serverVersion,
        features,
        ...(request.access.containerTags === null ? { search: await context.search.status() } : {}),
        limits: {
          ...context.limits,
          listLimit: listLimitMax,
          changesLimit: changesLimitMax,
          changesWaitSeconds: changesWaitSMax,
        },
      }),
    move: async (request) => {
      const { containerTag, from, to, ifMatch } = request.body;
      needContainer(request.access, containerTag);
      readScope(request.access, [containerTag], from);
      const move = {
        containerTag,
        from,
        to,
        ifMatch: ifMatch === undefined ? undefined : etags(ifMatch),
      };
      return request.write(async (tx) =>
        movedAnswer(await moveDocuments(tx, context.documents, move, writeContext(request))),
      );
    },
  };
}

/** The answer to a move. */
export function movedAnswer(moved: readonly Moved[]): Answer {
  return json({
    moved: moved.map(({ document, previousFilepath }) => ({
      id: document.id,
      rev: document.rev,
      filepath: document.filepath,
      previousFilepath,
    })),
  });
}

/** Entity tags in a body's `ifMatch`. @throws HttpError 400 */
export function etags(header: string): ETagList {
  try {
    return parseETags(header);
  } catch (error) {
    if (error instanceof RangeError) throw invalid(`ifMatch: ${error.message}`);
    throw error;
  }
}

function session(context: ServerContext, access: Access) {
  const permission = access.canWrite ? ("write" as const) : ("read" as const);
  const isFull = access.containerTags === null && access.pathPrefix === null && access.canWrite;
  return {
    user: { id: "user_local", name: "Local", email: "me@localhost" },
    org: { id: context.orgId, name: "Local", slug: "local" },
    role: isFull ? "owner" : "member",
    plan: "self-hosted",
    accessType: access.containerTags === null ? "full" : "restricted",
    containerTags:
      access.containerTags?.map((containerTag) => ({ containerTag, permission })) ?? null,
    scope: {
      type: isFull ? "full" : "scoped",
      permission,
      ...(access.isStrict ? { strict: true } : {}),
      ...(access.containerTags === null ? {} : { tags: access.containerTags }),
      ...(access.expiresAt === null ? {} : { expires: toIsoTime(access.expiresAt) }),
    },
    extensions: { root: "/ext/v1", features, version: serverVersion },
  };
}
