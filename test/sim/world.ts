/**
 * One run: devices, network, server, users and oracle in virtual time.
 *
 * A run is a configuration, a script and a recording of choices; two runs of the same three are equal event by event.
 */
import { Parked } from "@smfs/core";
import { HostedModel } from "../hosted-model/model.ts";
import { hostedQuirks, type Quirks } from "../hosted-model/quirks.ts";
import { SimClock } from "./clock.ts";
import type { SimConfig } from "./config.ts";
import { Coverage } from "./coverage.ts";
import type { Device } from "./device.ts";
import { actForeign } from "./foreigner.ts";
import { calmNet, type NetMoment, SimNet } from "./net.ts";
import { Oracle } from "./oracle.ts";
import { PowerCut } from "./power-cut.ts";
import { checkRest, type RestOptions, unrest } from "./rest.ts";
import { Choices, type Recording, recordedRandom } from "./rng.ts";
import { drain, type Life, Scheduler, settle } from "./sched.ts";
import { drawAction, type Step, type UserAction } from "./script.ts";
import { User } from "./users.ts";
import { Violation } from "./violation.ts";

/** What a device gets from the world it lives in. */
export interface DeviceSeat {
  readonly name: string;
  readonly index: number;
  readonly world: World;
  readonly sched: Scheduler;
  readonly config: SimConfig;
  readonly choices: Choices;
  /** A clock for one life of the device. */
  clock(life: Life): SimClock;
  /** The network for one life of the device. */
  net(life: Life): SimNet;
  /** A step of the protocol on this device is about to happen: the user, or a crash, may come first. */
  moment(label: string): void;
  /** The process may die at this change of the disk: throws `PowerCut` when it does. */
  atDiskChange(life: Life): void;
  /** The same just before a commit: bytes may have changed, rows have not. */
  atCommit(life: Life): void;
  readonly model: HostedModel;
}

export type DeviceFactory = (seat: DeviceSeat) => Device;

export interface Outcome {
  readonly violation: { readonly rule: string; readonly message: string } | undefined;
  readonly ackedCount: number;
  readonly eventCount: number;
  readonly virtualMs: number;
  readonly traceHash: number;
  readonly serverWriteCount: number;
  readonly blindOverwriteCount: number;
  readonly blindDeletionCount: number;
  readonly recording: Recording;
  readonly coverage: ReadonlyMap<string, number>;
}

export interface RunOptions {
  readonly config: SimConfig;
  readonly script: readonly Step[];
  readonly recording?: Recording;
  readonly factory: DeviceFactory;
  /** Called with each line of the trace. */
  readonly trace?: (at: number, label: string) => void;
}

/** Events of one run; more is a loop. */
const eventsMax = 400_000;
/** Actions of the adversary for each one of the script: they cause protocol steps, which are his chances. */
const adversaryPerStepMax = 2;
/**
 * Virtual milliseconds of quiet that everything must have settled in: with a feed some back-offs, without one some
 * full listings.
 */
const quietMs = { embedded: 10 * 60_000, hosted: 45 * 60_000 };
const sliceMs = 20_000;
const container = "t";

export class World {
  readonly config: SimConfig;
  readonly sched: Scheduler;
  readonly model: HostedModel;
  readonly oracle: Oracle;
  readonly coverage: Coverage = new Coverage();
  readonly choices: Choices;
  readonly devices: Device[] = [];
  readonly users: User[] = [];
  actionCount = 0;
  readonly #options: RunOptions;
  readonly #steps: { ms: number }[] = [];
  readonly #offlineUntil: number[] = [];
  /** False once users rest and faults are off. */
  #isStormy = true;
  /** The device whose user acts in this event. */
  #byUser: string | undefined;
  #adversaryCount = 0;
  /** A user acts: his own doings set off no other user. */
  #isActing = false;
  #violation: Violation | undefined;

