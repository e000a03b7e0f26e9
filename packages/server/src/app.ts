/** The HTTP application: every route of the contract, one way in, one shape of errors. */
import { createHash } from "node:crypto";
import type { ServerResponse } from "node:http";
import type { HttpBindings } from "@hono/node-server";
import type { Route, Routes, Schema } from "@smfs/api";
import { routes } from "@smfs/api";
import { type Clock, type Logger, type Random, toHex } from "@smfs/core";
import { type Context, Hono } from "hono";
import { getPath } from "hono/utils/url";
import type { Authorize } from "./auth.ts";
import { type Access, fullAccess, needWrite, unauthorized } from "./documents/access.ts";
import type { Tickets } from "./documents/tickets.ts";
import { type Answer, headersOf, json, toResponse } from "./http/answer.ts";
import type { ApiRequest, Handler } from "./http/api-request.ts";
import { BodyBudget } from "./http/body-budget.ts";
import { parseConditions } from "./http/conditions.ts";
import { describeIssue } from "./http/describe-issue.ts";
import { toHttpError } from "./http/error-of.ts";
import { HttpError, invalid, notImplemented } from "./http/http-error.ts";
import { type IdempotencyRequest, IdempotentWrites } from "./http/idempotency.ts";
import { parseJson, readBytes } from "./http/json-body.ts";
import { sendStream } from "./http/send-stream.ts";
import { bodyBytesMax, type ServerLimits } from "./limits.ts";
import type { RateLimit } from "./rate-limit.ts";
import type { RequestMetrics } from "./request-metrics.ts";
import type { Storage } from "./storage/storage.ts";

/** A handler for every route: one that is missing does not compile. */
export type Handlers = {
  readonly [Name in keyof Routes]: Routes[Name] extends Route<infer Body, infer Query>
    ? Handler<Body, Query>
    : never;
};

export interface AppOptions {
  readonly storage: Pick<Storage, "write">;
  readonly authorize: Authorize;
  readonly limits: ServerLimits;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  readonly metrics: RequestMetrics;
  readonly tickets: Pick<Tickets, "take">;
  readonly rateLimit?: RateLimit;
  /** What addresses in answers begin with; default: as the request was addressed. */
  readonly publicUrl?: string;
}

export type App = Hono<{ Bindings: Partial<HttpBindings> }>;
type AppContext = Context<{ Bindings: Partial<HttpBindings> }>;

export function createApp(handlers: Handlers, options: AppOptions): App {
  const app: App = new Hono({ strict: true, getPath: pathOf });
  const tools: Tools = {
    options,
    idempotent: new IdempotentWrites(options.storage, options.clock),
    budget: new BodyBudget(bodyBytesMax),
  };
  for (const name of Object.keys(routes) as (keyof Routes)[]) {
    const route = routes[name];
    // The table gives each handler the types of its own route; the loop over all of them cannot say so.
    const handler = handlers[name] as Handler;
    for (const path of pathsOf(route.path)) {
      app.on(route.method, [path], (c) =>
        serve(c, options, name, () => answerRoute(c, route, handler, tools)),
      );
    }
  }
  app.notFound((c) => serve(c, options, "none", async () => unrouted(c)));
  return app;
}

/** A base address that ends in a slash makes clients ask for `//v3/…`. */
function pathOf(request: Request): string {
  return getPath(request).replace(/^\/{2,}/, "/");
}

/** Older clients call documents memories. */
function pathsOf(path: string): string[] {
  const pattern = path.replace(/\{(\w+)…\}/g, ":$1{.+}").replace(/\{(\w+)\}/g, ":$1");
  return pattern.startsWith("/v3/documents")
    ? [pattern, pattern.replace("/v3/documents", "/v3/memories")]
    : [pattern];
}

