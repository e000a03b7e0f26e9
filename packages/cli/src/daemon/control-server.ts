/** HTTP over a unix socket that only its owner can reach: status, sync, search, unmount, metrics, events. */
import { chmodSync, rmSync } from "node:fs";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { dirname } from "node:path";
import { pipeline } from "node:stream/promises";
import type { Clock, Logger } from "@smfs/core";
import { CliError, exitCodes, toFailure } from "../cli-error.ts";
import {
  controlBodyBytesMax,
  controlConnectionsMax,
  keptListMax,
  searchResultsMax,
} from "../limits.ts";
import { ensurePrivateDir } from "../private-files.ts";
import type {
  DaemonControl,
  SearchRequest,
  StreamLine,
  SyncRequest,
  UnmountRequest,
} from "./control-protocol.ts";

/** Milliseconds that the last answers may take to leave. */
const farewellMs = 500;

type Handler = (request: IncomingMessage, response: ServerResponse) => Promise<void>;

export class ControlServer {
  readonly #server: Server;
  readonly #socket: string;
  readonly #control: DaemonControl;
  readonly #clock: Clock;
  readonly #log: Logger;
  readonly #routes: Readonly<Record<string, Handler>>;

  constructor(socket: string, control: DaemonControl, clock: Clock, log: Logger) {
    this.#socket = socket;
    this.#control = control;
    this.#clock = clock;
    this.#log = log;
    this.#routes = {
      "GET /status": async (_request, response) => sendJson(response, await control.status()),
      "GET /metrics": async (_request, response) => {
        response.setHeader("content-type", "text/plain; version=0.0.4; charset=utf-8");
        response.end(await control.metrics());
      },
      "GET /events": (_request, response) => this.#events(response),
      "POST /sync": async (request, response) => {
        const { confirmDeletes } = await readBody(request);
        const wish: SyncRequest = { confirmDeletes: confirmDeletes === true };
        await stream(response, (tell, signal) => control.sync(wish, tell, signal));
      },
      "POST /unmount": async (request, response) => {
        const asked = toUnmountRequest(await readBody(request));
        await stream(response, (tell) => control.unmount(asked, tell));
      },
      "POST /search": async (request, response) => {
        const asked = toSearchRequest(await readBody(request));
        sendJson(response, { hits: await control.search(asked, abortedWith(response)) });
      },
      ...keptRoutes(control),
    };
    this.#server = createServer((request, response) => void this.#handle(request, response));
    this.#server.maxConnections = controlConnectionsMax;
  }

  /** Starts to listen. What a daemon that was killed left at the path goes. */
  async listen(): Promise<void> {
    ensurePrivateDir(dirname(this.#socket));
    rmSync(this.#socket, { force: true });
    await new Promise<void>((resolve, reject) => {
      this.#server.once("error", reject);
      this.#server.listen(this.#socket, resolve);
    });
    // The directory keeps others out already; the socket's own mode says the same.
    chmodSync(this.#socket, 0o600);
  }

  /** Answers that are under way get a moment to leave. */
  async close(): Promise<void> {
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()));
    this.#server.closeIdleConnections();
    await Promise.race([closed, this.#clock.sleep(farewellMs)]);
    this.#server.closeAllConnections();
    await closed;
    rmSync(this.#socket, { force: true });
  }

  async #handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { pathname } = new URL(request.url ?? "/", "http://daemon");
    const handler = this.#routes[`${request.method} ${pathname}`];
    try {
      if (handler === undefined) sendJson(response, { error: "no such request" }, 404);
      else await handler(request, response);
    } catch (error) {
      const failure = toFailure(error);
      this.#log.log("warn", "a control request failed", { path: pathname, error: failure.message });
      if (!response.headersSent) sendJson(response, { failure }, 500);
      else response.end();
    }
  }

  async #events(response: ServerResponse): Promise<void> {
    response.setHeader("content-type", "text/event-stream");
    response.setHeader("cache-control", "no-store");
    response.flushHeaders();
    const stop = this.#control.subscribe(({ type, data }) => {
      // A reader that does not keep up is let go: nothing may pile up here.
      const isTaken = response.write(`event: ${type}\ndata: ${JSON.stringify(data)}\n\n`);
      if (!isTaken) response.destroy();
    });
    await new Promise<void>((resolve) => response.once("close", resolve));
    stop();
  }
}