  constructor(options: RunOptions) {
    const { config } = options;
    this.#options = options;
    this.config = config;
    this.choices = new Choices(config.seed, options.recording);
    this.sched = new Scheduler(this.choices.stream("schedule"));
    this.sched.onEvent = options.trace;
    this.model = new HostedModel({
      clock: new SimClock(this.sched, undefined),
      random: recordedRandom(this.choices.stream("server"), config.seed + 17),
      quirks: config.quirks,
    });
    for (let index = 0; index < config.deviceCount; index += 1) {
      this.#steps.push({ ms: 0 });
      this.#offlineUntil.push(0);
      this.devices.push(options.factory(this.#seat(index)));
    }
    this.oracle = new Oracle({
      devices: this.devices,
      serverIsExact: isExact(config),
      hasPreconditions: config.quirks.extensions.etag,
      isSolo: isSolo(config),
      docs: () => this.model.table.all(),
    });
    for (const device of this.devices) this.users.push(this.#userAt(device));
    this.model.watch((commit) => this.#guard(() => this.oracle.onCommit(commit)));
  }

  #userAt(device: Device): User {
    const now = (): number => this.sched.now;
    return new User(device, this.oracle, this.config, this.coverage, now, (check) =>
      this.#guard(check),
    );
  }

  get container(): string {
    return container;
  }

  /** Runs it all. To be called from the event loop itself, not from a promise. */
  async run(): Promise<Outcome> {
    try {
      for (const _event of this.#play()) {
        if (settle === undefined) await drain();
        else settle();
      }
    } catch (error) {
      if (error instanceof Violation) this.#violation ??= error;
      else this.#violation ??= new Violation("CRASH", describeError(error));
    }
    for (const device of this.devices) {
      if (device.isUp) device.kill();
      device.end?.();
    }
    return this.#outcome();
  }

  /** The whole run; yields after each event, for its promises to be followed. */
  *#play(): Generator<void> {
    for (const device of this.devices) device.start();
    for (const step of this.#options.script)
      this.sched.at(step.at, `step ${step.do}`, undefined, () => this.#step(step));
    yield* this.#loop(this.config.activeMs + 1);
    yield* this.#comeToRest();
  }

  #outcome(): Outcome {
    const violation = this.#violation;
    return {
      violation: violation && { rule: violation.rule, message: violation.message },
      ackedCount: this.oracle.ackedCount,
      eventCount: this.sched.count,
      virtualMs: this.sched.now,
      traceHash: this.sched.traceHash,
      serverWriteCount: this.oracle.serverWriteCount,
      blindOverwriteCount: this.oracle.blindOverwriteCount,
      blindDeletionCount: this.oracle.blindDeletionCount,
      recording: this.choices.recording(),
      coverage: this.coverage.counts,
    };
  }

  *#loop(until: number): Generator<void> {
    for (;;) {
      const event = this.sched.next(until);
      if (event === undefined) break;
      if (this.sched.count > eventsMax) throw new Violation("LOOP", `${eventsMax} events`);
      this.#byUser = undefined;
      this.#runGuarded(event);
      yield;
      if (this.#violation !== undefined) throw this.#violation;
      this.oracle.check(this.#byUser);
      for (const device of this.devices) {
        const trouble = device.trouble();
        if (trouble !== undefined) throw new Violation("TROUBLE", `${device.name}: ${trouble}`);
      }
    }
    this.sched.now = Math.max(this.sched.now, until);
  }

  /** A process that dies inside a call ends that call and nothing else. */
  #runGuarded(run: () => void): void {
    try {
      run();
    } catch (error) {
      if (!(error instanceof PowerCut)) throw error;
    }
  }

  /** Keeps what the oracle says until the event is over: the product must not see it. */
  #guard(check: () => void): void {
    try {
      check();
    } catch (error) {
      if (!(error instanceof Violation)) throw error;
      this.#violation ??= error;
    }
  }

  *#comeToRest(): Generator<void> {
    this.#isStormy = false;
    this.model.quirks = calmQuirks(this.config.quirks);
    this.model.restart();
    this.#byUser = undefined;
    for (const [index, device] of this.devices.entries()) {
      this.#offlineUntil[index] = 0;
      if (!device.isUp) device.start();
    }
    const options: RestOptions = {
      devices: this.devices,
      docs: () => [...this.model.table.all()],
      oracle: this.oracle,
      isSolo: isSolo(this.config),
      serverIsExact: isExact(this.config),
      actionCount: () => this.actionCount,
    };
    const end = this.sched.now + quietMs[this.config.server];
    let why: string | undefined;
    while (this.sched.now < end) {
      // A call that was parked when they came to rest may have opened a file since.
      for (const user of this.users) user.closeAll();
      for (const device of this.devices) device.confirmDeletes?.();
      yield* this.#loop(this.sched.now + sliceMs);
      why = unrest(options);
      if (why === undefined && !this.config.isPatient) break;
    }
    if (why !== undefined) throw new Violation(why.slice(0, 5), why.slice(7));
    checkRest(options);
  }

  #step(step: Step): void {
    switch (step.do) {
      case "user":
        this.act(step.device, step.action);
        return;
      case "crash":
        this.crash(step.device, step.downMs, step.twice);
        return;
      case "offline":
        this.#offlineUntil[step.device] = this.sched.now + step.ms;
        this.coverage.add("offline");
        return;
      case "clock":
        this.#steps[step.device]!.ms += step.ms;
        this.coverage.add("clock step");
        return;
      case "serverClock":
        this.model.clockStepMs += step.ms;
        this.coverage.add("server clock step");
        return;
      case "serverRestart":
        this.model.restart();
        this.coverage.add("server restart");
        return;
      case "foreign":
        this.actionCount += 1;
        actForeign(this, step);
        return;
    }
  }

