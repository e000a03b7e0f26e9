/** The worker's side of WorkerCalls: one answer to each call, in the order in which they are ready. */
import { parentPort, Worker } from "node:worker_threads";
import type { CallMessage, ReplyMessage } from "./worker-calls.ts";

/** Answers every call with what `work` makes of its input; what it throws becomes the caller's WorkerError. */
export function serveCalls(work: (input: unknown) => Promise<unknown>): void {
  const serve = (send: (reply: ReplyMessage) => void) => (message: unknown) => {
    const { id, input } = message as CallMessage;
    void answer(work, input).then((reply) => send({ id, ...reply }));
  };
  if (parentPort !== null) {
    const port = parentPort;
    port.on(
      "message",
      serve((reply) => port.postMessage(reply)),
    );
    return;
  }
  // A process of its own, which ends with its parent.
  new Worker(new URL("./parent-watch-worker.js", import.meta.url), { workerData: process.ppid });
  process.on(
    "message",
    serve((reply) => void process.send?.(reply)),
  );
  process.once("disconnect", () => process.exit());
}

async function answer(
  work: (input: unknown) => Promise<unknown>,
  input: unknown,
): Promise<{ readonly output: unknown } | { readonly error: string }> {
  try {
    return { output: await work(input) };
  } catch (error) {
    return { error: error instanceof Error ? error.message : String(error) };
  }
}
