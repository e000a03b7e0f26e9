/**
 * `npm run sim:mutate`: does the simulator see each mutant, and how soon?
 *
 *   [--only ID,ID] [--repeats R] [--max N] [--jobs J]   the table; exit 1 when a bound is missed
 *   --only ID --seed S                                  one seed of a mutant, with its trace
 *
 * Repeats are independent: each has seeds of its own. Bounds: docs/torture.md.
 */
import { type ChildProcess, fork } from "node:child_process";
import { availableParallelism } from "node:os";
import { parseArgs } from "node:util";
import { mutants } from "../test/sim/mutants/catalogue.ts";
import { type Catch, hunt, preparePair, seedsMax } from "../test/sim/mutants/hunt.ts";
import type { Mutant } from "../test/sim/mutants/mutant.ts";
import { type Found, judge, tableOf } from "../test/sim/mutants/table.ts";

/** What a worker process is asked for, and what it answers. */
interface Task {
  readonly id: string;
  readonly repeats: number;
  readonly countMax: number;
}

interface Answer {
  readonly id: string;
  readonly catches: readonly Catch[];
  /** Why it could not be built. */
  readonly problem?: string;
}

const { values } = parseArgs({
  options: {
    only: { type: "string" },
    repeats: { type: "string", default: "20" },
    max: { type: "string", default: String(seedsMax) },
    jobs: { type: "string", default: String(availableParallelism()) },
    seed: { type: "string" },
    worker: { type: "boolean", default: false },
  },
});

if (values.worker) serve();
else if (values.seed !== undefined) await show(chosen()[0], Number(values.seed));
else await mutate();

function chosen(): Mutant[] {
  const ids = values.only?.split(",");
  const found = mutants.filter(({ id }) => ids?.includes(id) ?? true);
  const unknown = ids?.filter((id) => !mutants.some((mutant) => mutant.id === id)) ?? [];
  if (unknown.length > 0) throw new Error(`no such mutant: ${unknown.join(", ")}`);
  return found;
}

/** One seed, traced: first the mutated product, then what the sound one says. */
async function show(mutant: Mutant | undefined, seed: number): Promise<void> {
  if (mutant === undefined) throw new Error("--seed needs --only with one mutant");
  const pair = await preparePair(mutant);
  const mutated = await pair.mutated.runSeed(mutant.id, seed, true, (at, label) => {
    console.log(`${String(at).padStart(9)} ${label}`);
  });
  const sound = await (await pair.sound()).runSeed(mutant.id, seed, false);
  console.log({ mutated: mutated.violation, sound: sound.violation });
}

async function mutate(): Promise<void> {
  const list = chosen();
  const repeats = Number(values.repeats);
  const countMax = Number(values.max);
  const tasks = list.map(({ id }): Task => ({ id, repeats, countMax }));
  const catches = new Map<string, readonly Catch[]>();
  const problems: string[] = [];
  await inWorkers(tasks, Number(values.jobs), ({ id, catches: more, problem }) => {
    catches.set(id, more);
    if (problem !== undefined) problems.push(`${id}: ${problem}`);
    const counts = more.map(({ isCaught, seedCount }) => (isCaught ? seedCount : "–")).join(" ");
    const rules = [...new Set(more.flatMap(({ rule }) => rule ?? []))].sort().join(" ");
    console.error(`${catches.size} of ${tasks.length} ${id}: ${counts} [${rules}]`);
  });
  const found = list.map((mutant): Found => ({ mutant, catches: catches.get(mutant.id) ?? [] }));
  console.log(tableOf(found));
  const missed = [...problems, ...found.flatMap((one) => judge(one))];
  for (const line of missed) console.log(line);
  console.log(`${list.length} mutants, ${repeats} repeats, ${missed.length} bounds missed`);
  if (missed.length > 0) process.exitCode = 1;
}

/** Hands tasks to worker processes, one at a time each. */
async function inWorkers(
  tasks: Task[],
  jobs: number,
  onAnswer: (answer: Answer) => void,
): Promise<void> {
  const queue = [...tasks];
  await Promise.all(Array.from({ length: Math.max(1, jobs) }, () => oneWorker(queue, onAnswer)));
}

function oneWorker(queue: Task[], onAnswer: (answer: Answer) => void): Promise<void> {
  const child: ChildProcess = fork(import.meta.filename, ["--worker"], {
    execArgv: process.execArgv,
  });
  return new Promise((resolve, reject) => {
    const next = (): void => {
      const task = queue.shift();
      if (task === undefined) child.disconnect();
      else child.send(task);
    };
    child.on("message", (answer: Answer) => {
      onAnswer(answer);
      next();
    });
    child.on("error", reject);
    child.on("exit", (code) => {
      if (code === 0) resolve();
      else reject(new Error(`a worker process ended with ${code}`));
    });
    next();
  });
}

/** The worker: one mutant after the other, each with all its repeats. */
function serve(): void {
  process.on("message", (task: Task) => {
    void answer(task);
  });
}

async function answer({ id, repeats, countMax }: Task): Promise<void> {
  const mutant = mutants.find((one) => one.id === id);
  if (mutant === undefined) throw new Error(`no such mutant: ${id}`);
  const catches: Catch[] = [];
  try {
    const pair = await preparePair(mutant);
    for (let repeat = 0; repeat < repeats; repeat += 1)
      catches.push(await hunt(mutant, pair, repeat, countMax));
    process.send?.({ id, catches } satisfies Answer);
  } catch (error) {
    const problem = error instanceof Error ? error.message : String(error);
    process.send?.({ id, catches, problem } satisfies Answer);
  }
}
