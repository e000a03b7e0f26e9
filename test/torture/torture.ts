/**
 * Kills the processes of real mounts again and again while programs work on them, and accounts for every call that
 * was acknowledged: on the mount, in the store, at the server and on another device.
 */
import { mkdirSync, mkdtempSync, realpathSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Random, seededRandom } from "@smfs/core";
import { serverTree } from "../e2e/server-view.ts";
import { digest } from "../e2e/trees.ts";
import { Actor, type Answers, compile, type Outcome, outcomeOf, unsureText } from "./actor.ts";
import type { Call } from "./call.ts";
import { sharedDirectory, Work } from "./draw.ts";
import { differences, judge, look, type Sight, sightOf } from "./observe.ts";
import { Report } from "./report.ts";
import { checkCopy } from "./store-check.ts";
import { container, killNow, TortureDevice } from "./torture-device.ts";
import { Tree } from "./tree.ts";

export interface TortureOptions {
  readonly cycles: number;
  readonly seed: number;
  /** Takes a line for each cycle. */
  readonly log: (line: string) => void;
  /** Ends the run after the cycle that is under way. */
  readonly signal?: AbortSignal;
}

/** Something that was acknowledged is not there, or something else is. The state directory is kept. */
export class Violation extends Error {
  constructor(what: string, lines: readonly string[], dir: string) {
    super(`${what}\n${lines.map((line) => `  ${line}`).join("\n")}\n  kept in ${dir}`);
    this.name = "Violation";
  }
}

/** One user of a device: what it holds, in a directory that only it changes. */
interface Seat {
  readonly device: TortureDevice;
  readonly home: string;
  tree: Tree;
  /** Lines it was told "ok" for in files that others append to as well. */
  readonly lines: string[];
}

/** One user's part of a cycle. */
interface Shift {
  readonly seat: Seat;
  readonly actor: Actor;
  readonly calls: readonly Call[];
  readonly before: Tree;
  readonly answers: Promise<Answers>;
}

const callsMax = 350;
const syncMsMax = 180_000;
/** Answers to a call whose daemon is killed under it: not connected, connection aborted, input/output, bad page. */
const deathErrnos = new Set([107, 103, 5, 14]);

/** @throws Violation, and an Error when a command of ours fails that should not */
export async function torture(options: TortureOptions): Promise<Report> {
  const dir = realpathSync(mkdtempSync(join(tmpdir(), "smfs-torture-")));
  const run = new Torture(dir, options);
  let isDone = false;
  try {
    await run.all();
    isDone = true;
    return run.report;
  } finally {
    await run.stop(isDone);
    if (isDone) rmSync(dir, { recursive: true, force: true });
  }
}

class Torture {
  readonly report = new Report();
  readonly #dir: string;
  readonly #options: TortureOptions;
  readonly #random: Random;
  readonly #program: string;
  readonly #seats: readonly [Seat, Seat];
  readonly #actors = new Set<Actor>();

  constructor(dir: string, options: TortureOptions) {
    this.#dir = dir;
    this.#options = options;
    this.#random = seededRandom(options.seed);
    this.#program = compile("actor.c", join(dir, "actor"));
    const one = new TortureDevice("one", join(dir, "one"), undefined, {});
    const two = new TortureDevice("two", join(dir, "two"), one, {});
    const seat = (device: TortureDevice): Seat => ({
      device,
      home: `/${device.name}`,
      tree: new Tree(),
      lines: [],
    });
    this.#seats = [seat(one), seat(two)];
  }

