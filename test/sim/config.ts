/**
 * Swarm configuration: each seed draws which faults, quirks and actions exist in its run at all, so that rare
 * combinations get whole runs to themselves.
 */
import { seededRandom } from "@smfs/core";
import { embeddedQuirks, hostedQuirks, type Quirks } from "../hosted-model/quirks.ts";
import { type ClockFault, trueClock } from "./clock.ts";
import { calmNet, type NetFaults } from "./net.ts";
import type { ForeignDeed, UserDeed } from "./script.ts";

export interface SimConfig {
  readonly seed: number;
  readonly deviceCount: number;
  readonly server: "hosted" | "embedded";
  readonly quirks: Quirks;
  readonly net: NetFaults;
  readonly clocks: readonly ClockFault[];
  /** Paths that users know. */
  readonly files: readonly string[];
  readonly directories: readonly string[];
  /** Kinds of user action that happen in this run. */
  readonly deeds: readonly UserDeed[];
  readonly actionCount: number;
  /** Milliseconds during which users act. */
  readonly activeMs: number;
  /** Chance of a user action at each step of the protocol. */
  readonly adversaryShare: number;
  /** Chance that the process dies at each step of the protocol, and at each change of its disk. */
  readonly momentCrashShare: number;
  readonly diskCrashShare: number;
  readonly crashCount: number;
  readonly offlineCount: number;
  readonly hasForeigners: boolean;
  readonly hasServerRestarts: boolean;
  /** Share of contents that are no text. */
  readonly binaryShare: number;
  /** Runs the whole quiet time at the end, to see what comes late. */
  readonly isPatient: boolean;
  /** Seconds between two looks at a server without a feed, and between two full listings; 10 and 600 if absent. */
  readonly pollIntervalS?: number;
  readonly sweepIntervalS?: number;
  /** Bytes are fetched before anybody asks for them; so it is if absent. */
  readonly prefetch?: boolean;
  /** Writes of a burst or a flurry; 8 if absent. */
  readonly burstMax?: number;
  /** Chance that the process dies just before a commit; 0 if absent. */
  readonly commitCrashShare?: number;
  /** Whether each start after a crash is a double one; every fourth if absent. */
  readonly startsTwice?: boolean;
  /** How often foreigners act, and what they do; one to three times, and anything, if absent. */
  readonly foreignCount?: number;
  readonly foreignDeeds?: readonly ForeignDeed[];
}

/**
 * `plain`: everything, evenly. `hot`: many devices on few paths, for rare coincidences between devices. `brisk`: short
 * runs in which much goes wrong at once, so that many fit into a minute. `busy`: as plain, but users write all the time
 * and full listings are frequent, so that most of what is simulated are writes and few are waits. `dense`: as busy, with
 * many writes in one tick.
 */
export const modes = ["plain", "hot", "brisk", "busy", "dense"] as const;
export type Mode = (typeof modes)[number];

type Draw = ReturnType<typeof drawer>;

function drawer(seed: number) {
  const random = seededRandom(seed);
  const next = (): number => random.next();
  return {
    next,
    below: (count: number): number => Math.floor(next() * count),
    happens: (share: number): boolean => next() < share,
    one: <T>(...items: readonly T[]): T => items[Math.floor(next() * items.length)]!,
  };
}

const clocks = (draw: Draw): ClockFault => {
  const skewMs = draw.one(0, 0, -8000, 8000, -86_400_000, 86_400_000);
  const tickMs = draw.one(1, 1, 16, 1000);
  const drift = draw.one(0, 0, 0.001, -0.001);
  return { skewMs, tickMs, drift, frozen: draw.happens(0.05) };
};

const lowMidHigh = (draw: Draw): number => draw.one(0, 0, 0.01, 0.05, 0.2);

function drawNet(draw: Draw): NetFaults {
  if (draw.happens(0.25)) return calmNet;
  return {
    lostRequest: lowMidHigh(draw),
    lostResponse: lowMidHigh(draw),
    ghost: draw.one(0, 0, 0.01, 0.05, 0.1),
    refused: lowMidHigh(draw),
    serverError: lowMidHigh(draw),
    tooMany: draw.one(0, 0, 0.02),
    unauthorized: draw.one(0, 0, 0, 0.01),
    latencyMs: draw.one([5, 60], [5, 60], [50, 900], [5, 4000]),
    ghostMs: draw.happens(0.02) ? [60_000, 86_400_000] : [5_000, 90_000],
  };
}

