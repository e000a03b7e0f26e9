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
/** Whether what is not equal at rest (FIN-n) fails the run, too. */
const assertsRest = true;
/** Whether it is four minutes on two cores with nothing else to do, or a short look. */
const isFull = false;

interface Size {
  /** Seeds of each mode, from 1 on. */
  readonly seedCounts: Partial<Readonly<Record<Mode, number>>>;
  readonly ackedMin: number;
  /** One of so many parts of the small programs. */
  readonly parts: number;
}

const full: Size = {
  seedCounts: { dense: 700, busy: 250, plain: 400, hot: 250, brisk: 600 },
  ackedMin: 400_000,
  parts: 10,
};
const short: Size = { seedCounts: { dense: 12, plain: 40, hot: 40 }, ackedMin: 8_000, parts: 200 };
const size = isFull ? full : short;
/** Hours, since others may need the machine as well. */
const timeoutMs = 3 * 3_600_000;
const failuresMax = 20;

const days = Math.floor(Date.now() / 86_400_000);
const [part = days % size.parts, parts = size.parts] = (process.env.SMFS_SIM_PART ?? "")
  .split("/")
  .filter((number) => number !== "")
  .map(Number);

function isAsserted({ rule }: { readonly rule: string }): boolean {
  return assertsRest || !rule.startsWith("FIN-");
}

test(
  "[SIM-10] no seed of a test run breaks an invariant",
  async () => {
    const modes = Object.entries(size.seedCounts) as [Mode, number][];
    const jobs: Job[] = modes.flatMap(([mode, seedCount]) =>
      seedJobs(mode, 1, seedCount, failuresMax),
    );
    const started = performance.now();
    const { seeds } = await runJobs(
      jobs,
      processCount,
      (sums) => sums.seeds.failures.filter(isAsserted).length >= failuresMax,
    );
    console.log(seedLines(seeds, (performance.now() - started) / 1000));
    expect(seeds.failures.filter(isAsserted)).toEqual([]);
    expect(seeds.ackedCount).toBeGreaterThanOrEqual(size.ackedMin);
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
      (sums) => sums.programs.failures.filter(isAsserted).length >= failuresMax,
    );
    console.log(programLine(programs, (performance.now() - started) / 1000));
    expect(programs.failures.filter(isAsserted)).toEqual([]);
    expect(programs.programCount).toBeGreaterThan(0);
    expect(programs.deathCount).toBeGreaterThan(programs.programCount);
  },
  timeoutMs,
);
