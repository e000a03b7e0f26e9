/** Where the pipeline's work is done: files in processes of their own; in tests on the caller's thread. */
import type { Clock } from "@smfs/core";
import { extractHeapMiBMax, extractMemoryMiBMax } from "../extract/limits.ts";
import { WorkerCalls, workerUrl } from "../workers/worker-calls.ts";
import { workerProcess } from "../workers/worker-process.ts";
import { workerThread } from "../workers/worker-thread.ts";
import { doWork, type WorkInput, type WorkOutput } from "./pipeline-work.ts";

/** Who waits for whom: texts for texts, files for files, and those that take long for each other. */
export type Lane = "texts" | "files" | "slow";
export const lanes: readonly Lane[] = ["texts", "files", "slow"];

export interface PipelineThread {
  /** @throws WorkerError when the work took longer than `timeoutMs`, or ended its worker */
  work(input: WorkInput, timeoutMs: number, lane: Lane): Promise<WorkOutput>;
  close(): Promise<void>;
}

/** Milliseconds without work after which a lane's worker ends: its memory is given back. */
const idleMs = 30_000;

export function pipelineWorker(clock: Clock): PipelineThread {
  const url = workerUrl(import.meta.url, "pipeline-worker");
  const files = () =>
    workerProcess({ url, heapMiBMax: extractHeapMiBMax, memoryMiBMax: extractMemoryMiBMax });
  // A text is what it is: nothing is unpacked, and it takes time in proportion to its length.
  const texts = () =>
    workerThread({
      url,
      data: undefined,
      resourceLimits: { maxOldGenerationSizeMb: extractHeapMiBMax },
    });
  const callsOf = (start: typeof files) => new WorkerCalls({ start, clock, callsMax: 4, idleMs });
  const calls: Readonly<Record<Lane, WorkerCalls>> = {
    texts: callsOf(texts),
    files: callsOf(files),
    slow: callsOf(files),
  };
  return {
    work: async (input, timeoutMs, lane) =>
      (await calls[lane].call(input, timeoutMs)) as WorkOutput,
    close: async () => {
      for (const lane of lanes) await calls[lane].close();
    },
  };
}

export const pipelineHere: PipelineThread = {
  work: (input) => doWork(input),
  close: () => Promise.resolve(),
};
