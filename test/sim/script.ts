/** What users do, and what happens to their devices: a list of steps, drawn once per seed, readable and shrinkable. */
import { type Random, seededRandom } from "@smfs/core";
import type { SimConfig } from "./config.ts";

export type UserDeed =
  /** open(O_TRUNC), write, close. */
  | "save"
  /** A new file renamed over the old one. */
  | "atomicSave"
  | "append"
  /** Replaces one line in place, without truncating. */
  | "edit"
  /** Two saves in the same tick of every clock. */
  | "double"
  /** Writes a line beyond the end, after a hole. */
  | "extend"
  /** Truncates to nothing; creates the file if there is none. */
  | "empty"
  | "unlink"
  /** Deletes and creates anew at once. */
  | "recreate"
  | "rename"
  | "exchange"
  | "mkdir"
  | "rmdir"
  | "moveDirectory"
  | "link"
  | "symlink"
  | "chmod"
  /** Opens a file for writing and keeps it open. */
  | "open"
  | "writeOpen"
  | "close"
  | "map"
  | "storeMapped"
  | "unmap"
  /** Opens a file and writes many lines into it, one by one, before the close. */
  | "burst"
  /** The same on a file that is open, and stays so. */
  | "burstOpen"
  /** Many saves, appends and edits of one file after another, all in one tick. */
  | "flurry"
  /** Writes or removes the pattern of what stays on the device: names that end in `~`. */
  | "ignore";

export interface UserAction {
  readonly deed: UserDeed;
  /** Index into the run's files or directories. */
  readonly path: number;
  /** A second path, where the deed has one; also a number to choose by. */
  readonly other: number;
  readonly isBinary?: boolean;
  /** Of a burst or a flurry: how many writes, and what they are drawn from. */
  readonly many?: { readonly count: number; readonly seed: number };
}

export type Step = { readonly at: number } & (
  | { readonly do: "user"; readonly device: number; readonly action: UserAction }
  /** The process dies and comes back `downMs` later, possibly twice at once. */
  | {
      readonly do: "crash";
      readonly device: number;
      readonly downMs: number;
      readonly twice: boolean;
    }
  | { readonly do: "offline"; readonly device: number; readonly ms: number }
  /** The device's wall clock jumps. */
  | { readonly do: "clock"; readonly device: number; readonly ms: number }
  | { readonly do: "serverClock"; readonly ms: number }
  | { readonly do: "serverRestart" }
  /** Somebody without our stamps edits, renames or deletes a document. */
  | {
      readonly do: "foreign";
      readonly deed: ForeignDeed;
      readonly path: number;
    }
);

export type ForeignDeed = "edit" | "create" | "rename" | "delete";

/** What somebody without our stamps does, if a run says nothing else. */
const foreignDeeds: readonly ForeignDeed[] = ["edit", "edit", "create", "rename", "delete"];

/** Users rarely rest evenly: bursts, then pauses. */
function times(random: Random, count: number, activeMs: number): number[] {
  const all: number[] = [];
  let at = Math.floor((random.next() * activeMs) / 10);
  for (let i = 0; i < count; i += 1) {
    const kind = random.next();
    if (kind < 0.2) at += 0;
    else if (kind < 0.5) at += Math.floor(random.next() * 100);
    else if (kind < 0.7) at += Math.floor(random.next() * 1500);
    else at += Math.floor((random.next() * activeMs * 3) / count);
    all.push(Math.min(at, activeMs));
  }
  return all;
}

/** One user action of the kinds that the run has. */
export function drawAction(config: SimConfig, next: () => number): UserAction {
  const deed = config.deeds[Math.floor(next() * config.deeds.length)] ?? "save";
  const path = Math.floor(next() * 64);
  const other = Math.floor(next() * 64);
  const isBinary = next() < config.binaryShare;
  const action: UserAction = { deed, path, other, ...(isBinary ? { isBinary } : {}) };
  if (deed !== "burst" && deed !== "burstOpen" && deed !== "flurry") return action;
  // Small ones are as frequent as large ones are productive.
  const count = 1 + Math.floor(next() ** 2 * (config.burstMax ?? 8));
  return { ...action, many: { count, seed: Math.floor(next() * 65_536) } };
}

/** The script of a run. */
export function drawScript(config: SimConfig): Step[] {
  const random = seededRandom(config.seed * 7 + 3);
  const below = (count: number): number => Math.floor(random.next() * count);
  const device = (): number => below(config.deviceCount);
  const steps: Step[] = times(random, config.actionCount, config.activeMs).map((at) => ({
    at,
    do: "user",
    device: device(),
    action: drawAction(config, () => random.next()),
  }));
  const anytime = (): number => below(config.activeMs);
  for (let i = 0; i < config.crashCount; i += 1) {
    const downMs = random.next() < 0.7 ? below(2000) : below(60_000);
    const twice = below(4) === 0 || config.startsTwice === true;
    steps.push({ at: anytime(), do: "crash", device: device(), downMs, twice });
  }
  for (let i = 0; i < config.offlineCount; i += 1) {
    const ms = random.next() < 0.1 ? 86_400_000 : below(120_000);
    steps.push({ at: anytime(), do: "offline", device: device(), ms });
  }
  if (config.clocks.some((clock) => clock.skewMs !== 0))
    steps.push({ at: anytime(), do: "clock", device: device(), ms: below(20_000) - 10_000 });
  if (config.hasServerRestarts) {
    steps.push({ at: anytime(), do: "serverRestart" });
    steps.push({ at: anytime(), do: "serverClock", ms: below(10_000) - 5_000 });
  }
  if (config.hasForeigners) {
    const { foreignCount, foreignDeeds: deeds = foreignDeeds } = config;
    for (let i = 0; foreignCount === undefined ? i <= below(3) : i < foreignCount; i += 1) {
      const deed = deeds[below(deeds.length)] ?? "edit";
      steps.push({ at: anytime(), do: "foreign", deed, path: below(64) });
    }
  }
  return steps.sort((a, b) => a.at - b.at);
}