function drawHosted(draw: Draw): Quirks {
  const flaky = draw.happens(0.5);
  return {
    ...hostedQuirks,
    processingMs: draw.one([0, 0], [100, 1000], [500, 8000], [2000, 45_000]),
    stuckShare: draw.one(0, 0, 0, 0.05),
    failShare: draw.one(0, 0, 0, 0.05, 0.2),
    patchWhileProcessing: draw.one("drop", "drop-content", "path-only", "conflict", "queue"),
    bumps: draw.one(
      { receipt: true, stages: false, done: true },
      { receipt: true, stages: true, done: true },
      { receipt: false, stages: false, done: true },
      { receipt: true, stages: false, done: false },
    ),
    tickMs: draw.one(1, 1, 1000),
    lateCommitMs: draw.one(0, 0, 1500),
    contentWhileProcessing: draw.one("new", "partial", "old", "null"),
    normalise: { trim: draw.happens(0.1), crlf: draw.happens(0.1), urls: draw.happens(0.1) },
    repost: draw.one("no-op", "append", "replace", "conflict"),
    repostDroppedWhileProcessing: draw.happens(0.5),
    pathTaken: draw.one("duplicate", "upsert", "conflict"),
    moveOntoTaken: draw.one("duplicate", "conflict"),
    contentPatchIgnoresPath: draw.happens(0.5),
    getByCustomId: draw.happens(0.7),
    list: {
      staleShare: flaky ? lowMidHigh(draw) : 0,
      staleMs: 30_000,
      emptyShare: flaky ? draw.one(0, 0.02, 0.1) : 0,
      shortShare: flaky ? draw.one(0, 0.02, 0.1) : 0,
      wrongTotalShare: flaky ? draw.one(0, 0.02) : 0,
      errorShare: flaky ? lowMidHigh(draw) : 0,
      pinned: draw.happens(0.2),
    },
    staleGet: draw.happens(0.2) ? { share: 0.1, ms: 20_000 } : { share: 0, ms: 0 },
  };
}

function drawEmbedded(draw: Draw): Quirks {
  return {
    ...embeddedQuirks,
    processingMs: draw.one([0, 0], [0, 0], [100, 3000]),
    contentWhileProcessing: draw.one("new", "old"),
    extensions: {
      ...embeddedQuirks.extensions,
      raw: draw.happens(0.8),
      idempotency: draw.happens(0.7),
      move: draw.happens(0.7),
      versions: draw.happens(0.7),
    },
  };
}

const everyDeed: readonly UserDeed[] = [
  "save",
  "atomicSave",
  "append",
  "edit",
  "double",
  "empty",
  "unlink",
  "recreate",
  "rename",
  "exchange",
  "mkdir",
  "rmdir",
  "moveDirectory",
  "link",
  "symlink",
  "chmod",
  "open",
  "writeOpen",
  "close",
];

const basicDeeds: readonly UserDeed[] = ["save", "append", "edit", "double"];

/** Deeds that are for `brisk` runs only, so that the runs of older seeds stay what they were. */
const furtherDeeds: readonly UserDeed[] = ["extend", "map", "storeMapped", "unmap"];

/**
 * The run of a seed. `hot` aims at rare coincidences: more devices, fewer paths, a busy adversary.
 * @param wanted the kind of server, for brisk runs that are about one of them
 */
export function drawConfig(
  seed: number,
  mode: Mode = "plain",
  wanted?: SimConfig["server"],
): SimConfig {
  if (mode === "brisk") return drawBrisk(seed, wanted);
  if (mode === "busy") return drawBusy(seed);
  if (mode === "dense") return drawDense(seed);
  const draw = drawer(seed * 2 + (mode === "hot" ? 1 : 0));
  const isHot = mode === "hot";
  const deviceCount = isHot ? 3 : draw.one(1, 1, 2, 2, 3, 4);
  const server = draw.one("hosted", "embedded");
  const deeds = isHot
    ? everyDeed.filter(() => draw.happens(0.6))
    : draw.happens(0.2)
      ? basicDeeds
      : everyDeed.filter(() => draw.happens(0.5));
  const files = isHot
    ? ["/a", "/b"]
    : draw.one(
        ["/a"],
        ["/a", "/b"],
        ["/a", "/d/a", "/d/b"],
        ["/d/e/a", "/d/b", "/a.txt", "/c.bin"],
      );
  return {
    seed,
    deviceCount,
    server,
    quirks: server === "hosted" ? drawHosted(draw) : drawEmbedded(draw),
    net: drawNet(draw),
    clocks: Array.from({ length: deviceCount }, () =>
      draw.happens(0.4) ? trueClock : clocks(draw),
    ),
    files,
    directories: draw.one(["/d"], ["/d", "/d/e"], ["/d", "/g"]),
    deeds: deeds.length === 0 || !deeds.includes("save") ? [...deeds, "save"] : deeds,
    actionCount: 6 + draw.below(draw.happens(0.2) ? 90 : 30),
    activeMs: draw.one(3_000, 3_000, 10_000, 10_000, 30_000, 30_000, 120_000, 600_000),
    adversaryShare: isHot ? 0.3 + draw.next() * 0.3 : draw.one(0, 0.05, 0.2),
    momentCrashShare: draw.one(0, 0, 0, 0.01),
    diskCrashShare: draw.one(0, 0, 0, 0.002),
    crashCount: draw.one(0, 0, 1, 2, 4),
    offlineCount: draw.one(0, 0, 1, 2),
    hasForeigners: draw.happens(0.2),
    hasServerRestarts: draw.happens(0.3),
    binaryShare: draw.one(0, 0, 0.3),
    isPatient: draw.happens(0.05),
  };
}

