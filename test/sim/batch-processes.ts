/** Runs jobs in several processes: each takes the next one when it has done its last. */
import { type ChildProcess, fork } from "node:child_process";
import { join } from "node:path";
import { addResult, type Job, type JobResult, newSums, type Sums } from "./batch-jobs.ts";

const root = join(import.meta.dirname, "../..");

/**
 * @param onResult called after each job with all that is done so far; what it answers with true ends the rest
 * @throws when a process dies or a job fails by itself
 */
export async function runJobs(
  jobs: readonly Job[],
  processCount: number,
  onResult?: (sums: Sums) => boolean,
): Promise<Sums> {
  const sums = newSums();
  let next = 0;
  let isOver = false;
  const work = async (child: ChildProcess): Promise<void> => {
    for (let job = jobs[next]; job !== undefined && !isOver; job = jobs[next]) {
      next += 1;
      addResult(sums, await ask(child, job));
      if (onResult?.(sums) === true) isOver = true;
    }
  };
  const children = Array.from({ length: Math.min(processCount, jobs.length) }, () =>
    fork(join(import.meta.dirname, "batch-process.ts"), {
      cwd: root,
      execArgv: ["--conditions=source", "--import", "tsx"],
    }),
  );
  try {
    await Promise.all(children.map(work));
  } finally {
    for (const child of children) child.disconnect();
  }
  return sums;
}

function ask(child: ChildProcess, job: Job): Promise<JobResult> {
  return new Promise((resolve, reject) => {
    const onMessage = (answer: { readonly result?: JobResult; readonly error?: string }): void => {
      child.off("exit", onExit);
      if (answer.result === undefined) reject(new Error(answer.error));
      else resolve(answer.result);
    };
    const onExit = (code: number | null): void => {
      child.off("message", onMessage);
      reject(new Error(`a process of the simulator ended with ${code} at ${JSON.stringify(job)}`));
    };
    child.once("message", onMessage);
    child.once("exit", onExit);
    child.send(job);
  });
}
