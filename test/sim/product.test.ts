/**
 * The product under the simulator, as each run of the tests has it: seeds, and a part of all small programs, in two
 * processes. The same seeds each time; which part goes by the day, and is told.
 */
import { expect, test } from "vitest";
import { seedLines } from "./batch.ts";
import { type Job, programJobs, programLine, seedJobs } from "./batch-jobs.ts";
import { runJobs } from "./batch-processes.ts";
import type { Mode } from "./config.ts";
import { programCount } from "./small-programs.ts";

const processCount = 2;
/** Seeds of each mode, from 1 on: about four minutes on two cores with nothing else to do. */
const seedCounts: Readonly<Record<Mode, number>> = {
  dense: 400,
  busy: 200,
  plain: 300,
  hot: 200,
  brisk: 500,
};
const ackedMin = 400_000;
/** One of so many parts of the small programs. */
const partCount = 10;
/** Hours, since others may need the machine as well. */
const timeoutMs = 3 * 3_600_000;
const failuresMax = 20;

const days = Math.floor(Date.now() / 86_400_000);
const [part = days % partCount, parts = partCount] = (process.env.SMFS_SIM_PART ?? "")
  .split("/")
  .filter((number) => number !== "")
  .map(Number);

test(
  "[SIM-10] no seed of a test run breaks an invariant",
  async () => {
    const modes = Object.entries(seedCounts) as [Mode, number][];
    const jobs: Job[] = modes.flatMap(([mode, seedCount]) =>
      seedJobs(mode, 1, seedCount, failuresMax),
    );
    const started = performance.now();
    const { seeds } = await runJobs(
      jobs,
      processCount,
      (sums) => sums.seeds.failures.length >= failuresMax,
    );
    console.log(seedLines(seeds, (performance.now() - started) / 1000));
    expect(seeds.failures).toEqual([]);
    expect(seeds.ackedCount).toBeGreaterThanOrEqual(ackedMin);
  },
  timeoutMs,
);

test(
  "[T-4] no small program of this run's share breaks an invariant, wherever it is interrupted",
  async () => {
    console.log(
      `small programs: part ${part} of ${parts} (npm run sim -- small --part ${part}/${parts})`,
    );
    const started = performance.now();
    const { programs } = await runJobs(
      programJobs(programCount, part, parts),
      processCount,
      (sums) => sums.programs.failures.length >= failuresMax,
    );
    console.log(programLine(programs, (performance.now() - started) / 1000));
    expect(programs.failures).toEqual([]);
    expect(programs.programCount).toBeGreaterThan(0);
    expect(programs.deathCount).toBeGreaterThan(programs.programCount);
  },
  timeoutMs,
);