/** A short run: a few files, some seconds, and trouble at every step. */
function drawBrisk(seed: number, wanted: SimConfig["server"] | undefined): SimConfig {
  const draw = drawer(seed * 3 + 1_000_003);
  const deviceCount = draw.one(1, 1, 2, 2, 2, 3);
  const drawn = draw.one("hosted", "embedded");
  const server = wanted ?? drawn;
  const deeds = [...everyDeed, ...furtherDeeds].filter(() => draw.happens(0.5));
  return {
    seed,
    deviceCount,
    server,
    quirks: server === "hosted" ? exact(drawHosted(draw)) : drawEmbedded(draw),
    net: drawNet(draw),
    clocks: Array.from({ length: deviceCount }, () =>
      draw.happens(0.6) ? trueClock : clocks(draw),
    ),
    files: draw.one(["/a"], ["/a"], ["/a", "/b"], ["/a", "/d/a"], ["/d/a", "/d/b.txt"]),
    directories: ["/d"],
    deeds: deeds.includes("save") ? deeds : [...deeds, "save"],
    actionCount: 4 + draw.below(16),
    activeMs: draw.one(1_000, 3_000, 10_000, 30_000),
    adversaryShare: draw.one(0, 0.1, 0.3, 0.6),
    momentCrashShare: draw.one(0, 0, 0.02, 0.08),
    diskCrashShare: draw.one(0, 0, 0.01, 0.03),
    crashCount: draw.one(0, 0, 1, 2),
    offlineCount: draw.one(0, 0, 1),
    hasForeigners: draw.happens(0.2),
    hasServerRestarts: draw.happens(0.2),
    binaryShare: draw.one(0, 0, 0.3),
    isPatient: false,
  };
}

/** A run of plain mode, another one than the seed's own, in which users hardly rest. */
function drawBusy(seed: number): SimConfig {
  const draw = drawer(seed * 5 + 2_000_003);
  const plain = drawConfig(seed + 1_000_000, "plain");
  const further = furtherDeeds.filter(() => draw.happens(0.5));
  return {
    ...plain,
    seed,
    deeds: [...plain.deeds, ...further],
    actionCount: 60 + draw.below(400),
    activeMs: draw.one(3_000, 10_000, 30_000, 60_000),
    isPatient: draw.happens(0.01),
    pollIntervalS: draw.one(5, 10, 30),
    sweepIntervalS: draw.one(30, 60, 120),
    prefetch: draw.happens(0.7),
  };
}

/**
 * A run of plain or hot mode, another one than the seed's own, in which users write in bursts: many lines through one
 * handle, and many short calls on one file after another, each between the same two steps of the protocol.
 */
function drawDense(seed: number): SimConfig {
  const draw = drawer(seed * 11 + 3_000_017);
  const drawn = drawConfig(seed + 3_000_000, draw.one("plain", "plain", "hot"));
  const further = furtherDeeds.filter(() => draw.happens(0.5));
  const many = draw.one<readonly UserDeed[]>(["burst"], ["flurry"], ["burst", "flurry"]);
  const others = [...drawn.deeds, ...further];
  // From every sixth to nearly every action.
  const shares = Math.ceil((others.length * draw.one(0.2, 1, 4)) / many.length);
  return {
    ...drawn,
    seed,
    deeds: [...others, ...Array.from({ length: shares }, () => many).flat()],
    actionCount: 40 + draw.below(160),
    activeMs: draw.one(1_000, 3_000, 10_000, 30_000),
    adversaryShare: draw.one(0, 0.05, 0.2, 0.4),
    files: draw.one(drawn.files, ["/a", "/b.txt"], ["/a", "/d/a", "/d/b.txt", "/d/e/c"]),
    directories: ["/d", "/d/e"],
    isPatient: draw.happens(0.01),
    pollIntervalS: draw.one(5, 10, 30),
    sweepIntervalS: draw.one(30, 60, 120),
    prefetch: draw.happens(0.7),
    burstMax: draw.one(8, 32, 96),
  };
}

/** A server that changes what it is sent is for the longer runs: there all else looks like a fault of the server. */
function exact(quirks: Quirks): Quirks {
  return { ...quirks, normalise: { trim: false, crlf: false, urls: false } };
}

/** The same run without trouble of any kind: what is left at rest must then be right at once. */
export function calm(config: SimConfig): SimConfig {
  return {
    ...config,
    net: calmNet,
    clocks: config.clocks.map(() => trueClock),
    adversaryShare: 0,
    momentCrashShare: 0,
    diskCrashShare: 0,
    commitCrashShare: 0,
    crashCount: 0,
    offlineCount: 0,
    hasForeigners: false,
    hasServerRestarts: false,
  };
}
