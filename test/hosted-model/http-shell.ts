/**
 * The model server behind real HTTP on loopback, for end-to-end tests, with the means to make trouble on purpose.
 *
 * A test in the same process uses the object; one in another process posts the same commands as JSON to `/_control`.
 */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import type { FormField } from "@smfs/api";
import { type Clock, type Random, seededRandom, systemClock } from "@smfs/core";
import {
  type Answer,
  isHold,
  type ModelBody,
  type ModelRequest,
  type ModelResponse,
} from "./message.ts";
import { HostedModel } from "./model.ts";
import { hostedQuirks, type Quirks } from "./quirks.ts";

/** One piece of trouble for the next matching requests. */
export interface Trouble {
  /** Method and path prefix, such as `PATCH /v3/documents/`; every request when absent. */
  readonly match?: string;
  /** How many requests it concerns; 1 when absent. */
  readonly times?: number;
  readonly what: /** Not carried out, connection closed. */
    | { readonly kind: "lose-request" }
    /** Carried out, connection closed instead of an answer. */
    | { readonly kind: "lose-response" }
    /** Connection closed now, carried out after `ms`: a ghost. */
    | { readonly kind: "execute-late"; readonly ms: number }
    /** Carried out and answered after `ms`. */
    | { readonly kind: "delay"; readonly ms: number }
    /** Not carried out; answered so. */
    | {
        readonly kind: "answer";
        readonly status: number;
        readonly headers?: Readonly<Record<string, string>>;
      };
}

export interface ShellOptions {
  readonly quirks?: Quirks;
  readonly key?: string;
  readonly clock?: Clock;
  readonly random?: Random;
  /** 0 for any free port. */
  readonly port?: number;
}

/** A request as it came, for assertions about traffic. */
export interface Seen {
  readonly method: string;
  readonly path: string;
  readonly status: number;
}

const bodyBytesMax = 128 << 20;

export class HttpShell {
  readonly model: HostedModel;
  readonly seen: Seen[] = [];
  readonly #server: Server;
  readonly #clock: Clock;
  readonly #troubles: { trouble: Trouble; left: number }[] = [];
  /** Ends every wait of this shell when it closes. */
  readonly #closing = new AbortController();

