/** Hunts one mutant: how many seeds until an invariant breaks that holds without it. */
import type { Mutant } from "./mutant.ts";
import type { Variant } from "./variant.ts";
import { buildVariant } from "./workshop.ts";

/** Seeds of one repeat; the next repeat begins at other ones. */
export const seedsMax = 1000;

export interface Catch {
  /** Seeds run until it was caught, or `seedsMax` when it was not. */
  readonly seedCount: number;
  readonly isCaught: boolean;
  readonly seed: number | undefined;
  readonly rule: string | undefined;
  readonly message: string | undefined;
}

/** The mutated product, and the sound one with the same layers switched off. */
export interface Pair {
  readonly mutated: Variant;
  readonly sound: () => Promise<Variant>;
}

export async function preparePair(mutant: Mutant): Promise<Pair> {
  const layers = (mutant.without ?? []).flatMap(({ patches }) => patches);
  let sound: Promise<Variant> | undefined;
  return {
    mutated: await buildVariant([...layers, ...mutant.patches]),
    sound: () => {
      sound ??= soundVariant(layers);
      return sound;
    },
  };
}

/** Most mutants need no layer off: they share one sound product. */
const soundVariants = new Map<string, Promise<Variant>>();

function soundVariant(layers: Mutant["patches"]): Promise<Variant> {
  const key = JSON.stringify(layers);
  let variant = soundVariants.get(key);
  if (variant === undefined) {
    variant = buildVariant(layers);
    soundVariants.set(key, variant);
  }
  return variant;
}

/** Runs the seeds of a repeat until the mutant is caught. A seed that breaks the sound product, too, proves nothing. */
export async function hunt(
  mutant: Mutant,
  pair: Pair,
  repeat: number,
  countMax: number = seedsMax,
): Promise<Catch> {
  const first = 1 + repeat * seedsMax;
  for (let seed = first; seed < first + countMax; seed += 1) {
    const { violation } = await pair.mutated.runSeed(mutant.id, seed, true);
    if (violation === undefined) continue;
    const sound = await (await pair.sound()).runSeed(mutant.id, seed, false);
    if (sound.violation !== undefined) continue;
    const { rule, message } = violation;
    return { seedCount: seed - first + 1, isCaught: true, seed, rule, message };
  }
  return {
    seedCount: countMax,
    isCaught: false,
    seed: undefined,
    rule: undefined,
    message: undefined,
  };
}
