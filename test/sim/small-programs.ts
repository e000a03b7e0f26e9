/**
 * T-4: every small program, with a fault at every point of the sync that follows it.
 *
 * A program is up to three operations of a user on two files, one of them in a directory, on an empty mount or on one
 * that is in sync. It runs once undisturbed; then once for each point at which the process can die, with the request
 * that is under way at that moment carried out or lost, and once for each request whose answer, or which itself, is
 * lost. Nothing is drawn: each run is a recipe, and can be saved, replayed and shrunk like any other.
 */
import { embeddedQuirks, hostedQuirks } from "../hosted-model/quirks.ts";
import { trueClock } from "./clock.ts";
import type { SimConfig } from "./config.ts";
import { calmNet } from "./net.ts";
import type { Recording } from "./rng.ts";
import { onMacrotask, type Recipe, run } from "./run.ts";
import type { Step, UserAction } from "./script.ts";
import { type DeviceFactory, type Outcome, World } from "./world.ts";

/** What a program is made of. Paths are numbers of `files`; a deed on a file that is there takes the n-th there is. */
const operations: readonly UserAction[] = [
  { deed: "save", path: 0, other: 1 },
  { deed: "save", path: 1, other: 1 },
  { deed: "append", path: 0, other: 1 },
  { deed: "extend", path: 0, other: 1 },
  { deed: "empty", path: 0, other: 1 },
  { deed: "atomicSave", path: 0, other: 1 },
  { deed: "unlink", path: 0, other: 0 },
  { deed: "unlink", path: 1, other: 0 },
  { deed: "rename", path: 0, other: 0 },
  { deed: "rename", path: 0, other: 1 },
  { deed: "rename", path: 1, other: 0 },
  { deed: "exchange", path: 0, other: 1 },
  { deed: "link", path: 0, other: 1 },
  { deed: "moveDirectory", path: 0, other: 0 },
];
const files = ["/a", "/d/b"];
/** Operations of one program. */
const lengthMax = 3;

export interface Program {
  /** Its place in the enumeration. */
  readonly index: number;
  readonly operations: readonly UserAction[];
  /** Both files are there and in sync before it begins. */
  readonly isSynced: boolean;
  /** Milliseconds from one operation to the next: at once, or while the one before is being pushed. */
  readonly gapMs: number;
  readonly server: SimConfig["server"];
}

/** When the program begins; what was there before is in sync then. */
const beginMs = 5_000;
/** How long after its last operation something may still go wrong. */
const cycleMs = 4_000;
/** Less than any choice that is made here, and more than 0: with it each possible fault is a choice of its own. */
const share = 1e-6;
/** The choices of one in a million for a request: itself lost, its answer lost. */
const top = (1 << 20) - 1;
const lostRequestShare = 0.25;
const lostResponseShare = 0.25;
const choose = (fraction: number): number => Math.floor(fraction * (1 << 20));
const lostRequest = choose(0.8);
const lostResponse = choose(0.6);
/** A process that died is down for some 20 ms. */
const downChoice = choose(20 / 3000) + 1;

/** All programs, in a fixed order. */
function* programs(): Generator<Program> {
  let index = 0;
  for (const server of ["embedded", "hosted"] as const)
    for (const isSynced of [false, true])
      for (let length = 1; length <= lengthMax; length += 1)
        for (const chosen of sequences(length))
          for (const gapMs of gapsOf(server, length)) {
            yield { index, operations: chosen, isSynced, gapMs, server };
            index += 1;
          }
}

/** Three operations follow each other while the ones before are pushed, and at the product's own server. */
function gapsOf(server: SimConfig["server"], length: number): readonly number[] {
  if (length === 1) return [0];
  if (length === 2) return [0, 120];
  return server === "embedded" ? [120] : [];
}

function* sequences(length: number): Generator<readonly UserAction[]> {
  if (length === 0) {
    yield [];
    return;
  }
  for (const before of sequences(length - 1))
    for (const last of operations) yield [...before, last];
}

const all: readonly Program[] = [...programs()];

/** Programs in the enumeration. */
export const programCount: number = all.length;

/** @param index 0…programCount−1 */
export function programAt(index: number): Program {
  const program = all[index];
  if (program === undefined)
    throw new Error(`there is no program ${index}: there are ${all.length}`);
  return program;
}

function configOf(program: Program): SimConfig {
  const { server, gapMs } = program;
  const hosted = { ...hostedQuirks, processingMs: [200, 200] as const };
  return {
    seed: 1,
    deviceCount: 1,
    server,
    quirks: server === "hosted" ? hosted : embeddedQuirks,
    net: { ...calmNet, lostRequest: lostRequestShare, lostResponse: lostResponseShare },
    clocks: [trueClock],
    files,
    directories: ["/d"],
    deeds: [...new Set(operations.map(({ deed }) => deed))],
    actionCount: 0,
    activeMs: beginMs + gapMs * lengthMax + cycleMs,
    adversaryShare: 0,
    momentCrashShare: share,
    diskCrashShare: share,
    crashCount: 0,
    offlineCount: 0,
    hasForeigners: false,
    hasServerRestarts: false,
    binaryShare: 0,
    isPatient: false,
    pollIntervalS: 30,
    sweepIntervalS: 60,
  };
}

