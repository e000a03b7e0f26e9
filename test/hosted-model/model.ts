/**
 * The hosted memory API as a state machine: requests in, answers out, no I/O.
 *
 * Where the real service is undocumented the answer is an option (quirks.ts). Time and randomness are injected, and
 * everything that the server does by itself (processing, deletion of failed documents) happens inside `advance`,
 * which each request calls first.
 */
import { type Clock, type Random, toBase32 } from "@smfs/core";
import type { Doc, Status } from "./document.ts";
import { exchangeFeed } from "./feed.ts";
import { Listing } from "./listing.ts";
import {
  type Answer,
  type Call,
  isHold,
  type ModelRequest,
  type ModelResponse,
  Refusal,
  toCall,
} from "./message.ts";
import { Pipeline } from "./pipeline.ts";
import type { Quirks } from "./quirks.ts";
import { readRoutes } from "./reads.ts";
import { type Commit, DocumentTable } from "./table.ts";
import { writeRoutes } from "./writes.ts";

export interface ModelOptions {
  readonly clock: Pick<Clock, "now" | "monotonic">;
  readonly random: Random;
  readonly quirks: Quirks;
  /** The only key that is let in; without it every request is. */
  readonly key?: string;
}

/** One route: undefined when it does not match. */
export type Route = (model: HostedModel, call: Call) => Answer | undefined;

interface Replayable {
  readonly payload: string;
  readonly response: ModelResponse;
  readonly until: number;
}

const idempotencyMs = 24 * 3_600_000;
const base58 = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz";

export class HostedModel {
  /** May be replaced while the server runs. */
  quirks: Quirks;
  readonly table: DocumentTable = new DocumentTable();
  readonly pipeline: Pipeline;
  readonly listing: Listing;
  readonly random: Random;
  /** Random per database; another one makes every cursor of the feed worthless. */
  epoch: string;
  /** Sequence numbers at or below it are no longer in the feed as tombstones. */
  horizon = 0;
  /** Milliseconds added to the server's wall clock. */
  clockStepMs = 0;
  /** Where clients reach the server: what file URLs begin with. */
  baseUrl = "http://model.test";
  /** What PATCH /v3/container-tags stored. */
  readonly tagSettings = new Map<string, Record<string, unknown>>();
  readonly #clock: Pick<Clock, "now" | "monotonic">;
  readonly #key: string | undefined;
  readonly #routes: readonly Route[] = [...readRoutes, ...writeRoutes, exchangeFeed];
  readonly #replays = new Map<string, Replayable>();
  readonly #wakers = new Set<() => void>();
  #lastStamp = 0;

