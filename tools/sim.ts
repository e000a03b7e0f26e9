/**
 * `npm run sim -- COMMAND`: run | replay SEED | shrink SEED | mutate | soak.
 *
 *   run     [--seeds N] [--from S] [--mode plain|hot] [--jobs J]   seeds in a row; exit 1 on any violation
 *   replay  SEED [--mode M] [--trace]                              one seed, with its trace
 *   shrink  SEED [--mode M] [--out FILE]                           a small recipe that breaks the same rule
 *   script  FILE [--trace]                                         a saved recipe
 *   mutate  [--only NAME] [--repeats R] [--seeds N]                does each mutant get caught, and how soon?
 *   soak    --acked N [--jobs J] [--from S]                        until so many writes were acknowledged
 */
import { spawn } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { parseArgs } from "node:util";
import { addTally, newTally, runBatch, type Tally } from "../test/sim/batch.ts";
import type { Mode } from "../test/sim/config.ts";
import { productDevice } from "../test/sim/product-device.ts";
import { type Recipe, recipeOf, run } from "../test/sim/run.ts";
import { Shrinker } from "../test/sim/shrink.ts";

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    seeds: { type: "string", default: "1000" },
    from: { type: "string", default: "1" },
    mode: { type: "string", default: "plain" },
    jobs: { type: "string", default: "1" },
    out: { type: "string" },
    only: { type: "string" },
    repeats: { type: "string", default: "5" },
    acked: { type: "string", default: "1000000" },
    failures: { type: "string", default: "10" },
    trace: { type: "boolean", default: false },
    json: { type: "boolean", default: false },
    coverage: { type: "boolean", default: false },
  },
});

const mode: Mode = values.mode === "hot" ? "hot" : "plain";
const [command = "run", target] = positionals;

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
  default:
    console.error(`no such command: ${command}`);
    process.exitCode = 2;
}

async function runSeeds(): Promise<void> {
  const started = performance.now();
  const seedCount = Number(values.seeds);
  const tally = await runParallel(Number(values.from), seedCount, Number(values.jobs));
  if (values.json) {
    const { coverage, ...rest } = tally;
    process.stdout.write(`${JSON.stringify({ ...rest, coverage: [...coverage.counts] })}\n`);
    return;
  }
  report(tally, (performance.now() - started) / 1000);
  if (tally.failures.length > 0) process.exitCode = 1;
}

/** Splits seeds over processes; with one job everything runs here. */
async function runParallel(from: number, seedCount: number, jobs: number): Promise<Tally> {
  if (jobs <= 1)
    return runBatch({
      from,
      seedCount,
      mode,
      factory: productDevice,
      failuresMax: Number(values.failures),
    });
  const share = Math.ceil(seedCount / jobs);
  const parts = Array.from({ length: jobs }, (_, job) =>
    runChild(from + job * share, Math.min(share, seedCount - job * share)),
  );
  const tally = newTally();
  for (const part of await Promise.all(parts)) addTally(tally, part);
  return tally;
}

type Part = Parameters<typeof addTally>[1];

function runChild(from: number, seedCount: number): Promise<Part> {
  const args = [
    ...process.execArgv,
    import.meta.filename,
    "run",
    "--json",
    ...["--from", String(from), "--seeds", String(seedCount), "--mode", mode],
    ...["--failures", values.failures],
  ];
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, args, { stdio: ["ignore", "pipe", "inherit"] });
    let out = "";
    child.stdout.on("data", (chunk: Buffer) => {
      out += chunk.toString();
    });
    child.on("error", reject);
    child.on("close", (code) => {
      if (code === 0) resolve(JSON.parse(out) as Part);
      else reject(new Error(`a simulator process ended with ${code}`));
    });
  });
}

function report(tally: Tally, seconds: number): void {
  const { seedCount, ackedCount, eventCount, virtualMs, failures, doubleRunCount } = tally;
  console.log(
    `${seedCount} seeds, ${ackedCount} acknowledged writes, ${eventCount} events, ` +
      `${(virtualMs / 86_400_000).toFixed(1)} simulated days, ${doubleRunCount} run twice`,
  );
  console.log(
    `${(seedCount / seconds).toFixed(1)} seeds/s, ${(ackedCount / seconds).toFixed(0)} writes/s, ` +
      `${(virtualMs / 1000 / seconds).toFixed(0)} times real time, ` +
      `${tally.serverWriteCount} server writes, ${tally.blindOverwriteCount} unseen overwrites`,
  );
  for (const { seed, rule, message } of failures)
    console.log(`seed ${seed} (${mode}): ${rule}: ${message}`);
  if (values.coverage) console.log(tally.coverage.table());
  console.log(`${failures.length} violations`);
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

async function soak(): Promise<void> {
  const started = performance.now();
  const sum = newTally();
  const chunk = 2000;
  for (let from = Number(values.from); sum.ackedCount < Number(values.acked); from += chunk) {
    const tally = await runParallel(from, chunk, Number(values.jobs));
    addTally(sum, { ...tally, coverage: [...tally.coverage.counts] });
    report(sum, (performance.now() - started) / 1000);
    if (sum.failures.length > 0) {
      process.exitCode = 1;
      return;
    }
  }
}
