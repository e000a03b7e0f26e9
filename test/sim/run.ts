/** Runs a seed, a recipe, or a batch of seeds. */
import { drawConfig, type Mode, type SimConfig } from "./config.ts";
import type { Recording } from "./rng.ts";
import { drawScript, type Step } from "./script.ts";
import { type DeviceFactory, type Outcome, World } from "./world.ts";

/** Everything that makes a run: it can be saved, edited and run again. */
export interface Recipe {
  readonly config: SimConfig;
  readonly script: readonly Step[];
  /** Choices to follow; without it they are drawn from the config's seed. */
  readonly recording?: Recording;
}

/** The recipe of a seed. */
export function recipeOf(seed: number, mode: Mode = "plain"): Recipe {
  const config = drawConfig(seed, mode);
  return { config, script: drawScript(config) };
}

/** Narrows the drawn runs to those in which something is used at all. */
export interface Aim {
  readonly server?: SimConfig["server"];
  readonly tweak?: (config: SimConfig) => SimConfig;
}

/** The recipe of a seed, drawn as brisk runs are, and narrowed. */
export function aimedRecipe(seed: number, aim: Aim = {}): Recipe {
  const drawn = drawConfig(seed, "brisk", aim.server);
  const config = aim.tweak?.(drawn) ?? drawn;
  return { config, script: drawScript(config) };
}

/** Runs a recipe from the start. */
export function run(
  recipe: Recipe,
  factory: DeviceFactory,
  trace?: (at: number, label: string) => void,
): Promise<Outcome> {
  const { config, script, recording } = recipe;
  const world = new World({
    config,
    script,
    factory,
    ...(recording === undefined ? {} : { recording }),
    ...(trace === undefined ? {} : { trace }),
  });
  return onMacrotask(() => world.run());
}

/** A world drains promises by letting an immediate pass: it must not begin inside a chain of them. */
export function onMacrotask<T>(work: () => Promise<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    setImmediate(() => {
      work().then(resolve, reject);
    });
  });
}