async function serve(
  c: AppContext,
  options: AppOptions,
  route: string,
  work: () => Promise<Answer>,
): Promise<Response> {
  const { clock, logger, metrics } = options;
  const requestId = requestIdOf(c, options.random);
  const started = clock.monotonic();
  const answer = await work().catch((error: unknown) =>
    failure(error, { requestId, route }, logger),
  );
  const ms = clock.monotonic() - started;
  metrics.count(route, answer.status, ms);
  logger.log("debug", "request", { requestId, route, status: answer.status, ms: Math.round(ms) });
  const headers = headersOf(answer);
  headers.set("X-Request-Id", requestId);
  // What is left of a body that nobody wants is not worth reading: the connection ends with the answer.
  if (c.env?.incoming?.complete === false) headers.set("Connection", "close");
  const outgoing = c.env?.outgoing;
  if (answer.body?.kind === "stream" && c.req.method !== "HEAD" && isHttp1(outgoing)) {
    return sendStream(outgoing, { status: answer.status, headers }, answer.body.open(), logger);
  }
  return toResponse(answer, headers, c.req.method);
}

/** The connection's own answer, where there is a connection: the server speaks HTTP/1.1. */
function isHttp1(outgoing: HttpBindings["outgoing"] | undefined): outgoing is ServerResponse {
  return outgoing !== undefined;
}

function failure(
  error: unknown,
  about: { readonly requestId: string; readonly route: string },
  logger: Logger,
): Answer {
  const told = toHttpError(error);
  // 501 is what was meant to be said.
  if (told.status >= 500 && told.status !== 501) {
    logger.log("error", "request failed", {
      ...about,
      status: told.status,
      error: error instanceof Error ? error.stack : String(error),
    });
  }
  return json(told.body, told.status, { ...told.headers });
}

// A client's own id is taken when it cannot disturb a log line.
function requestIdOf(c: AppContext, random: Random): string {
  const given = c.req.header("x-request-id");
  return given !== undefined && /^[A-Za-z0-9_.:-]{1,128}$/.test(given)
    ? given
    : toHex(random.bytes(12));
}

/** What every request shares. */
interface Tools {
  readonly options: AppOptions;
  readonly idempotent: IdempotentWrites;
  readonly budget: BodyBudget;
}

async function answerRoute(
  c: AppContext,
  route: Route,
  handler: Handler,
  tools: Tools,
): Promise<Answer> {
  const { options } = tools;
  const access = await accessOf(c, route, options);
  if (route.access !== "open") options.rateLimit?.count(access.keyId);
  if (route.access === "write") needWrite(access);
  const upload = bodyOf(c);
  if (route.body === undefined) return answerParsed(c, route, handler, { access, upload }, tools);
  let held = 0;
  try {
    const bytes = await readBytes(upload, options.limits.jsonBytesMax, (size) => {
      tools.budget.take(size);
      held += size;
    });
    return await answerParsed(c, route, handler, { access, upload, bytes }, tools);
  } finally {
    tools.budget.release(held);
  }
}

/** A request whose body, where it is JSON, has been read. */
interface ReadRequest {
  readonly access: Access;
  readonly upload: AsyncIterable<Uint8Array>;
  readonly bytes?: Uint8Array;
}

async function answerParsed(
  c: AppContext,
  route: Route,
  handler: Handler,
  { access, upload, bytes }: ReadRequest,
  { options, idempotent }: Tools,
): Promise<Answer> {
  const header = (name: string) => c.req.header(name);
  const keyed = (payload?: string): IdempotencyRequest | undefined => {
    const key = header("idempotency-key");
    if (key === undefined) return undefined;
    const { method, path } = c.req;
    return { key, keyId: access.keyId, method, path, payload: payload ?? digestOf(bytes) };
  };
  const request: ApiRequest = {
    method: c.req.method,
    params: c.req.param(),
    query: route.query === undefined ? {} : parsed(route.query, c.req.query()),
    body:
      route.body === undefined || bytes === undefined
        ? undefined
        : parsed(route.body, parseJson(bytes)),
    access,
    writer: {
      origin: labelOf(header("x-client-id")),
      actor: labelOf(header("x-actor")),
      session: labelOf(header("x-session")),
    },
    get conditions() {
      // Read by those whom they concern: one that cannot be read disturbs nobody else.
      return conditionsOf(header);
    },
    baseUrl: options.publicUrl ?? baseUrlOf(c),
    signal: c.req.raw.signal,
    header,
    upload,
    write: (unit, payload) => {
      const repeatable = keyed(payload);
      return repeatable === undefined
        ? options.storage.write(unit)
        : idempotent.run(repeatable, unit);
    },
    writeUnits: (work) => {
      const repeatable = keyed();
      return repeatable === undefined ? work() : idempotent.runUnits(repeatable, work);
    },
  };
  return handler(request);
}