  constructor(options: ModelOptions) {
    this.quirks = options.quirks;
    this.random = options.random;
    this.#clock = options.clock;
    this.#key = options.key;
    this.epoch = toBase32(this.random.bytes(5));
    this.listing = new Listing(() => this.quirks, this.random, this.table);
    this.pipeline = new Pipeline(() => this.quirks, this.random, {
      stage: (id, status) => this.#stage(id, status),
      end: (id, status) => this.#end(id, status),
      autoDelete: (id) => this.#autoDelete(id),
    });
    this.table.watch(() => {
      for (const wake of [...this.#wakers]) wake();
    });
  }

  /** Monotonic milliseconds. */
  get monotonicNow(): number {
    return this.#clock.monotonic();
  }

  /** Wall-clock milliseconds of the server. */
  get wallNow(): number {
    return this.#clock.now() + this.clockStepMs;
  }

  /** Calls `wake` after each commit, for whoever keeps a long poll. */
  onChange(wake: () => void): () => void {
    this.#wakers.add(wake);
    return () => this.#wakers.delete(wake);
  }

  /** Calls `watcher` with each commit. */
  watch(watcher: (commit: Commit) => void): () => void {
    return this.table.watch(watcher);
  }

  /** Makes everything happen that is due. */
  advance(): void {
    this.pipeline.advance(this.monotonicNow);
  }

  /** The server process starts anew: stuck processing is taken up again. */
  restart(): void {
    this.pipeline.restart(this.monotonicNow);
  }

  /**
   * Carries out one request. A long poll with nothing to tell gives a `Hold`: ask again when `onChange` fires, or,
   * when the wait is over, with `expired` set.
   */
  handle(request: ModelRequest, poll: { readonly expired?: boolean } = {}): Answer {
    this.advance();
    try {
      const call = toCall(request, poll.expired === true);
      this.#authorise(call);
      const replay = this.#findReplay(call);
      if (replay !== undefined) return this.#finish(replay);
      for (const route of this.#routes) {
        const answer = route(this, call);
        if (answer === undefined) continue;
        if (isHold(answer)) return answer;
        this.#keepReplay(call, answer);
        return this.#finish(answer);
      }
      throw new Refusal(404, "Not Found");
    } catch (error) {
      if (error instanceof Refusal) return this.#finish(error.response);
      throw error;
    }
  }

  /** A fresh document id: 22 characters. */
  newId(): string {
    let id = "";
    for (const byte of this.random.bytes(22)) id += base58[byte % 58];
    return id;
  }

  /** The timestamp of a write that is made now. */
  stamp(): number {
    const { tickMs, lateCommitMs, strictTime } = this.quirks;
    const late = lateCommitMs === 0 ? 0 : Math.floor(this.random.next() * lateCommitMs);
    const at = this.wallNow - late;
    const ticked = at - (at % tickMs);
    if (!strictTime) return ticked;
    this.#lastStamp = Math.max(ticked, this.#lastStamp + 1);
    return this.#lastStamp;
  }

  #authorise(call: Call): void {
    if (this.#key === undefined || call.path.startsWith("/files/") || call.path === "/") return;
    if (call.headers.authorization === `Bearer ${this.#key}`) return;
    throw new Refusal(401, "Unauthorized", "Invalid or missing API key");
  }

  #replayKey(call: Call): string | undefined {
    const key = call.headers["idempotency-key"];
    if (key === undefined || !this.quirks.extensions.idempotency || call.method === "GET")
      return undefined;
    return `${call.method} ${call.path} ${key}`;
  }

  #findReplay(call: Call): ModelResponse | undefined {
    const key = this.#replayKey(call);
    const known = key === undefined ? undefined : this.#replays.get(key);
    if (known === undefined || known.until < this.monotonicNow) return undefined;
    if (known.payload !== payloadOf(call))
      throw new Refusal(422, "Idempotency key was used for another request");
    const { response } = known;
    return { ...response, headers: { ...response.headers, "idempotent-replayed": "true" } };
  }

  #keepReplay(call: Call, response: ModelResponse): void {
    const key = this.#replayKey(call);
    if (key === undefined || response.status >= 300) return;
    const until = this.monotonicNow + idempotencyMs;
    this.#replays.set(key, { payload: payloadOf(call), response, until });
  }

  #finish(response: ModelResponse): ModelResponse {
    const date = new Date(this.wallNow).toUTCString();
    return { ...response, headers: { date, ...response.headers } };
  }

  #stage(id: string, status: Status): void {
    const doc = this.table.get(id);
    if (doc === undefined) return;
    const updatedAt = this.quirks.bumps.stages ? this.stamp() : doc.updatedAt;
    this.table.put({ ...doc, status, updatedAt }, this.monotonicNow, "pipeline", true);
  }

  #end(id: string, status: "done" | "failed"): void {
    const doc = this.table.get(id);
    if (doc === undefined) return;
    const bumps = this.quirks.bumps.done || this.quirks.strictTime;
    const ended: Doc = {
      ...doc,
      status,
      oldText: null,
      rev: doc.rev + 1,
      updatedAt: bumps ? this.stamp() : doc.updatedAt,
      errorMessage: status === "failed" ? "processing failed" : null,
    };
    this.table.put(ended, this.monotonicNow, "pipeline");
  }

  #autoDelete(id: string): void {
    const doc = this.table.get(id);
    if (doc !== undefined)
      this.table.remove(doc, this.monotonicNow, this.wallNow, null, "auto-delete");
  }
}

function payloadOf(call: Call): string {
  const { body } = call;
  if (body === undefined) return "";
  if (body.kind === "json") return JSON.stringify(body.value);
  if (body.kind === "bytes") return Buffer.from(body.bytes).toString("base64");
  return JSON.stringify(body.fields.map((field) => [field.name, String(field.value)]));
}
