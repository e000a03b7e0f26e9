/** What a built variant of product and simulator can do: the workshop bundles this file. */

import { mutatedDevice, productDevice } from "../product-device.ts";
import { type Aim, aimedRecipe, run } from "../run.ts";
import type { Outcome } from "../world.ts";
import { mutants } from "./catalogue.ts";

/**
 * Runs a seed as a mutant's runs are drawn. `isMutated`: with what the mutant does to the parts of a process; what it
 * does to the source is in the bundle or not.
 */
export function runSeed(
  id: string,
  seed: number,
  isMutated: boolean,
  trace?: (at: number, label: string) => void,
): Promise<Outcome> {
  const mutant = mutants.find((one) => one.id === id);
  if (mutant === undefined) throw new Error(`no such mutant: ${id}`);
  const factory =
    isMutated && mutant.mutate !== undefined ? mutatedDevice(mutant.mutate) : productDevice;
  return run(aimedRecipe(seed, mutant.aim), factory, trace);
}

/** Runs a seed in the product as it was built; `onReached` hears of each probe that it comes past. */
export function runProbed(
  seed: number,
  aim: Aim,
  onReached: (key: string) => void,
): Promise<Outcome> {
  (globalThis as { smfsReached?: (key: string) => void }).smfsReached = onReached;
  return run(aimedRecipe(seed, aim), productDevice);
}

export interface Variant {
  readonly runSeed: typeof runSeed;
  readonly runProbed: typeof runProbed;
}
