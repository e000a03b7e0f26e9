/**
 * `npm run torture`: what a kill -9 or a power loss leaves of a real mount (docs/torture.md).
 *
 *   [--cycles N] [--seed S]            kills daemons and servers while programs work, and accounts for every call
 *   --power [--every N] [--losses L]   records a daemon, and opens its store after a power loss at every N-th moment
 *
 * Exit code 1 when something that was acknowledged is missing; the state directory is kept then.
 */
import { parseArgs } from "node:util";
import { lose, record } from "../test/torture/power.ts";
import { torture } from "../test/torture/torture.ts";

const { values } = parseArgs({
  options: {
    cycles: { type: "string", default: "200" },
    calls: { type: "string", default: "250" },
    every: { type: "string", default: "1" },
    losses: { type: "string", default: "1" },
    power: { type: "boolean", default: false },
    quiet: { type: "boolean", default: false },
    seed: { type: "string", default: String(Date.now() % 1_000_000) },
  },
});

/** Findings that are told. */
const findingsMax = 20;
const seed = Number(values.seed);
const begun = performance.now();
const seconds = () => Math.round((performance.now() - begun) / 1000);

try {
  await (values.power ? powerLosses() : kills());
} catch (error) {
  console.error(error instanceof Error ? (error.stack ?? error.message) : String(error));
  process.exitCode = 1;
}

async function kills(): Promise<void> {
  const cycles = Number(values.cycles);
  console.log(`torture: ${cycles} cycles, seed ${seed}`);
  const stopping = new AbortController();
  process.once("SIGINT", () => stopping.abort()).once("SIGTERM", () => stopping.abort());
  const log = values.quiet ? () => undefined : (line: string) => console.log(line);
  const report = await torture({ cycles, seed, log, signal: stopping.signal });
  console.log(report.text(seconds()));
  console.log("every acknowledged call is accounted for");
}

async function powerLosses(): Promise<void> {
  const every = Number(values.every);
  console.log(`power losses: ${values.calls} calls, seed ${seed}`);
  const recording = await record(seed, Number(values.calls));
  console.log(`  recorded ${recording.records.length} writes, syncs and changes of names`);
  const isChosen = (moment: number) => moment % every === 0;
  const report = lose(recording, { losses: Number(values.losses), seed, isChosen });
  for (const finding of report.findings.slice(0, findingsMax)) console.log(`  ${finding}`);
  console.log(`  ${report.losses} power losses at ${report.moments} moments, ${seconds()} s`);
  console.log(`  ${report.findings.length} findings`);
  if (report.findings.length > 0) process.exitCode = 1;
}
