/** What a test run of the simulator comes past: whatever it never reaches, it cannot test. */
import { expect, test } from "vitest";
import { wanted } from "./coverage-wanted.ts";
import { coverageOf } from "./mutants/coverage-run.ts";

/** Seeds of one run: so many that a change which draws other runs does not leave out what is rare. */
const seedCount = 500;

test("[SIM-13] a test run reaches every decision, phase, fault and rare turn that is known to be reachable", async () => {
  const coverage = await coverageOf(1, seedCount);
  expect(coverage.missing(wanted)).toEqual([]);
  expect(coverage.missing(["net ghost", "no such thing"])).toEqual(["no such thing"]);
});
