/**
 * Calls to a worker thread: started on the first call, ended when unused, started anew when it died.
 *
 * A call that takes too long ends the worker, and with it whatever made it hang; other calls in flight fail with it
 * and can be made again.
 */
import { type ResourceLimits, type Transferable, Worker } from "node:worker_threads";
import type { Cancel, Clock } from "@smfs/core";

export interface WorkerCallsOptions {
  /** The built worker: JavaScript (see `workerUrl`). */
  readonly url: URL;
  /** Given to the worker when it starts. */
  readonly data: unknown;
  readonly clock: Clock;
  /** Calls that may be in flight. */
  readonly callsMax: number;
  /** Milliseconds without a call after which the worker is ended; undefined: it stays. */
  readonly idleMs?: number;
  readonly resourceLimits?: ResourceLimits;
  /** MiB by which the process may grow during calls: buffers do not count as heap, so the heap's limit misses them. */
  readonly growthMiBMax?: number;
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

/** Milliseconds between two looks at the memory of the process. */
const watchMs = 100;

interface Pending {
  resolve(output: unknown): void;
  reject(error: WorkerError): void;
  readonly cancel: Cancel;
}

export class WorkerCalls {
  readonly #options: WorkerCallsOptions;
  readonly #pending = new Map<number, Pending>();
  #worker: Worker | undefined;
  #lastId = 0;
  #cancelIdle: Cancel = () => undefined;
  #cancelWatch: Cancel | undefined;

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
  call(
    input: unknown,
    timeoutMs: number,
    transfer: readonly Transferable[] = [],
  ): Promise<unknown> {
    if (this.#pending.size >= this.#options.callsMax) {
      return Promise.reject(new WorkerError("busy", "too many requests at one time"));
    }
    this.#cancelIdle();
    const worker = this.#start();
    if (this.#cancelWatch === undefined) this.#watch(process.memoryUsage.rss());
    this.#lastId += 1;
    const id = this.#lastId;
    return new Promise((resolve, reject) => {
      const cancel = this.#options.clock.after(timeoutMs, () => {
        const seconds = Math.round(timeoutMs / 1000);
        this.#settle(id, { error: new WorkerError("timeout", `took more than ${seconds} s`) });
        void this.#end(worker, "another request took too long");
      });
      this.#pending.set(id, { resolve, reject, cancel });
      worker.postMessage({ id, input } satisfies CallMessage, transfer);
    });
  }

  /** Ends the worker; calls in flight are rejected. */
  async close(): Promise<void> {
    this.#cancelIdle();
    const worker = this.#worker;
    if (worker !== undefined) await this.#end(worker, "the server stops");
  }

  #start(): Worker {
    if (this.#worker !== undefined) return this.#worker;
    const { url, data, resourceLimits } = this.#options;
    const worker = new Worker(url, {
      workerData: data,
      // What the process was started with (conditions, loaders) is for sources; a worker is built.
      execArgv: [],
      ...(resourceLimits === undefined ? {} : { resourceLimits }),
    });
    worker.on("message", (reply: ReplyMessage) => {
      this.#settle(
        reply.id,
        "error" in reply ? { error: new WorkerError("failed", reply.error) } : reply,
      );
    });
    worker.on("error", (error) => void this.#end(worker, String(error)));
    worker.on("exit", () => void this.#end(worker, "the worker ended"));
    // The worker alone does not keep the process alive.
    worker.unref();
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

  /** Looks now and then, while there are calls, whether the process has grown too much. */
  #watch(before: number): void {
    const { growthMiBMax, clock } = this.#options;
    if (growthMiBMax === undefined) return;
    this.#cancelWatch = clock.after(watchMs, () => {
      this.#cancelWatch = undefined;
      const worker = this.#worker;
      if (worker === undefined || this.#pending.size === 0) return;
      if (process.memoryUsage.rss() - before > growthMiBMax * (1 << 20)) {
        void this.#end(worker, `needs more than ${growthMiBMax} MiB`);
      } else {
        this.#watch(before);
      }
    });
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

  async #end(worker: Worker, reason: string): Promise<void> {
    if (this.#worker !== worker) return;
    this.#worker = undefined;
    for (const id of [...this.#pending.keys()]) {
      this.#settle(id, { error: new WorkerError("died", reason) });
    }
    await worker.terminate();
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