/** Hexadecimal SHA-256 of a body; of none, that of no bytes. */
function digestOf(bytes: Uint8Array | undefined): string {
  return createHash("sha256")
    .update(bytes ?? "")
    .digest("hex");
}

async function accessOf(c: AppContext, route: Route, options: AppOptions): Promise<Access> {
  if (route.access === "open") return fullAccess;
  const ticket = route.path === streamPath ? c.req.query("ticket") : undefined;
  if (ticket === undefined) return options.authorize((name) => c.req.header(name));
  const access = options.tickets.take(ticket);
  if (access === undefined) throw unauthorized();
  return access;
}

/** The one route that takes a ticket in place of a key. */
const streamPath = routes.changeStream.path;

function parsed<T>(schema: Schema<T>, value: unknown): T {
  const result = schema.safeParse(value, { reportInput: true });
  if (result.success) return result.data;
  throw invalid(describeIssue(result.error.issues[0]));
}

function conditionsOf(header: (name: string) => string | undefined) {
  try {
    return parseConditions(header);
  } catch (error) {
    if (error instanceof RangeError) throw invalid(error.message);
    throw error;
  }
}

/** Names of clients, people and sessions, as they say: shown as they are, so nothing that could disturb a display. */
function labelOf(value: string | undefined): string | null {
  return value === undefined || !/^\P{Cc}{1,255}$/u.test(value) ? null : value;
}

function baseUrlOf(c: AppContext): string {
  const { protocol, host } = new URL(c.req.url);
  return `${protocol}//${host}`;
}

const noBody: readonly Uint8Array[] = [];

/** The body as it arrives: from the socket's own stream where there is one. */
function bodyOf(c: AppContext): AsyncIterable<Uint8Array> {
  // Read when it is asked for, and only then.
  return {
    [Symbol.asyncIterator]: () => {
      // A body that is not read to its end must not take the connection with it: the answer is still to be sent.
      const body =
        c.env?.incoming?.iterator({ destroyOnReturn: false }) ?? c.req.raw.body ?? noBody;
      return (async function* () {
        for await (const chunk of body) yield chunk as Uint8Array;
      })();
    },
  };
}

/** Parts of the hosted service that this server has not. */
const absent = ["/v3/connections", "/v3/auth", "/v3/analytics", "/v3/projects"];

/** No route: is the path one of another method, or of a part that is left out here? */
function unrouted(c: AppContext): Answer {
  if (absent.some((prefix) => c.req.path === prefix || c.req.path.startsWith(`${prefix}/`))) {
    throw notImplemented(`${c.req.path.split("/")[2]} are not available on this server`);
  }
  const found = Object.values(routes)
    .filter((route: Route) => patternOf(route.path).test(c.req.path))
    .flatMap(({ method }: Route) => (method === "GET" ? ["GET", "HEAD"] : [method]));
  const methods = [...new Set(found)];
  if (methods.length > 0) {
    throw new HttpError(405, "Method Not Allowed", {
      details: `${c.req.method} is not one of ${methods.join(", ")}`,
      headers: { Allow: methods.join(", ") },
    });
  }
  throw new HttpError(404, "Not found", { details: "there is no such route" });
}

function patternOf(path: string): RegExp {
  const aliased = path.replace(/^\/v3\/documents/, "/v3/(?:documents|memories)");
  return new RegExp(`^${aliased.replace(/\{\w+…\}/g, ".+").replace(/\{\w+\}/g, "[^/]+")}$`);
}
