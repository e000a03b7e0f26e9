/**
 * Power losses of a real daemon: everything that it does to its state directory while a program works on its mount is
 * recorded, and the store is opened after a power loss at any moment of that (record, replay, verify).
 */
import { createHash } from "node:crypto";
import { mkdirSync, mkdtempSync, readFileSync, realpathSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  O_RDONLY,
  type Random,
  rootIno,
  S_IFDIR,
  S_IFLNK,
  S_IFMT,
  seededRandom,
  silentLogger,
  systemClock,
  systemRandom,
} from "@smfs/core";
import { check, RealByteStore, Store } from "@smfs/store";
import { Actor, compile, outcomeOf, unsureText } from "./actor.ts";
import type { Call } from "./call.ts";
import { Work } from "./draw.ts";
import { look } from "./observe.ts";
import { PowerDisk, writeFiles } from "./power-disk.ts";
import { History } from "./power-history.ts";
import { type LogRecord, readLog } from "./power-log.ts";
import { TortureDevice } from "./torture-device.ts";
import { Tree } from "./tree.ts";

const home = "/power";
/** Where another device works: what comes from there goes through other code. */
const elsewhere = "/elsewhere";
const others = new Set([elsewhere, "/.conflicts"]);
const caller = { uid: 0, gid: 0, pid: 1, umask: 0o022 };
const ticksMax = 5000;
const breachesMax = 10;

/** A recorded run: what the daemon did to its state directory, and the calls that the program made meanwhile. */
export interface Recording {
  readonly records: readonly LogRecord[];
  readonly calls: readonly Call[];
  /** The store's directory below the one that was recorded. */
  readonly store: string;
}

/**
 * Runs a program on the mount of a recorded daemon, and another on that of another device; sends and takes everything,
 * and unmounts.
 */
export async function record(seed: number, callCount: number): Promise<Recording> {
  const dir = realpathSync(mkdtempSync(join(tmpdir(), "smfs-power-")));
  const log = join(dir, "log");
  const random = seededRandom(seed);
  const recorder = compile("recorder.c", join(dir, "recorder.so"), "-shared", "-fPIC", "-ldl");
  const program = compile("actor.c", join(dir, "actor"));
  const stores = join(dir, "one/data/smfs/stores");
  const recorded = { TORTURE_LOG: log, TORTURE_DIR: stores, LD_PRELOAD: recorder };
  const one = new TortureDevice("one", join(dir, "one"), undefined, recorded);
  const two = new TortureDevice("two", join(dir, "two"), one, {});
  await one.useFreePort();
  const actors: Actor[] = [];
  const work = async (device: TortureDevice, below: string, env: NodeJS.ProcessEnv) => {
    const options = { home: below, prefix: device.name, isSmall: true };
    const calls = new Work(random, new Tree(), options).draw(callCount);
    const pauses = calls.map(() => Math.floor(random.next() * 4000));
    const actor = new Actor(program, dir, env);
    actors.push(actor);
    const outcome = outcomeOf(calls, await actor.run("begin", calls, device.mountPath, pauses));
    if (outcome.unsure !== undefined) throw new Error(`a call failed: ${unsureText(outcome)}`);
    await actor.stop();
    return calls;
  };
  try {
    await succeed(one.mount());
    await succeed(two.mount());
    const here = work(one, home, { TORTURE_LOG: log });
    const there = work(two, elsewhere, {});
    const [calls] = await Promise.all([here, there]);
    for (const device of [two, one]) await succeed(device.smfs("sync", device.mountPath));
    look(one.mountPath, elsewhere);
    const store = one.storeDir.slice(stores.length);
    for (const device of [one, two]) await succeed(device.smfs("unmount", device.mountPath));
    return { records: readLog(readFileSync(log)), calls, store };
  } finally {
    for (const actor of actors) await actor.stop();
    for (const device of [two, one]) await device.stop(false);
    rmSync(dir, { recursive: true, force: true });
  }
}

