/** Ways to narrow drawn runs: which server, how many devices, which trouble. */
import { trueClock } from "../clock.ts";
import type { SimConfig } from "../config.ts";
import { calmNet, type NetFaults } from "../net.ts";
import type { Aim } from "../run.ts";
import type { ForeignDeed, UserDeed } from "../script.ts";

type Tweak = (config: SimConfig) => SimConfig;

export function aim(server: SimConfig["server"] | undefined, ...tweaks: readonly Tweak[]): Aim {
  const tweak: Tweak = (config) => tweaks.reduce((now, one) => one(now), config);
  return { ...(server === undefined ? {} : { server }), tweak };
}

export function devices(count: number): Tweak {
  return (config) => ({
    ...config,
    deviceCount: count,
    clocks: Array.from({ length: count }, (_, index) => config.clocks[index] ?? trueClock),
  });
}

/** Only these deeds happen. */
export function deeds(...only: readonly UserDeed[]): Tweak {
  return (config) => ({ ...config, deeds: only });
}

/** These happen, too. */
export function alsoDeeds(...more: readonly UserDeed[]): Tweak {
  return (config) => ({ ...config, deeds: [...config.deeds, ...more] });
}

/** Users act at each other step of the protocol. */
export const busy: Tweak = (config) => ({
  ...config,
  adversaryShare: Math.max(config.adversaryShare, 0.4),
});

/** Users act at every tenth step: their actions are counted, and so last to the end. */
export const sprinkled: Tweak = (config) => ({ ...config, adversaryShare: 0.12 });

/** The process dies now and then, at a step or in the middle of one. */
export const crashing: Tweak = (config) => ({
  ...config,
  momentCrashShare: Math.max(config.momentCrashShare, 0.04),
  diskCrashShare: Math.max(config.diskCrashShare, 0.01),
  crashCount: Math.max(config.crashCount, 2),
});

/** It dies in the middle of changing bytes and rows, mostly. */
export const crashingAtDisk: Tweak = (config) => ({
  ...config,
  diskCrashShare: Math.max(config.diskCrashShare, 0.04),
});

export const paths =
  (...files: readonly string[]): Tweak =>
  (config) => ({ ...config, files });

export const onePath: Tweak = paths("/a");

export const calmNetwork: Tweak = (config) => ({ ...config, net: calmNet });

/** The network has this trouble. */
export function net(faults: Partial<NetFaults>): Tweak {
  return (config) => ({ ...config, net: { ...config.net, ...faults } });
}

export function quirks(changes: Partial<SimConfig["quirks"]>): Tweak {
  return (config) => ({ ...config, quirks: { ...config.quirks, ...changes } });
}

/** Nobody but the devices writes. */
export const noForeigners: Tweak = (config) => ({ ...config, hasForeigners: false });

/** Somebody without our stamps does these things, so often. */
export function foreign(count: number, ...foreignDeeds: readonly ForeignDeed[]): Tweak {
  return (config) => ({ ...config, hasForeigners: true, foreignCount: count, foreignDeeds });
}

/** The process dies now and then just before a commit, and nowhere else. */
export const crashingAtCommits: Tweak = (config) => ({
  ...config,
  commitCrashShare: 0.03,
  momentCrashShare: 0,
  diskCrashShare: 0,
});

/** Each crash is followed by two starts at once. */
export function doubleStarts(count: number): Tweak {
  return (config) => ({ ...config, crashCount: count, startsTwice: true });
}

/** Seconds between two looks, and between two full listings, of a server without a feed. */
export function looks(pollIntervalS: number, sweepIntervalS: number): Tweak {
  return (config) => ({ ...config, pollIntervalS, sweepIntervalS });
}

/** Users act at so many steps of the protocol. */
export function adversary(share: number): Tweak {
  return (config) => ({ ...config, adversaryShare: share });
}

/** Writes of a burst. */
export function burstsOf(count: number): Tweak {
  return (config) => ({ ...config, burstMax: count });
}

/** Contents that a server can replace as text. */
export const textOnly: Tweak = (config) => ({ ...config, binaryShare: 0 });

export function binaries(share: number): Tweak {
  return (config) => ({ ...config, binaryShare: share });
}

export function actions(count: number, activeMs: number): Tweak {
  return (config) => ({ ...config, actionCount: count, activeMs });
}

/** The run goes on for the whole quiet time, for what comes late. */
export const patient: Tweak = (config) => ({ ...config, isPatient: true });
