/** The worker's side of WorkerCalls: one answer to each call, in the order in which they are ready. */
import { parentPort } from "node:worker_threads";
import { present } from "@smfs/core";
import type { CallMessage, ReplyMessage } from "./worker-calls.ts";

/** Answers every call with what `work` makes of its input; what it throws becomes the caller's WorkerError. */
export function serveCalls(work: (input: unknown) => Promise<unknown>): void {
  const port = present(parentPort, "the parent of a worker");
  port.on("message", ({ id, input }: CallMessage) => {
    void answer(work, input).then((reply) =>
      port.postMessage({ id, ...reply } satisfies ReplyMessage),
    );
  });
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