function keptRoutes(control: DaemonControl): Readonly<Record<string, Handler>> {
  return {
    "GET /conflicts": async (_request, response) =>
      sendJson(response, { conflicts: await control.kept.conflicts() }),
    "GET /trash": async (_request, response) =>
      sendJson(response, { items: await control.kept.trash() }),
    "POST /trash/bytes": async (request, response) => {
      const [id = 0] = toIds([(await readBody(request)).id]);
      const bytes = await control.kept.trashBytes(id);
      response.setHeader("content-type", "application/octet-stream");
      await pipeline(bytes, response);
    },
    "POST /trash/drop": async (request, response) => {
      const ids = toIds((await readBody(request)).ids);
      sendJson(response, { dropped: await control.kept.dropTrash(ids) });
    },
  };
}

/** Numbers of items in the trash. */
function toIds(value: unknown): number[] {
  const isId = (id: unknown): id is number => Number.isSafeInteger(id) && (id as number) > 0;
  if (Array.isArray(value) && value.length <= keptListMax && value.every(isId)) return value;
  throw new CliError(exitCodes.usage, "an item of the trash is named by its number");
}

function sendJson(response: ServerResponse, value: unknown, status = 200): void {
  response.statusCode = status;
  response.setHeader("content-type", "application/json");
  response.end(JSON.stringify(value));
}

/** Aborted when the asker goes away. */
function abortedWith(response: ServerResponse): AbortSignal {
  const controller = new AbortController();
  response.once("close", () => controller.abort());
  return controller.signal;
}

/** Answers with one JSON object a line, as things happen. */
async function stream<Result>(
  response: ServerResponse,
  work: (tell: (text: string) => void, signal: AbortSignal) => Promise<Result>,
): Promise<void> {
  response.setHeader("content-type", "application/x-ndjson");
  response.flushHeaders();
  const send = (line: StreamLine<Result>) => {
    if (!response.destroyed) response.write(`${JSON.stringify(line)}\n`);
  };
  try {
    const value = await work((text) => send({ kind: "progress", text }), abortedWith(response));
    send({ kind: "result", value });
  } catch (error) {
    send({ kind: "failed", failure: toFailure(error) });
  }
  response.end();
}

async function readBody(request: IncomingMessage): Promise<Readonly<Record<string, unknown>>> {
  const parts: Buffer[] = [];
  let length = 0;
  for await (const part of request as AsyncIterable<Buffer>) {
    length += part.length;
    if (length > controlBodyBytesMax)
      throw new CliError(exitCodes.usage, "the request is too large");
    parts.push(part);
  }
  if (length === 0) return {};
  try {
    const value: unknown = JSON.parse(Buffer.concat(parts).toString("utf8"));
    if (typeof value === "object" && value !== null) return value as Record<string, unknown>;
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
  }
  throw new CliError(exitCodes.usage, "the request is not a JSON object");
}

function toUnmountRequest(body: Readonly<Record<string, unknown>>): UnmountRequest {
  const { force, drainTimeoutMs } = body;
  if (typeof force !== "boolean" || typeof drainTimeoutMs !== "number" || !(drainTimeoutMs >= 0)) {
    throw new CliError(exitCodes.usage, "unmount takes force and drainTimeoutMs");
  }
  return { force, drainTimeoutMs };
}

function toSearchRequest(body: Readonly<Record<string, unknown>>): SearchRequest {
  const { query, filepath, limit } = body;
  if (typeof query !== "string" || typeof filepath !== "string" || typeof limit !== "number") {
    throw new CliError(exitCodes.usage, "search takes query, filepath and limit");
  }
  if (!Number.isInteger(limit) || limit < 1 || limit > searchResultsMax) {
    throw new CliError(exitCodes.usage, `limit is 1 to ${searchResultsMax}`);
  }
  return { query, filepath, limit };
}
