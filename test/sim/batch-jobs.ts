/** Work for the simulator's processes: what one job is, and how it is done. */
import { addTally, newTally, type Plan, runBatch, type Tally } from "./batch.ts";
import { productDevice } from "./product-device.ts";
import { type ProgramFailure, programAt, runProgram } from "./small-programs.ts";

export type Job =
  | {
      readonly kind: "seeds";
      readonly mode: Plan;
      readonly from: number;
      readonly seedCount: number;
      /** Stops after so many failures. */
      readonly failuresMax: number;
    }
  /** Small programs by their place in the enumeration. */
  | { readonly kind: "programs"; readonly indices: readonly number[] };

/** What small programs add up to. */
export interface ProgramTally {
  programCount: number;
  /** Programs that are shorter ones, since something in them is refused. */
  passedOverCount: number;
  runCount: number;
  deathCount: number;
  ackedCount: number;
  readonly failures: ProgramFailure[];
}

/** As it crosses from process to process. */
export type SeedsPart = Omit<Tally, "coverage"> & {
  readonly coverage: readonly (readonly [string, number])[];
};

export type JobResult =
  | { readonly kind: "seeds"; readonly part: SeedsPart }
  | { readonly kind: "programs"; readonly part: ProgramTally };

export function newProgramTally(): ProgramTally {
  return {
    programCount: 0,
    passedOverCount: 0,
    runCount: 0,
    deathCount: 0,
    ackedCount: 0,
    failures: [],
  };
}

export async function runJob(job: Job): Promise<JobResult> {
  if (job.kind === "programs") return { kind: "programs", part: await runPrograms(job.indices) };
  const { coverage, ...rest } = await runBatch({ ...job, factory: productDevice });
  return { kind: "seeds", part: { ...rest, coverage: [...coverage.counts] } };
}

async function runPrograms(indices: readonly number[]): Promise<ProgramTally> {
  const tally = newProgramTally();
  for (const index of indices) {
    const { runCount, deathCount, ackedCount, failures } = await runProgram(
      programAt(index),
      productDevice,
    );
    if (runCount === 0) tally.passedOverCount += 1;
    else tally.programCount += 1;
    tally.runCount += runCount;
    tally.deathCount += deathCount;
    tally.ackedCount += ackedCount;
    tally.failures.push(...failures);
  }
  return tally;
}

/** Splits seeds into jobs of a few each, so that processes end at about the same time. */
export function seedJobs(mode: Plan, from: number, seedCount: number, failuresMax: number): Job[] {
  const jobs: Job[] = [];
  for (let done = 0; done < seedCount; done += seedsPerJob)
    jobs.push({
      kind: "seeds",
      mode,
      from: from + done,
      seedCount: Math.min(seedsPerJob, seedCount - done),
      failuresMax,
    });
  return jobs;
}

/** Fewer than a seed of a soak acknowledges in the mean. */
const ackedPerSeedMin = 100;

/** Seeds of all modes from `from` on: more than so many acknowledged writes can take. */
export function soakJobs(from: number, acked: number): Job[] {
  return seedJobs("soak", from, Math.ceil(acked / ackedPerSeedMin), failuresPerJob);
}

/** Every `of`-th program, from `part` on (0…of−1), as jobs of a few each. */
export function programJobs(programCount: number, part: number, of: number): Job[] {
  const jobs: Job[] = [];
  let indices: number[] = [];
  for (let index = part; index < programCount; index += of) {
    indices.push(index);
    if (indices.length < programsPerJob) continue;
    jobs.push({ kind: "programs", indices });
    indices = [];
  }
  if (indices.length > 0) jobs.push({ kind: "programs", indices });
  return jobs;
}

const seedsPerJob = 20;
/** A job of a soak does all its seeds, so that what was run is a row without gaps. */
const failuresPerJob = seedsPerJob + 1;
const programsPerJob = 10;

export function addPrograms(sum: ProgramTally, part: ProgramTally): void {
  sum.programCount += part.programCount;
  sum.passedOverCount += part.passedOverCount;
  sum.runCount += part.runCount;
  sum.deathCount += part.deathCount;
  sum.ackedCount += part.ackedCount;
  sum.failures.push(...part.failures);
}

/** What all jobs add up to. */
export interface Sums {
  readonly seeds: Tally;
  readonly programs: ProgramTally;
}

export function newSums(): Sums {
  return { seeds: newTally(), programs: newProgramTally() };
}

export function addResult(sums: Sums, result: JobResult): void {
  if (result.kind === "seeds") addTally(sums.seeds, result.part);
  else addPrograms(sums.programs, result.part);
}

/** One line that says what was run, and how fast. */
export function programLine(tally: ProgramTally, seconds: number): string {
  const { programCount, passedOverCount, runCount, deathCount, ackedCount, failures } = tally;
  return (
    `${programCount} programs (${passedOverCount} passed over), ${runCount} runs with ${deathCount} deaths, ` +
    `${ackedCount} acknowledged writes, ${failures.length} violations, ${(runCount / seconds).toFixed(0)} runs/s`
  );
}
