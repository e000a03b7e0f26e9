/**
 * The network between one device and the model server: a `Transport` whose every answer, loss and delay is an event of
 * the scheduler. A request that was given up may still be carried out later (a ghost).
 */
import {
  type HttpBody,
  type HttpRequest,
  type HttpResponse,
  type Transport,
  TransportError,
} from "@smfs/api";
import {
  type Answer,
  isHold,
  type ModelBody,
  type ModelRequest,
  type ModelResponse,
} from "../hosted-model/message.ts";
import type { HostedModel } from "../hosted-model/model.ts";
import type { Coverage } from "./coverage.ts";
import type { Stream } from "./rng.ts";
import type { Life, Scheduler } from "./sched.ts";
import type { Asked } from "./sights.ts";

/** Shares of requests that meet each fault. */
export interface NetFaults {
  readonly lostRequest: number;
  readonly lostResponse: number;
  /** Carried out after the client has given up. */
  readonly ghost: number;
  /** Refused at once: certainly not carried out. */
  readonly refused: number;
  readonly serverError: number;
  readonly tooMany: number;
  readonly unauthorized: number;
  /** Milliseconds one way. */
  readonly latencyMs: readonly [number, number];
  /** Milliseconds until a ghost is carried out. */
  readonly ghostMs: readonly [number, number];
}

export const calmNet: NetFaults = {
  lostRequest: 0,
  lostResponse: 0,
  ghost: 0,
  refused: 0,
  serverError: 0,
  tooMany: 0,
  unauthorized: 0,
  latencyMs: [5, 60],
  ghostMs: [5_000, 90_000],
};

type Fate =
  | "ok"
  | "lostRequest"
  | "lostResponse"
  | "ghost"
  | "refused"
  | "serverError"
  | "tooMany"
  | "unauthorized";

/** Where the user may step in: just before a request leaves, at the server, just before its answer arrives. */
export type NetMoment = "send" | "execute" | "answer";

export interface NetOptions {
  readonly sched: Scheduler;
  readonly model: HostedModel;
  readonly choices: Stream;
  readonly faults: () => NetFaults;
  readonly life: Life;
  readonly device: string;
  readonly coverage: Coverage;
  /** Whether this device has no network now. */
  readonly isOffline: () => boolean;
  readonly onMoment: (moment: NetMoment, label: string) => void;
  /** Called with each request that reaches the server, before it is carried out, and after, before its answer leaves. */
  readonly onExecuting?: (asked: Asked) => void;
  readonly onExecuted: (request: ModelRequest, answer: Answer) => void;
  /** Called with each answer that arrives. */
  readonly onAnswered?: (request: HttpRequest, answer: Answer) => void;
}

export class SimNet implements Transport {
  readonly #options: NetOptions;

  constructor(options: NetOptions) {
    this.#options = options;
  }

  exchange(request: HttpRequest): Promise<HttpResponse> {
    return new Promise((resolve, reject) => {
      this.#start(request, resolve, reject);
    });
  }