function scriptOf({ isSynced, operations: chosen, gapMs }: Program): Step[] {
  const step = (at: number, action: UserAction): Step => ({ at, do: "user", device: 0, action });
  const first = isSynced ? operations.slice(0, 2).map((action) => step(0, action)) : [];
  return [...first, ...chosen.map((action, index) => step(beginMs + index * gapMs, action))];
}

/** The program without any fault. */
export function recipeOf(program: Program, recording: Recording = {}): Recipe {
  return { config: configOf(program), script: scriptOf(program), recording };
}

/** Where faults can be put into a program. */
interface Course {
  readonly outcome: Outcome;
  /**
   * Choices of whether the process dies, from the first operation on, each with the requests that are under way then:
   * one for each state of disk, server and network that a process can leave.
   */
  readonly deaths: readonly { readonly choice: number; readonly underWay: readonly number[] }[];
  /** Numbers of the requests that are made from the first operation on. */
  readonly requests: readonly number[];
  /** An operation was refused: what is left of the program is a shorter one. */
  readonly isRefused: boolean;
}

/** Runs a program undisturbed and notes its course. */
async function follow(program: Program, factory: DeviceFactory): Promise<Course> {
  const { config, script } = recipeOf(program);
  const world = new World({ config, script, factory, recording: {} });
  const deaths: { choice: number; underWay: readonly number[] }[] = [];
  const requests: number[] = [];
  const underWay: { readonly label: string; readonly request: number }[] = [];
  let requestCount = 0;
  let writeCount = 0;
  const { moment } = world;
  world.moment = (index, label) => {
    const kind = label.slice(0, label.indexOf(" "));
    const request = label.slice(kind.length + 1);
    if (kind === "send") {
      underWay.push({ label: request, request: requestCount });
      if (world.sched.now >= beginMs) requests.push(requestCount);
      requestCount += 1;
    }
    moment.call(world, index, label);
    if (kind !== "execute") return;
    writeCount += 1;
    const place = underWay.findIndex((one) => one.label === request);
    if (place >= 0) underWay.splice(place, 1);
  };
  const crash = world.choices.stream("crash");
  const { happens } = crash;
  let lastLeft = "";
  crash.happens = (chance) => {
    const requestsUnderWay = underWay.map(({ request }) => request);
    // A process that dies a moment later leaves the same, as long as nothing has changed anywhere.
    const left = `${world.devices[0]?.diskStamp?.()} ${writeCount} ${requestsUnderWay.join()}`;
    if (world.sched.now >= beginMs && left !== lastLeft)
      deaths.push({ choice: crash.made.length, underWay: requestsUnderWay });
    lastLeft = left;
    return happens.call(crash, chance);
  };
  const outcome = await onMacrotask(() => world.run());
  const isRefused = [...outcome.coverage.keys()].some((key) => key.startsWith("errno "));
  return { outcome, deaths, requests, isRefused };
}

/** Choices of a request: its fate, and the time there and back. */
const choicesPerRequest = 3;
/** Choice after these for one that is lost: the connection is reset at once. */
const isReset = top;

/** A recording in which nothing happens but what `made` says. */
function only(made: ReadonlyMap<number, readonly number[]>): number[] {
  const choices: number[] = [];
  for (const [at, values] of made)
    for (const [index, value] of values.entries()) choices[at + index] = value;
  return Array.from(choices, (choice) => choice ?? 0);
}

function* faultsOf({ deaths, requests }: Course): Generator<Recording> {
  for (const { choice, underWay } of deaths) {
    const crash = only(new Map([[choice, [top, downChoice, 0]]]));
    yield { crash };
    for (const request of underWay)
      yield { crash, net: only(new Map([[request * choicesPerRequest, [lostRequest]]])) };
  }
  for (const request of requests)
    for (const fate of [lostRequest, lostResponse])
      yield { net: only(new Map([[request * choicesPerRequest, [fate, 0, 0, isReset]]])) };
}

export interface ProgramFailure {
  readonly program: number;
  readonly rule: string;
  readonly message: string;
  readonly recipe: Recipe;
}

export interface ProgramResult {
  /** Runs of the program, the undisturbed one included; 0 when it was passed over. */
  readonly runCount: number;
  readonly deathCount: number;
  readonly ackedCount: number;
  readonly failures: readonly ProgramFailure[];
}

/** Runs a program undisturbed, and once with each fault. */
export async function runProgram(program: Program, factory: DeviceFactory): Promise<ProgramResult> {
  const course = await follow(program, factory);
  const failures: ProgramFailure[] = [];
  let ackedCount = 0;
  const judge = (outcome: Outcome, recipe: Recipe): void => {
    ackedCount += outcome.ackedCount;
    if (outcome.violation === undefined) return;
    failures.push({ program: program.index, ...outcome.violation, recipe });
  };
  judge(course.outcome, recipeOf(program));
  if (course.isRefused && failures.length === 0)
    return { runCount: 0, deathCount: 0, ackedCount: 0, failures };
  let runCount = 1;
  for (const recording of faultsOf(course)) {
    const recipe = recipeOf(program, recording);
    judge(await run(recipe, factory), recipe);
    runCount += 1;
  }
  return { runCount, deathCount: course.deaths.length, ackedCount, failures };
}
