/** What a mutant is: a small, exact way to break the product, and what the simulator has to say about it. */
import type { ProductParts } from "../product-parts.ts";
import type { Aim } from "../run.ts";

/** One replacement in one source file of the product. `find` occurs there exactly once, or building fails. */
export interface Patch {
  /** Path from the root of the workspace. */
  readonly file: string;
  readonly find: string;
  readonly replace: string;
}

/**
 * A protective layer that would heal or hide what a mutant breaks. It is switched off in the mutated product and in
 * the sound one that a catch is compared with.
 */
export interface Layer {
  /** What is switched off. */
  readonly name: string;
  readonly patches: readonly Patch[];
}

export interface Mutant {
  readonly id: string;
  /** What the broken product does, in one sentence. */
  readonly breaks: string;
  /** Rules of docs/spec that it breaks, and the number of the loss (M-n) that it stands for. */
  readonly rules: readonly string[];
  /** `loss`: an acknowledged write, or bytes that others wrote, can be lost. `other`: anything else that users notice. */
  readonly kind: "loss" | "other";
  readonly patches: readonly Patch[];
  /** Breaks the parts of a running process instead of, or besides, their source. */
  readonly mutate?: (parts: ProductParts) => void;
  readonly without?: readonly Layer[];
  /** Narrows the drawn runs to those in which what is broken is used at all. */
  readonly aim?: Aim;
}

/** A patch, written short. */
export function patch(file: string, find: string, replace: string): Patch {
  return { file: `packages/${file}`, find, replace };
}
