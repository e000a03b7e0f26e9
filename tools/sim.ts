/** `npm run sim -- COMMAND`: the simulator by hand (docs/torture.md). */
import { readFileSync, writeFileSync } from "node:fs";
import { parseArgs } from "node:util";
import { seedLines, soakText, type Tally } from "../test/sim/batch.ts";
import { programJobs, programLine, seedJobs, soakJobs } from "../test/sim/batch-jobs.ts";
import { runJobs } from "../test/sim/batch-processes.ts";
import { type Mode, modes } from "../test/sim/config.ts";
import { productDevice } from "../test/sim/product-device.ts";
import { type Recipe, recipeOf, run } from "../test/sim/run.ts";
import { Shrinker } from "../test/sim/shrink.ts";
import { programCount } from "../test/sim/small-programs.ts";

const usage = `npm run sim -- COMMAND

  run     [--seeds N] [--from S] [--mode M] [--jobs J]   seeds in a row; exit code 1 on any violation
  replay  SEED [--mode M] [--trace]                      one seed, with its trace
  shrink  SEED [--mode M] [--out FILE]                   a small recipe that breaks the same rule
  script  FILE [--trace]                                 a saved recipe
  soak    --acked N [--jobs J] [--from S]                all modes, until so many writes were acknowledged; it says from
                                                         which seed on the next piece goes on
  small   [--part I/N] [--jobs J] [--out FILE]           all programs of up to three operations, or each N-th

  --mode M      ${modes.join(", ")}; plain without it
  --jobs J      processes; 1 without it
  --failures N  violations after which it ends; 10 without it
  --coverage    with run: what was come past, and how often`;

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    help: { type: "boolean", short: "h", default: false },
    seeds: { type: "string", default: "1000" },
    from: { type: "string", default: "1" },
    mode: { type: "string", default: "plain" },
    jobs: { type: "string", default: "1" },
    out: { type: "string" },
    acked: { type: "string", default: "1000000" },
    failures: { type: "string", default: "10" },
    trace: { type: "boolean", default: false },
    part: { type: "string", default: "0/1" },
    coverage: { type: "boolean", default: false },
  },
});

const mode: Mode =
  modes.find((one) => one === values.mode) ?? refuse(`no such mode: ${values.mode}`);
const jobCount = Number(values.jobs);
const [command = "run", target] = positionals;

if (values.help) {
  console.log(usage);
  process.exit(0);
}

/** @throws never: it ends the process */
function refuse(why: string): never {
  console.error(`${why}\n\n${usage}`);
  process.exit(2);
}

switch (command) {
  case "run":
    await runSeeds();
    break;
  case "replay":
    await show(recipeOf(Number(target), mode));
    break;
  case "script":
    await show(JSON.parse(readFileSync(target ?? "", "utf8")) as Recipe);
    break;
  case "shrink":
    await shrink();
    break;
  case "soak":
    await soak();
    break;
  case "small":
    await runSmall();
    break;
  default:
    refuse(`no such command: ${command}`);
}

async function runSeeds(): Promise<void> {
  const started = performance.now();
  const jobs = seedJobs(mode, Number(values.from), Number(values.seeds), Number(values.failures));
  const most = Number(values.failures);
  const { seeds } = await runJobs(jobs, jobCount, (sums) => sums.seeds.failures.length >= most);
  report(seeds, (performance.now() - started) / 1000);
  if (seeds.failures.length > 0) process.exitCode = 1;
}

/** T-4: small programs, all of them or each `of`-th one. */
async function runSmall(): Promise<void> {
  const [part = 0, of = 1] = values.part.split("/").map(Number);
  const started = performance.now();
  let toldAt = 0;
  const { programs } = await runJobs(programJobs(programCount, part, of), jobCount, (sums) => {
    const seconds = (performance.now() - started) / 1000;
    if (seconds - toldAt < 60) return false;
    toldAt = seconds;
    console.error(programLine(sums.programs, seconds));
    return false;
  });
  console.log(programLine(programs, (performance.now() - started) / 1000));
  for (const { program, rule, message } of programs.failures.slice(0, Number(values.failures)))
    console.log(`program ${program}: ${rule}: ${message}`);
  const [first] = programs.failures;
  if (values.out !== undefined && first !== undefined)
    writeFileSync(values.out, `${JSON.stringify(first.recipe)}\n`);
  console.log(`${programs.failures.length} violations`);
  if (programs.failures.length > 0) process.exitCode = 1;
}

function report(tally: Tally, seconds: number): void {
  console.log(seedLines(tally, seconds));
  for (const { seed, mode, rule, message } of tally.failures)
    console.log(`seed ${seed} (${mode}): ${rule}: ${message}`);
  if (values.coverage) console.log(tally.coverage.table());
  console.log(`${tally.failures.length} violations`);
}

async function show(recipe: Recipe): Promise<void> {
  const { script, config } = recipe;
  console.log(JSON.stringify({ ...config, seed: config.seed }));
  for (const step of script) console.log(JSON.stringify(step));
  const trace = (at: number, label: string): void => {
    console.log(`${String(at).padStart(9)} ${label}`);
  };
  const outcome = await run(recipe, productDevice, values.trace ? trace : undefined);
  const { recording: _recording, coverage: _coverage, ...rest } = outcome;
  console.log(rest);
  if (outcome.violation !== undefined) process.exitCode = 1;
}

async function shrink(): Promise<void> {
  const recipe = /^\d+$/.test(target ?? "")
    ? recipeOf(Number(target), mode)
    : (JSON.parse(readFileSync(target ?? "", "utf8")) as Recipe);
  const outcome = await run(recipe, productDevice);
  if (outcome.violation === undefined) {
    console.log("this seed breaks nothing");
    return;
  }
  const shrinker = new Shrinker(recipe, outcome, productDevice, (line) => console.error(line));
  const shrunk = await shrinker.shrink();
  const text = JSON.stringify(shrunk.recipe);
  if (values.out !== undefined) writeFileSync(values.out, `${text}\n`);
  for (const step of shrunk.recipe.script) console.log(JSON.stringify(step));
  console.log(shrunk.outcome.violation);
}

/** Seeds of all modes in turn, until so many writes were acknowledged: pieces of a soak add up. */
async function soak(): Promise<void> {
  const started = performance.now();
  const most = Number(values.failures);
  const acked = Number(values.acked);
  const from = Number(values.from);
  const jobs = soakJobs(from, acked);
  let toldAt = 0;
  const { seeds } = await runJobs(jobs, jobCount, (sums) => {
    const seconds = (performance.now() - started) / 1000;
    if (seconds - toldAt >= 60) {
      toldAt = seconds;
      report(sums.seeds, seconds);
    }
    return sums.seeds.ackedCount >= acked || sums.seeds.failures.length >= most;
  });
  report(seeds, (performance.now() - started) / 1000);
  // Jobs are begun in order, and each that has begun is finished: what was run has no gaps.
  const next = from + seeds.seedCount;
  console.log(
    `soak: seeds ${from} to ${next - 1} (of 20: ${soakText}), ${seeds.ackedCount} acknowledged writes, ` +
      `${seeds.failures.length} violations; it goes on with --from ${next}`,
  );
  if (seeds.failures.length > 0) process.exitCode = 1;
}
