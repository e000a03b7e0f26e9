/** Many seeds in a row, and what they add up to. */
import { type Mode, modes } from "./config.ts";
import { Coverage } from "./coverage.ts";
import { type Recipe, recipeOf, run } from "./run.ts";
import type { DeviceFactory, Outcome } from "./world.ts";

/** One mode for all seeds, or the one that each seed has in a soak. */
export type Plan = Mode | "soak";

/** Of 20 seeds of a soak, so many are of each mode. */
const soakShares = { dense: 14, busy: 2, plain: 2, hot: 1, brisk: 1 } as const;
const soakRound = modes.flatMap((mode) => Array.from({ length: soakShares[mode] }, () => mode));

/** The mode of a seed: in a soak each seed has its own, so that a row of seeds says all that was run. */
export function modeOf(plan: Plan, seed: number): Mode {
  return plan === "soak" ? (soakRound[seed % soakRound.length] ?? "dense") : plan;
}

/** The modes of a soak, with how many seeds of 20 they have. */
export const soakText: string = modes.map((mode) => `${mode} ${soakShares[mode]}`).join(", ");

export interface Failure {
  readonly seed: number;
  readonly mode: Mode;
  readonly rule: string;
  readonly message: string;
}

export interface Tally {
  seedCount: number;
  ackedCount: number;
  eventCount: number;
  virtualMs: number;
  serverWriteCount: number;
  /** Server versions overwritten unseen, where no precondition could prevent it. */
  blindOverwriteCount: number;
  blindDeletionCount: number;
  /** Seeds run twice, with equal traces. */
  doubleRunCount: number;
  readonly failures: Failure[];
  readonly coverage: Coverage;
}

export interface BatchOptions {
  readonly from: number;
  readonly seedCount: number;
  readonly mode: Plan;
  readonly factory: DeviceFactory;
  /** Stops after so many failures. */
  readonly failuresMax?: number;
  readonly onSeed?: (seed: number, outcome: Outcome) => void;
}

/** Every hundredth seed is run twice. */
const doubleRunEvery = 100;

export function newTally(): Tally {
  return {
    seedCount: 0,
    ackedCount: 0,
    eventCount: 0,
    virtualMs: 0,
    serverWriteCount: 0,
    blindOverwriteCount: 0,
    blindDeletionCount: 0,
    doubleRunCount: 0,
    failures: [],
    coverage: new Coverage(),
  };
}

export async function runBatch(options: BatchOptions): Promise<Tally> {
  const tally = newTally();
  const { from, seedCount, factory } = options;
  for (let seed = from; seed < from + seedCount; seed += 1) {
    const mode = modeOf(options.mode, seed);
    const recipe = recipeOf(seed, mode);
    const outcome = await run(recipe, factory);
    count(tally, outcome);
    if (outcome.violation !== undefined) {
      const { rule, message } = outcome.violation;
      tally.failures.push({ seed, mode, rule, message });
      if (tally.failures.length >= (options.failuresMax ?? 10)) break;
    }
    if (seed % doubleRunEvery === 0) await runAgain(tally, recipe, outcome, seed, mode, factory);
    options.onSeed?.(seed, outcome);
  }
  return tally;
}

async function runAgain(
  tally: Tally,
  recipe: Recipe,
  first: Outcome,
  seed: number,
  mode: Mode,
  factory: DeviceFactory,
): Promise<void> {
  const second = await run(recipe, factory);
  tally.doubleRunCount += 1;
  if (second.traceHash === first.traceHash) return;
  const message = "two runs of this seed differ";
  tally.failures.push({ seed, mode, rule: "DETERMINISM", message });
}

function count(tally: Tally, outcome: Outcome): void {
  tally.seedCount += 1;
  tally.ackedCount += outcome.ackedCount;
  tally.eventCount += outcome.eventCount;
  tally.virtualMs += outcome.virtualMs;
  tally.serverWriteCount += outcome.serverWriteCount;
  tally.blindOverwriteCount += outcome.blindOverwriteCount;
  tally.blindDeletionCount += outcome.blindDeletionCount;
  tally.coverage.merge(outcome.coverage);
}

/** Adds what another process counted. */
export function addTally(
  sum: Tally,
  part: Omit<Tally, "coverage"> & { readonly coverage: readonly (readonly [string, number])[] },
): void {
  sum.seedCount += part.seedCount;
  sum.ackedCount += part.ackedCount;
  sum.eventCount += part.eventCount;
  sum.virtualMs += part.virtualMs;
  sum.serverWriteCount += part.serverWriteCount;
  sum.blindOverwriteCount += part.blindOverwriteCount;
  sum.blindDeletionCount += part.blindDeletionCount;
  sum.doubleRunCount += part.doubleRunCount;
  sum.failures.push(...part.failures);
  sum.coverage.merge(new Map(part.coverage));
}

/** Two lines that say what was run, and how fast. */
export function seedLines(tally: Tally, seconds: number): string {
  const { seedCount, ackedCount, eventCount, virtualMs, doubleRunCount } = tally;
  return [
    `${seedCount} seeds, ${ackedCount} acknowledged writes, ${eventCount} events, ` +
      `${(virtualMs / 86_400_000).toFixed(1)} simulated days, ${doubleRunCount} run twice`,
    `${(seedCount / seconds).toFixed(1)} seeds/s, ${(ackedCount / seconds).toFixed(0)} writes/s, ` +
      `${(virtualMs / 1000 / seconds).toFixed(0)} times real time, ` +
      `${tally.serverWriteCount} server writes, ${tally.blindOverwriteCount} unseen overwrites, ${tally.blindDeletionCount} unseen deletions`,
  ].join("\n");
}
