/**
 * Calls to a worker (a thread or a process): started on the first call, ended when unused, started anew when it died.
 *
 * A call that takes too long ends the worker, and with it whatever made it hang; other calls in flight fail with it
 * and can be made again.
 */
import type { Cancel, Clock } from "@smfs/core";

export interface WorkerCallsOptions {
  readonly start: () => RunningWorker;
  readonly clock: Clock;
  /** Calls that may be in flight. */
  readonly callsMax: number;
  /** Milliseconds without a call after which the worker is ended; undefined: it stays. */
  readonly idleMs?: number;
}

/** One worker that runs, wherever it does (worker-thread.ts, worker-process.ts). */
export interface RunningWorker {
  post(message: CallMessage): void;
  onReply(listener: (reply: ReplyMessage) => void): void;
  /** @param listener is told why it ended, perhaps more than once */
  onEnd(listener: (reason: string) => void): void;
  /** Ends it at once, whatever it does. Resolves when it is gone. */
  end(): Promise<void>;
}

/** What a call came to when it was no answer. */
export class WorkerError extends Error {
  /** `busy`: too many calls. `timeout`, `died`: the worker ended during this call. `failed`: the work threw. */
  readonly reason: "busy" | "timeout" | "died" | "failed";

  constructor(reason: WorkerError["reason"], message: string) {
    super(message);
    this.name = "WorkerError";
    this.reason = reason;
  }
}

/** What the worker's side receives and answers (serve-calls.ts). */
export interface CallMessage {
  readonly id: number;
  readonly input: unknown;
}
export type ReplyMessage =
  | { readonly id: number; readonly output: unknown }
  | { readonly id: number; readonly error: string };

interface Pending {
  resolve(output: unknown): void;
  reject(error: WorkerError): void;
  readonly cancel: Cancel;
}

export class WorkerCalls {
  readonly #options: WorkerCallsOptions;
  readonly #pending = new Map<number, Pending>();
  #worker: RunningWorker | undefined;
  #lastId = 0;
  #cancelIdle: Cancel = () => undefined;

  constructor(options: WorkerCallsOptions) {
    this.#options = options;
  }

  /** Whether the worker is running: it holds memory. */
  get isRunning(): boolean {
    return this.#worker !== undefined;
  }

  /**
   * Sends `input` and resolves with what the worker answers.
   * @param timeoutMs milliseconds after which the worker is ended
   * @throws WorkerError
   */
  call(input: unknown, timeoutMs: number): Promise<unknown> {
    if (this.#pending.size >= this.#options.callsMax) {
      return Promise.reject(new WorkerError("busy", "too many requests at one time"));
    }
    this.#cancelIdle();
    const worker = this.#start();
    this.#lastId += 1;
    const id = this.#lastId;
    return new Promise((resolve, reject) => {
      const cancel = this.#options.clock.after(timeoutMs, () => {
        const seconds = Math.round(timeoutMs / 1000);
        this.#settle(id, { error: new WorkerError("timeout", `took more than ${seconds} s`) });
        void this.#end(worker, "another request took too long");
      });
      this.#pending.set(id, { resolve, reject, cancel });
      worker.post({ id, input });
    });
  }

  /** Ends the worker; calls in flight are rejected. */
  async close(): Promise<void> {
    this.#cancelIdle();
    const worker = this.#worker;
    if (worker !== undefined) await this.#end(worker, "the server stops");
  }

  #start(): RunningWorker {
    if (this.#worker !== undefined) return this.#worker;
    const worker = this.#options.start();
    worker.onReply((reply) => {
      this.#settle(
        reply.id,
        "error" in reply ? { error: new WorkerError("failed", reply.error) } : reply,
      );
    });
    worker.onEnd((reason) => void this.#end(worker, reason));
    this.#worker = worker;
    return worker;
  }

  #settle(
    id: number,
    result: { readonly output: unknown } | { readonly error: WorkerError },
  ): void {
    const pending = this.#pending.get(id);
    if (pending === undefined) return;
    this.#pending.delete(id);
    pending.cancel();
    if ("error" in result) pending.reject(result.error);
    else pending.resolve(result.output);
    if (this.#pending.size === 0) this.#endWhenIdle();
  }

  #endWhenIdle(): void {
    const { idleMs, clock } = this.#options;
    if (idleMs === undefined) return;
    this.#cancelIdle();
    this.#cancelIdle = clock.after(idleMs, () => {
      const worker = this.#worker;
      if (worker !== undefined && this.#pending.size === 0) void this.#end(worker, "idle");
    });
  }

  async #end(worker: RunningWorker, reason: string): Promise<void> {
    if (this.#worker !== worker) return;
    this.#worker = undefined;
    for (const id of [...this.#pending.keys()]) {
      this.#settle(id, { error: new WorkerError("died", reason) });
    }
    await worker.end();
  }
}

/**
 * Where a built worker lies. Sources run from `src` (tests, tsx), but a worker is plain JavaScript in `dist`.
 * @param from `import.meta.url` of a file in a folder of `src` or `dist`
 * @param name such as `search-worker`, a file in the same folder
 */
export function workerUrl(from: string, name: string): URL {
  const isSource = from.endsWith(".ts");
  const built = isSource ? from.replace("/packages/server/src/", "/packages/server/dist/") : from;
  return new URL(`./${name}.js`, built);
}