  /** The user of a device does something now. */
  act(index: number, action: UserAction): void {
    const device = this.devices[index]!;
    if (!device.isUp || this.#isActing) return;
    this.#isActing = true;
    this.#byUser = device.name;
    this.actionCount += 1;
    try {
      this.users[index]!.act(action);
    } catch (error) {
      if (error instanceof Parked)
        device.whenReady(error.ticket, () => this.#runGuarded(() => this.act(index, action)));
      else if (!(error instanceof PowerCut)) throw error;
    } finally {
      this.#isActing = false;
    }
  }

  /** The process of a device dies, and comes back. */
  crash(index: number, downMs: number, twice: boolean): void {
    const device = this.devices[index]!;
    if (!device.isUp) return;
    const phases = device.view.phases();
    for (const phase of phases.length === 0 ? ["idle"] : phases)
      this.coverage.add(`crash in ${phase}`);
    device.kill();
    this.users[index]!.forget();
    this.sched.after(downMs, `${device.name} starts`, undefined, () => {
      if (device.isUp) return;
      this.oracle.restarted(device.name);
      device.start();
      if (twice) {
        this.coverage.add("double start");
        device.startTwice();
      }
    });
  }

  #seat(index: number): DeviceSeat {
    const { sched, config, choices, model } = this;
    const name = `d${index}`;
    return {
      name,
      index,
      world: this,
      sched,
      config,
      choices,
      model,
      clock: (life) => new SimClock(sched, life, config.clocks[index], this.#steps[index]),
      net: (life) =>
        new SimNet({
          sched,
          model,
          life,
          device: name,
          coverage: this.coverage,
          choices: choices.stream("net"),
          faults: () => (this.#isStormy ? config.net : calmNet),
          isOffline: () => this.#isStormy && this.#offlineUntil[index]! > sched.now,
          onMoment: (moment, label) => this.#netMoment(index, life, moment, label),
          onExecuting: (asked) => {
            this.oracle.asked = asked;
          },
          onExecuted: () => {
            this.oracle.asked = undefined;
          },
          onAnswered: (request, answer) =>
            this.oracle.sights.shown(name, request, answer, sched.now),
        }),
      moment: (label) => this.moment(index, label),
      atDiskChange: (life) => this.#mayDie(index, life, config.diskCrashShare, "a disk change"),
      atCommit: (life) => this.#mayDie(index, life, config.commitCrashShare ?? 0, "a commit"),
    };
  }

  #netMoment(index: number, life: Life, moment: NetMoment, label: string): void {
    if (life.isAlive) this.moment(index, `${moment} ${label}`);
  }

  /** A boundary between two steps of the protocol: the adversary's chance. */
  moment(index: number, label: string): void {
    if (!this.#isStormy || this.#isActing) return;
    const { adversaryShare, momentCrashShare } = this.config;
    const adversary = this.choices.stream("adversary");
    const isFresh = this.#adversaryCount < this.config.actionCount * adversaryPerStepMax;
    if (isFresh && adversaryShare > 0 && adversary.happens(adversaryShare)) {
      this.#adversaryCount += 1;
      // Mostly the user of this very device: that is where the races are.
      const other = adversary.below(4) === 3 ? adversary.below(this.devices.length) : index;
      this.coverage.add(`adversary at ${label.split(" ", 1)[0] ?? ""}`);
      this.sched.note(`adversary ${label}`);
      this.act(
        other,
        drawAction(this.config, () => adversary.fraction()),
      );
    }
    const crash = this.choices.stream("crash");
    if (momentCrashShare > 0 && crash.happens(momentCrashShare)) {
      this.sched.note(`crash at ${label}`);
      this.crash(index, crash.below(3000), crash.below(4) === 3);
    }
  }

  #mayDie(index: number, life: Life, share: number, where: string): void {
    if (!this.#isStormy || share === 0 || !this.choices.stream("crash").happens(share)) return;
    this.coverage.add(`crash at ${where}`);
    this.sched.note(`crash at ${where}`);
    this.crash(index, this.choices.stream("crash").below(3000), false);
    if (!life.isAlive) throw new PowerCut();
  }
}

/** Whether a server stores what it is sent, byte for byte. */
function isExact(config: SimConfig): boolean {
  const { normalise } = config.quirks;
  return !normalise.trim && !normalise.crlf && !normalise.urls && !mayAppend(config);
}

/** Whether a creation that arrives twice may be appended to what is there: a content that nobody has sent. */
function mayAppend({ quirks, net }: SimConfig): boolean {
  const { repost, getByCustomId, staleGet } = quirks;
  // Who can look whether a creation arrived, and whose requests are never late, repeats none.
  const isCreatedOnce = getByCustomId && staleGet.share === 0 && net.ghost === 0;
  return repost === "append" && !isCreatedOnce;
}

/** One device, and nobody else who changes anything. */
function isSolo(config: SimConfig): boolean {
  return config.deviceCount === 1 && !config.hasForeigners && !mayAppend(config);
}

/** The same server without trouble; what it is stays, what goes wrong by chance ends. */
function calmQuirks(quirks: Quirks): Quirks {
  return {
    ...quirks,
    stuckShare: 0,
    failShare: 0,
    lateCommitMs: 0,
    list: { ...hostedQuirks.list, pinned: quirks.list.pinned },
    staleGet: { share: 0, ms: 0 },
  };
}

function describeError(error: unknown): string {
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}