  private constructor(options: ShellOptions) {
    this.#clock = options.clock ?? systemClock;
    this.model = new HostedModel({
      clock: this.#clock,
      random: options.random ?? seededRandom(1),
      quirks: options.quirks ?? hostedQuirks,
      ...(options.key === undefined ? {} : { key: options.key }),
    });
    this.#server = createServer((request, response) => {
      this.#serve(request, response).catch((error: unknown) => {
        response.destroy(error instanceof Error ? error : new Error(String(error)));
      });
    });
  }

  static async listen(options: ShellOptions = {}): Promise<HttpShell> {
    const shell = new HttpShell(options);
    await new Promise<void>((resolve, reject) => {
      shell.#server.once("error", reject);
      shell.#server.listen(options.port ?? 0, "127.0.0.1", resolve);
    });
    shell.model.baseUrl = shell.url;
    return shell;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  /** No processing makes progress until `release`. */
  hold(): void {
    this.model.pipeline.held = true;
  }

  release(): void {
    this.model.pipeline.held = false;
  }

  /** Arms trouble for the next matching requests; several are used up in the order they were armed. */
  trouble(trouble: Trouble): void {
    this.#troubles.push({ trouble, left: trouble.times ?? 1 });
  }

  async close(): Promise<void> {
    this.#closing.abort();
    this.#server.closeAllConnections();
    await new Promise<void>((resolve) => this.#server.close(() => resolve()));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  async #serve(incoming: IncomingMessage, outgoing: ServerResponse): Promise<void> {
    const request = await readRequest(incoming);
    if (request.path === "/_control") {
      this.#control(request);
      send(outgoing, { status: 200, headers: {}, json: { ok: true } });
      return;
    }
    const what = this.#takeTrouble(request)?.what;
    if (what?.kind === "lose-request" || what?.kind === "execute-late") {
      if (what.kind === "execute-late") this.#clock.after(what.ms, () => this.#run(request));
      this.#note(request, 0);
      outgoing.destroy();
      return;
    }
    if (what?.kind === "answer") {
      this.#note(request, what.status);
      const json = { error: "trouble" };
      send(outgoing, { status: what.status, headers: what.headers ?? {}, json });
      return;
    }
    if (what?.kind === "delay") await this.#clock.sleep(what.ms, this.#closing.signal);
    const response = await this.#answer(request);
    this.#note(request, response.status);
    if (what?.kind === "lose-response") outgoing.destroy();
    else send(outgoing, response);
  }

  /** Carries a request out with nobody waiting for the answer. */
  #run(request: ModelRequest): void {
    this.model.handle(request);
  }

  async #answer(request: ModelRequest): Promise<ModelResponse> {
    const first = this.model.handle(request);
    if (!isHold(first)) return first;
    const until = this.#clock.monotonic() + first.waitMs;
    for (;;) {
      const left = until - this.#clock.monotonic();
      const expired = left <= 0 || this.#closing.signal.aborted;
      const answer: Answer = this.model.handle(request, { expired });
      if (!isHold(answer)) return answer;
      await this.#nextChange(left);
    }
  }

  /** Resolves at the next commit, at the next thing due by itself, or after `ms`. */
  async #nextChange(ms: number): Promise<void> {
    const wake = new AbortController();
    const stopWatching = this.model.onChange(() => wake.abort());
    const stop = (): void => wake.abort();
    this.#closing.signal.addEventListener("abort", stop);
    const due = this.model.pipeline.nextAt() - this.#clock.monotonic();
    await this.#clock.sleep(Math.max(1, Math.min(ms, due)), wake.signal);
    this.#closing.signal.removeEventListener("abort", stop);
    stopWatching();
  }

  #takeTrouble(request: ModelRequest): Trouble | undefined {
    const line = `${request.method} ${request.path}`;
    const found = this.#troubles.find(({ trouble }) => line.startsWith(trouble.match ?? ""));
    if (found === undefined) return undefined;
    found.left -= 1;
    if (found.left === 0) this.#troubles.splice(this.#troubles.indexOf(found), 1);
    return found.trouble;
  }

  #note(request: ModelRequest, status: number): void {
    this.seen.push({ method: request.method, path: request.path, status });
  }

  #control(request: ModelRequest): void {
    const command = (request.body?.kind === "json" ? request.body.value : {}) as {
      do?: "hold" | "release" | "restart" | "trouble";
      trouble?: Trouble;
    };
    if (command.do === "hold") this.hold();
    else if (command.do === "release") this.release();
    else if (command.do === "restart") this.model.restart();
    else if (command.do === "trouble" && command.trouble !== undefined)
      this.trouble(command.trouble);
    else throw new Error(`no such command: ${JSON.stringify(command)}`);
  }
}

async function readRequest(incoming: IncomingMessage): Promise<ModelRequest> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of incoming) {
    size += (chunk as Buffer).length;
    if (size > bodyBytesMax) throw new Error("body too large");
    chunks.push(chunk as Buffer);
  }
  const headers: Record<string, string> = {};
  for (const [name, value] of Object.entries(incoming.headers))
    headers[name] = Array.isArray(value) ? value.join(", ") : (value ?? "");
  const method = incoming.method ?? "GET";
  const body = await toBody(method, Buffer.concat(chunks), headers["content-type"] ?? "");
  return {
    method,
    path: incoming.url ?? "/",
    headers,
    ...(body === undefined ? {} : { body }),
  };
}

async function toBody(method: string, bytes: Buffer, type: string): Promise<ModelBody | undefined> {
  if (type.startsWith("multipart/form-data")) {
    const form = await new Response(new Uint8Array(bytes), {
      headers: { "content-type": type },
    }).formData();
    const fields: FormField[] = [];
    for (const [name, value] of form) {
      if (typeof value === "string") fields.push({ name, value });
      else {
        const content = new Uint8Array(await value.arrayBuffer());
        fields.push({ name, value: content, fileName: value.name });
      }
    }
    return { kind: "form", fields };
  }
  if (type.startsWith("application/json"))
    return bytes.length === 0 ? undefined : { kind: "json", value: parseJson(bytes.toString()) };
  if (bytes.length === 0 && method !== "PUT") return undefined;
  return { kind: "bytes", bytes: new Uint8Array(bytes), type };
}

/** What cannot be parsed reaches the model as text, which it refuses with 400. */
function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    if (error instanceof SyntaxError) return text;
    throw error;
  }
}

function send(outgoing: ServerResponse, response: ModelResponse): void {
  const isJson = response.json !== undefined;
  const body = isJson ? JSON.stringify(response.json) : response.bytes;
  outgoing.writeHead(response.status, {
    ...(isJson ? { "content-type": "application/json" } : {}),
    ...response.headers,
  });
  outgoing.end(body);
}
