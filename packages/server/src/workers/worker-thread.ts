/** A worker on a thread of this process: quick to reach, and it shares the process's memory. */
import { type ResourceLimits, Worker } from "node:worker_threads";
import type { RunningWorker } from "./worker-calls.ts";

export interface WorkerThreadOptions {
  /** The built worker: JavaScript (see `workerUrl`). */
  readonly url: URL;
  /** Given to the worker when it starts. */
  readonly data: unknown;
  readonly resourceLimits?: ResourceLimits;
}

export function workerThread({ url, data, resourceLimits }: WorkerThreadOptions): RunningWorker {
  const worker = new Worker(url, {
    workerData: data,
    // What the process was started with (conditions, loaders) is for sources; a worker is built.
    execArgv: [],
    ...(resourceLimits === undefined ? {} : { resourceLimits }),
  });
  // The worker alone does not keep the process alive.
  worker.unref();
  return {
    post: (message) => worker.postMessage(message),
    onReply: (listener) => worker.on("message", listener),
    onEnd: (listener) => {
      worker.on("error", (error) => listener(String(error)));
      worker.on("exit", () => listener("the worker ended"));
    },
    end: async () => {
      await worker.terminate();
    },
  };
}