  async all(): Promise<void> {
    const [one, two] = this.#seats;
    await one.device.useFreePort();
    await this.#mount(one);
    mkdirSync(`${one.device.mountPath}${sharedDirectory}`);
    await this.#sync(one);
    await this.#mount(two);
    for (let cycle = 1; cycle <= this.#options.cycles; cycle += 1) {
      if (this.#options.signal?.aborted === true) break;
      await this.#cycle(cycle);
    }
    await this.#compareAll("at the end");
    for (const { device } of this.#seats) await this.#ok(device, "unmount", device.mountPath);
  }

  async stop(remove: boolean): Promise<void> {
    for (const actor of this.#actors) await actor.stop();
    for (const { device } of [...this.#seats].reverse()) await device.stop(remove);
  }

  #below(end: number): number {
    return Math.floor(this.#random.next() * end);
  }

  #chance(share: number): boolean {
    return this.#random.next() < share;
  }

  async #cycle(cycle: number): Promise<void> {
    const [one, two] = this.#seats;
    const working = this.#chance(0.5) ? [one, two] : [one];
    // Drawn before anything happens, so that how long things take changes nothing of a seed.
    const killsServer = this.#chance(0.35);
    const killed = this.#seats.filter((_, index) => this.#chance(index === 0 ? 0.75 : 0.3));
    const delayMs = this.#chance(0.8) ? this.#below(700) : this.#below(2500);
    const shifts = working.map((seat) => this.#start(seat, cycle));
    await sleep(delayMs);
    const victims = killed.map(({ device }) => device.daemonPid);
    const server = killsServer ? one.device.serverPid : undefined;
    const dead = await Promise.all([...victims, server].map(killNow));
    this.report.kills.daemon += dead.slice(0, victims.length).filter((isDead) => isDead).length;
    if (dead.at(-1) === true) this.report.kills.server += 1;

    const outcomes = new Map<Seat, Outcome>();
    for (const shift of shifts) outcomes.set(shift.seat, await this.#outcome(shift, killed));
    for (const seat of killed) await this.#restart(seat, cycle);
    for (const shift of shifts) {
      const outcome = outcomes.get(shift.seat);
      if (outcome !== undefined) this.#compareMount(shift, outcome, cycle);
      if (killed.includes(shift.seat)) await this.#outlive(shift, cycle);
      this.#actors.delete(shift.actor);
      await shift.actor.stop();
      shift.seat.tree.handles.clear();
    }
    if (this.#chance(0.4)) {
      if (this.#chance(0.3)) await this.#killWhileSyncing(this.#below(2) === 0 ? one : two);
      await this.#compareAll(`cycle ${cycle}`);
    }
    this.report.cycles += 1;
    const names = [...killed.map(({ device }) => device.name), ...(killsServer ? ["server"] : [])];
    this.#options.log(
      `cycle ${cycle}: killed ${names.join(", ") || "nothing"} after ${delayMs} ms; ${shifts
        .map(({ seat }) => `${seat.device.name}: ${this.#outcomeText(outcomes.get(seat))}`)
        .join("; ")}`,
    );
  }

  #outcomeText(outcome: Outcome | undefined): string {
    return outcome === undefined ? "" : `${outcome.done.length} calls, ${unsureText(outcome)}`;
  }

  #start(seat: Seat, cycle: number): Shift {
    const before = seat.tree.copy();
    const { home, device } = seat;
    const work = new Work(this.#random, seat.tree.copy(), {
      home,
      prefix: `${device.name}.${cycle}`,
    });
    const calls = work.draw(20 + this.#below(callsMax));
    const paceUs = this.#chance(0.3) ? 0 : this.#below(3000);
    const pauses = calls.map(() => this.#below(paceUs + 1));
    const actor = new Actor(this.#program, this.#dir);
    this.#actors.add(actor);
    return {
      seat,
      actor,
      calls,
      before,
      answers: actor.run("begin", calls, device.mountPath, pauses),
    };
  }

  async #outcome(shift: Shift, killed: readonly Seat[]): Promise<Outcome> {
    const { seat, calls } = shift;
    const outcome = outcomeOf(calls, await shift.answers);
    const { done, unsure } = outcome;
    this.report.acknowledged += done.length;
    if (unsure !== undefined) {
      this.report.outlived += done.length - unsure.after;
      if (!killed.includes(seat) || !deathErrnos.has(unsure.errno)) {
        throw this.#violation("a call failed that should not have", [unsureText(outcome)]);
      }
    }
    for (const call of done) if (call.do === "line") seat.lines.push(call.token);
    return outcome;
  }

  /** Mounts again, sometimes with a daemon that is killed while it starts. */
  async #restart(seat: Seat, cycle: number): Promise<void> {
    const breaches = checkCopy(seat.device.storeDir, this.#dir);
    this.report.stores += 1;
    if (breaches.length > 0) {
      const lines = breaches.map(({ invariant, detail }) => `${invariant}: ${detail}`);
      throw this.#violation(`cycle ${cycle}: the store of ${seat.device.name} is not sound`, lines);
    }
    if (this.#chance(0.25)) {
      const delayMs = this.#below(900);
      const mounting = seat.device.mount();
      await sleep(delayMs);
      if (await killNow(seat.device.daemonPid)) this.report.kills.starting += 1;
      await mounting;
    }
    if (seat.device.daemonPid === undefined) await this.#mount(seat);
  }

  #compareMount({ seat, before }: Shift, outcome: Outcome, cycle: number): void {
    const found = look(seat.device.mountPath, seat.home);
    this.report.trees += 1;
    const verdict = judge(before, outcome, found, seat.home);
    if (verdict.fate === undefined) {
      const under = `under way: ${unsureText(outcome)}`;
      const what = `cycle ${cycle}: the mount of ${seat.device.name} is not what was acknowledged`;
      throw this.#violation(what, [...verdict.lines, under]);
    }
    if (outcome.unsure !== undefined) this.report.underway[verdict.fate] += 1;
    seat.tree = verdict.tree;
  }

  /** The program lives on, with handles from before its daemon's death: what they take is acknowledged as well. */
  async #outlive({ seat, actor }: Shift, cycle: number): Promise<void> {
    if (seat.tree.handles.size === 0) return;
    const { home, device } = seat;
    const prefix = `${device.name}.${cycle}.outlived`;
    const before = seat.tree.copy();
    const calls = new Work(this.#random, seat.tree.copy(), { home, prefix }).drawLast();
    const { done } = outcomeOf(calls, await actor.run("more", calls, device.mountPath));
    const writes = done.filter((call) => call.do !== "close").length;
    this.report.outlived += writes;
    this.report.acknowledged += writes;
    const found = look(device.mountPath, home);
    this.report.trees += 1;
    const verdict = judge(before, { done, unsure: undefined }, found, home);
    if (verdict.fate === undefined) {
      const what = `cycle ${cycle}: writes through handles that outlived the daemon of ${device.name}`;
      throw this.#violation(what, verdict.lines);
    }
    seat.tree = verdict.tree;
  }

  async #killWhileSyncing(seat: Seat): Promise<void> {
    const delayMs = this.#below(600);
    const syncing = seat.device.smfs("sync", seat.device.mountPath);
    await sleep(delayMs);
    if (await killNow(seat.device.daemonPid)) this.report.kills.syncing += 1;
    await syncing;
    await this.#mount(seat);
  }

  /** Lets all come to rest, and compares the model, both devices and the server. */
  async #compareAll(when: string): Promise<void> {
    const [one, two] = this.#seats;
    // What one sends, the other may have to keep a conflict version of, which the first has to get.
    for (const seat of [one, two, one, two]) await this.#sync(seat);
    const here = everything(one.device);
    const there = everything(two.device);
    const found = differences(here, there, { links: false });
    if (found.length > 0) throw this.#violation(`${when}: the two devices differ`, found);
    for (const { device, home, tree } of this.#seats) {
      for (const [where, sight] of [
        ["one", here],
        ["two", there],
      ] as const) {
        const lines = differences(sightOf(tree, home), below(sight, home), { links: false });
        const what = `${when}: ${device.name}'s files on ${where}`;
        if (lines.length > 0) throw this.#violation(what, lines);
      }
    }
    await this.#compareServer(here, when);
    this.#compareLines(here, when);
    this.report.servers += 1;
  }

  async #compareServer(here: Sight, when: string): Promise<void> {
    const [{ device }] = this.#seats;
    const held = await serverTree(device, container);
    const lines: string[] = [];
    const seen = new Set<string>();
    for (const [path, one] of here) {
      if (one.kind === "directory") continue;
      seen.add(path.slice(1));
      const wanted = one.kind === "symlink" ? `-> ${one.target}` : digest(one.bytes);
      const other = held.get(path.slice(1));
      if (other !== wanted) lines.push(`${path}: ${other === undefined ? "not there" : "differs"}`);
    }
    for (const path of held.keys()) if (!seen.has(path)) lines.push(`too many: /${path}`);
    if (lines.length > 0) throw this.#violation(`${when}: the server differs`, lines.slice(0, 12));
  }

  /** Every line that a device appended is in the file that was meant, or in a conflict version of it. */
  #compareLines(here: Sight, when: string): void {
    const found = new Set<string>();
    let conflictVersions = 0;
    const wrong: string[] = [];
    for (const [path, one] of here) {
      if (one.kind !== "file") continue;
      const isConflict = path.startsWith("/.conflicts/");
      if (isConflict) conflictVersions += 1;
      if (!isConflict && !path.startsWith(`${sharedDirectory}/`)) continue;
      if (isConflict && !path.startsWith(`/.conflicts${sharedDirectory}/`)) wrong.push(path);
      for (const line of one.bytes.toString("latin1").split("\n")) found.add(line);
    }
    if (wrong.length > 0) {
      throw this.#violation(`${when}: conflict versions of what one device alone changes`, wrong);
    }
    const missing = this.#seats.flatMap(({ lines }) => lines.filter((line) => !found.has(line)));
    if (missing.length > 0) {
      throw this.#violation(
        `${when}: ${missing.length} appended lines are gone`,
        missing.slice(0, 12),
      );
    }
    this.report.conflictVersions = conflictVersions;
    this.report.lines = this.#seats.reduce((sum, { lines }) => sum + lines.length, 0);
  }

  /** `smfs sync` until it says that all is safe: after a kill of the server that takes a moment. */
  async #sync({ device }: Seat): Promise<void> {
    const end = Date.now() + syncMsMax;
    for (;;) {
      const { code, out } = await device.smfs("sync", device.mountPath);
      if (code === 0) return;
      if (Date.now() > end) throw this.#violation(`${device.name} does not come to rest`, [out]);
      await sleep(200);
    }
  }

  async #mount({ device }: Seat): Promise<void> {
    const { code, out } = await device.mount();
    if (code !== 0) throw this.#violation(`${device.name} cannot be mounted`, [out]);
  }

  async #ok(device: TortureDevice, ...args: string[]): Promise<void> {
    const { code, out } = await device.smfs(...args);
    if (code !== 0) throw this.#violation(`smfs ${args.join(" ")}: exit code ${code}`, [out]);
  }

  #violation(what: string, lines: readonly string[]): Violation {
    const warnings = this.#seats.flatMap(({ device }) => device.warnings());
    return new Violation(`seed ${this.#options.seed}: ${what}`, [...lines, ...warnings], this.#dir);
  }
}

/** All of a mount. */
function everything(device: TortureDevice): Sight {
  const sight = new Map(look(device.mountPath, ""));
  sight.delete("");
  return sight;
}

function below(sight: Sight, home: string): Sight {
  return new Map([...sight].filter(([path]) => path === home || path.startsWith(`${home}/`)));
}

function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
