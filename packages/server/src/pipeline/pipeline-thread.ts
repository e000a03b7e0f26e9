/** Where the pipeline's work is done: in a process of its own, or (tests) on the caller's thread. */
import type { Clock } from "@smfs/core";
import { extractHeapMiBMax, extractMemoryMiBMax } from "../extract/limits.ts";
import { WorkerCalls, workerUrl } from "../workers/worker-calls.ts";
import { workerProcess } from "../workers/worker-process.ts";
import { doWork, type WorkInput, type WorkOutput } from "./pipeline-work.ts";

export interface PipelineThread {
  /** @throws WorkerError when the work took longer than `timeoutMs`, or ended its worker */
  work(input: WorkInput, timeoutMs: number): Promise<WorkOutput>;
  close(): Promise<void>;
}

/** Milliseconds without work after which the process ends: its memory is given back. */
const idleMs = 30_000;

export function pipelineWorker(clock: Clock): PipelineThread {
  const calls = new WorkerCalls({
    start: () =>
      workerProcess({
        url: workerUrl(import.meta.url, "pipeline-worker"),
        heapMiBMax: extractHeapMiBMax,
        memoryMiBMax: extractMemoryMiBMax,
      }),
    clock,
    callsMax: 4,
    idleMs,
  });
  return {
    work: async (input, timeoutMs) => (await calls.call(input, timeoutMs)) as WorkOutput,
    close: () => calls.close(),
  };
}

export const pipelineHere: PipelineThread = {
  work: (input) => doWork(input),
  close: () => Promise.resolve(),
};
