// The product under the simulator: it breaks no invariant, and broken on purpose it does.
import { expect, test } from "vitest";
import { runBatch } from "./batch.ts";
import { mutants } from "./mutants.ts";
import { mutatedDevice, productDevice } from "./product-device.ts";

/** Seeds of each mode in a test run; many more are run by hand (docs/torture.md). */
const seedsPerMode = 40;
/** Seeds in which a mutant must be caught. */
const mutantSeedsMax = 60;

for (const mode of ["plain", "hot"] as const) {
  test(`[SIM-10] no seed of ${mode} mode breaks an invariant`, async () => {
    const tally = await runBatch({
      from: 1,
      seedCount: seedsPerMode,
      mode,
      factory: productDevice,
      failuresMax: seedsPerMode,
    });
    // What is not equal at rest (FIN-n) is reported by `npm run sim`; nothing may be lost, replaced or invented.
    expect(tally.failures.filter(({ rule }) => !rule.startsWith("FIN-"))).toEqual([]);
    expect(tally.ackedCount).toBeGreaterThan(seedsPerMode);
  });
}

for (const mutant of mutants) {
  test(`[SIM-9] the simulator sees a client in which ${mutant.breaks}`, async () => {
    const factory = mutatedDevice(mutant.mutate);
    let seedCount = 0;
    let caught: string | undefined;
    for (let seed = 1; seed <= mutantSeedsMax && caught === undefined; seed += 4) {
      for (const mode of ["plain", "hot"] as const) {
        const tally = await runBatch({ from: seed, seedCount: 4, mode, factory, failuresMax: 1 });
        seedCount += tally.seedCount;
        caught ??= tally.failures[0]?.rule;
      }
    }
    expect(caught, `not caught in ${seedCount} seeds`).toBeDefined();
  });
}