async function succeed(running: Promise<{ code: number | null; out: string }>): Promise<void> {
  const { code, out } = await running;
  if (code !== 0) throw new Error(`exit code ${code}: ${out}`);
}

export interface PowerOptions {
  /** Power losses per moment. */
  readonly losses: number;
  readonly seed: number;
  /** Which moments: each record is one. */
  readonly isChosen: (moment: number) => boolean;
  /**
   * Leaves syncs of files out, by their path below the store: how a daemon that forgets a sync is made. A file has the
   * path it was made under.
   */
  readonly forgets?: (path: string) => boolean;
  /** Stops at the first finding. */
  readonly first?: boolean;
}

export interface PowerReport {
  readonly moments: number;
  readonly losses: number;
  readonly findings: readonly string[];
}

/** Opens the store after power losses at many moments, and says what is wrong with what is found. */
export function lose(recording: Recording, options: PowerOptions): PowerReport {
  const { records, calls, store } = recording;
  const history = new History(calls);
  const random = seededRandom(options.seed);
  const disk = new PowerDisk();
  const findings: string[] = [];
  const dir = realpathSync(mkdtempSync(join(tmpdir(), "smfs-loss-")));
  const madeAs = new Map<number, string>();
  let acknowledged = 0;
  let moments = 0;
  try {
    for (const [moment, one] of records.entries()) {
      if (one.kind === "mark") acknowledged = one.call + 1;
      if (one.kind === "create") madeAs.set(one.inode, one.path.slice(store.length + 1));
      const synced = one.kind === "sync" ? madeAs.get(one.inode) : undefined;
      if (synced === undefined || options.forgets?.(synced) !== true) disk.apply(one);
      if (!options.isChosen(moment)) continue;
      moments += 1;
      for (let loss = 0; loss < options.losses; loss += 1) {
        const found = loseOnce(disk, dir, { store, history, acknowledged, random });
        findings.push(...found.map((text) => `record ${moment}, call ${acknowledged}: ${text}`));
        if (findings.length > 0 && options.first === true)
          return { moments, losses: loss + 1, findings };
      }
    }
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
  return { moments, losses: moments * options.losses, findings };
}

interface Moment {
  readonly store: string;
  readonly history: History;
  readonly acknowledged: number;
  readonly random: Random;
}

/** The machine comes up again: another boot. */
class LaterBoot extends RealByteStore {
  override bootId(): string {
    return "a later boot";
  }
}

function loseOnce(disk: PowerDisk, scratch: string, moment: Moment): string[] {
  const dir = join(scratch, "disk");
  rmSync(dir, { recursive: true, force: true });
  const storeDir = `${dir}${moment.store}`;
  mkdirSync(storeDir, { recursive: true });
  writeFiles(disk.powerLoss(moment.random), dir);
  let store: Store;
  try {
    store = Store.open({
      database: join(storeDir, "store.db"),
      bytes: new LaterBoot(storeDir),
      clock: systemClock,
      random: systemRandom,
      logger: silentLogger,
      owner: { uid: 0, gid: 0 },
      emit: () => undefined,
    });
  } catch (error) {
    return [`the store does not open: ${error instanceof Error ? error.stack : String(error)}`];
  }
  try {
    for (let ticks = 0; store.nextTickMs() === 0 && ticks < ticksMax; ticks += 1) store.tick();
    const breaches = check(store.context, { deep: true }).slice(0, breachesMax);
    return [
      ...breaches.map(({ invariant, detail }) => `${invariant}: ${detail}`),
      ...verify(store, moment),
    ];
  } catch (error) {
    return [`the store fails: ${error instanceof Error ? error.stack : String(error)}`];
  } finally {
    store.close();
  }
}

interface Found {
  readonly kind: "file" | "directory" | "symlink";
  readonly ino: number;
}

/** Names as after some number of calls that were made, all durable ones included; bytes that were synced. */
function verify(store: Store, { history, acknowledged }: Moment): string[] {
  const found = namesOf(store);
  const least = history.durable(acknowledged);
  let wrong: string[] | undefined;
  // An exchange changes no name: the moment that fits is the one whose bytes fit, too.
  for (let calls = acknowledged + 1; calls >= least; calls -= 1) {
    const names = history.names[calls];
    if (names === undefined || !sameNames(names, found)) continue;
    const differing = [...names].flatMap(([path, node]) => {
      const there = found.get(path);
      if (node.kind !== "file" || there === undefined) return [];
      const why = wrongBytes(store, there.ino, history, history.expected(node, acknowledged));
      return why === undefined ? [] : [`${path}: ${why}`];
    });
    if (differing.length === 0) return [];
    wrong ??= differing;
  }
  if (wrong !== undefined) return wrong;
  const wanted = history.names[least] ?? new Map();
  const missing = [...wanted.keys()].filter((path) => !found.has(path));
  const extra = [...found.keys()].filter((path) => !wanted.has(path));
  return [`names as after no call from ${least} on; missing ${missing}; too many ${extra}`];
}

function sameNames(
  wanted: ReadonlyMap<string, { readonly kind: string }>,
  found: ReadonlyMap<string, Found>,
): boolean {
  if (wanted.size !== found.size) return false;
  return [...wanted].every(([path, { kind }]) => found.get(path)?.kind === kind);
}

function wrongBytes(
  store: Store,
  ino: number,
  history: History,
  expected: ReturnType<History["expected"]>,
): string | undefined {
  const { stub, base } = {
    stub: store.context.inodes.get(ino).stub === 1,
    base: hashOf(store, ino),
  };
  const { exact, versions } = expected;
  // Damaged and clean: it is at the server, and fetched again.
  if (stub) {
    const isHeld = [...(exact === undefined ? versions : [exact])].some(
      (one) => sha256(one) === base,
    );
    return isHeld ? undefined : "is to be fetched from the server, which has never had it";
  }
  const bytes = bytesOf(store, ino);
  if (exact !== undefined) {
    return bytes.equals(exact)
      ? undefined
      : `${bytes.length} bytes are not the ${exact.length} synced ones`;
  }
  if (history.isKnown(bytes)) return undefined;
  const isMixed = bytes.every(
    (byte, at) => byte === 0 || versions.some((version) => version[at] === byte),
  );
  const sizeMax = Math.max(0, ...versions.map(({ length }) => length));
  if (isMixed && bytes.length <= sizeMax) return undefined;
  return `${bytes.length} bytes that nobody wrote`;
}

function sha256(bytes: Buffer): string {
  return createHash("sha256").update(bytes).digest("hex");
}

function hashOf(store: Store, ino: number): string | null {
  return (
    store.context.entries.ofInode(ino).find(({ state }) => state === "live")?.base_hash ?? null
  );
}

function bytesOf(store: Store, ino: number): Buffer {
  const { fh } = store.open(ino, O_RDONLY, caller);
  try {
    const bytes = Buffer.alloc(store.getattr(ino).size);
    const count = store.read(fh, bytes, 0);
    return bytes.subarray(0, count);
  } finally {
    store.release(fh);
  }
}

/** Every name but those that the program has not made. */
function namesOf(store: Store): Map<string, Found> {
  const found = new Map<string, Found>();
  const walk = (directory: number, path: string): void => {
    const fh = store.opendir(directory);
    const children: { name: string; ino: number }[] = [];
    store.readdir(fh, 0, ({ name, ino }) => children.push({ name, ino }) > 0);
    store.releasedir(fh);
    for (const { name, ino } of children) {
      if (name === "." || name === ".." || others.has(`${path}/${name}`)) continue;
      const type = store.getattr(ino).mode & S_IFMT;
      const kind = type === S_IFDIR ? "directory" : type === S_IFLNK ? "symlink" : "file";
      found.set(`${path}/${name}`, { kind, ino });
      if (kind === "directory") walk(ino, `${path}/${name}`);
    }
  };
  walk(rootIno, "");
  return found;
}