  #start(
    request: HttpRequest,
    resolve: (response: HttpResponse) => void,
    reject: (error: unknown) => void,
  ): void {
    const { sched, life, device, choices, coverage, onMoment, onAnswered } = this.#options;
    const label = `${device} ${request.method} ${shortPath(request.path)}`;
    let over = false;
    const finish = (settle: () => void): void => {
      if (over) return;
      over = true;
      cancelDeadline();
      request.signal?.removeEventListener("abort", abort);
      settle();
    };
    const fail = (outcome: "unsent" | "unknown", why: string): void =>
      finish(() => reject(new TransportError(outcome, why)));
    const abort = (): void => fail("unknown", "aborted");
    const cancelDeadline = sched.after(request.deadlineMs, `${label} gives up`, life, () =>
      fail("unknown", "deadline"),
    );
    if (request.signal?.aborted === true) {
      fail("unsent", "aborted before it was sent");
      return;
    }
    request.signal?.addEventListener("abort", abort, { once: true });
    onMoment("send", label);
    const sentAt = sched.now;
    const fate = this.#fate();
    coverage.fault(fate);
    const outMs = this.#latency();
    const backMs = this.#latency();
    if (fate === "refused") {
      sched.after(outMs, `${label} refused`, life, () => fail("unsent", "connection refused"));
      return;
    }
    if (fate === "lostRequest") {
      const resets = choices.below(2) === 1;
      if (resets) sched.after(outMs, `${label} reset`, life, () => fail("unknown", "reset"));
      return;
    }
    if (fate === "ghost") {
      const [least, most] = this.#options.faults().ghostMs;
      const lateMs = least + choices.below(most - least + 1);
      const resets = choices.below(2) === 1;
      // A request that is under way outlives the process that sent it.
      sched.after(lateMs, `${label} executes late`, undefined, () =>
        this.#execute(request, label, sentAt),
      );
      if (resets) sched.after(outMs, `${label} reset`, life, () => fail("unknown", "reset"));
      return;
    }
    const arrive = (): void => {
      this.#arrive(request, { label, fate, sentAt }, (answer) => {
        if (fate === "lostResponse") {
          if (choices.below(2) === 1)
            sched.after(backMs, `${label} answer lost`, life, () => fail("unknown", "reset"));
          return;
        }
        const { status } = answer;
        sched.after(backMs, `${label} answered ${status}`, life, () => {
          onMoment("answer", label);
          finish(() => {
            onAnswered?.(request, answer);
            resolve(toResponse(answer));
          });
        });
      });
    };
    sched.after(outMs, `${label} arrives`, undefined, arrive);
  }

  #fate(): Fate {
    const { choices, isOffline, faults } = this.#options;
    if (isOffline()) return choices.below(2) === 1 ? "lostRequest" : "refused";
    const shares = faults();
    let at = choices.fraction();
    // Drawn from the top, so that the choice 0 is "ok".
    for (const fate of fates) {
      at += shares[fate];
      if (at >= 1) return fate;
    }
    return "ok";
  }

  #latency(): number {
    const [least, most] = this.#options.faults().latencyMs;
    return least + this.#options.choices.below(most - least + 1);
  }

  #execute(request: HttpRequest, label: string, sentAt: number): Answer {
    const { model, device, onMoment, onExecuting, onExecuted } = this.#options;
    onMoment("execute", label);
    const asked = toModelRequest(request);
    onExecuting?.({ device, sentAt });
    const answer = model.handle(asked);
    if (this.#options.sched.onEvent !== undefined)
      this.#options.sched.onEvent(this.#options.sched.now, `  ${describe(asked, answer)}`);
    onExecuted(asked, answer);
    return answer;
  }

  #arrive(
    request: HttpRequest,
    { label, fate, sentAt }: { label: string; fate: Fate; sentAt: number },
    reply: (answer: ModelResponse) => void,
  ): void {
    const { sched, model } = this.#options;
    if (fate === "serverError") {
      reply(plainAnswer(503, {}));
      return;
    }
    if (fate === "tooMany") {
      reply(plainAnswer(429, { "retry-after": "2" }));
      return;
    }
    if (fate === "unauthorized") {
      reply(plainAnswer(401, {}));
      return;
    }
    const answer = this.#execute(request, label, sentAt);
    if (!isHold(answer)) {
      reply(answer);
      return;
    }
    let done = false;
    const settle = (expired: boolean): void => {
      if (done) return;
      const again = model.handle(toModelRequest(request), { expired });
      if (isHold(again)) return;
      done = true;
      stopWatching();
      cancelWait();
      reply(again);
    };
    const stopWatching = model.onChange(() => {
      sched.after(1, `${label} wakes`, undefined, () => settle(false));
    });
    const cancelWait = sched.after(answer.waitMs, `${label} waited`, undefined, () => settle(true));
  }
}

const fates = [
  "lostRequest",
  "lostResponse",
  "ghost",
  "refused",
  "serverError",
  "tooMany",
  "unauthorized",
] as const;

/** A request and its answer for the trace. */
function describe(request: ModelRequest, answer: Answer): string {
  const { body, headers } = request;
  const sent = body?.kind === "json" ? JSON.stringify(body.value) : (body?.kind ?? "");
  const conditions = ["if-match", "if-none-match", "smfs-filepath", "smfs-metadata"]
    .flatMap((name) => (headers?.[name] === undefined ? [] : [`${name}: ${headers[name]}`]))
    .join(" ");
  const got = isHold(answer) ? "held" : `${answer.status} ${JSON.stringify(answer.json ?? null)}`;
  return `${conditions} ${sent} → ${got}`.slice(0, 600);
}

/** The path without what differs from run to run by id only. */
function shortPath(path: string): string {
  const mark = path.indexOf("?");
  return mark < 0 ? path : path.slice(0, mark);
}

function toModelRequest(request: HttpRequest): ModelRequest {
  const body = request.body === undefined ? undefined : toModelBody(request.body);
  return {
    method: request.method,
    path: request.path,
    headers: lowerCased(request.headers ?? {}),
    ...(body === undefined ? {} : { body }),
  };
}

function lowerCased(headers: Readonly<Record<string, string>>): Record<string, string> {
  const lower: Record<string, string> = {};
  for (const [name, value] of Object.entries(headers)) lower[name.toLowerCase()] = value;
  return lower;
}

function toModelBody(body: HttpBody): ModelBody {
  // A body that is read while it is sent cannot cross virtual time; the file worker of the simulator holds it whole.
  if (body.kind === "stream") throw new Error("the simulator's bodies are in memory");
  return body;
}

function plainAnswer(status: number, headers: Record<string, string>): ModelResponse {
  return { status, headers, json: { error: `status ${status}` } };
}

const encoder = new TextEncoder();

function toResponse(answer: ModelResponse): HttpResponse {
  const { json, bytes } = answer;
  const body = (): Uint8Array =>
    bytes ?? (json === undefined ? new Uint8Array() : encoder.encode(JSON.stringify(json)));
  return {
    status: answer.status,
    headers: answer.headers,
    json: () => Promise.resolve(json),
    bytes: () => Promise.resolve(body()),
    stream: () =>
      new ReadableStream({
        start: (controller) => {
          const all = body();
          if (all.length > 0) controller.enqueue(all);
          controller.close();
        },
      }),
  };
}
