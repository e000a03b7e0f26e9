/**
 * Makes a failing run small: fewer devices, fewer faults, fewer actions, lower choices, as long as the same rule breaks.
 *
 * A run is its configuration, its script and its recorded choices; all three are data, so whatever is tried is a valid
 * run. Choices go towards 0, which is always the least trouble.
 */
import { hostedQuirks } from "../hosted-model/quirks.ts";
import { trueClock } from "./clock.ts";
import type { SimConfig } from "./config.ts";
import { calmNet } from "./net.ts";
import { type Concern, concerns, type Recording } from "./rng.ts";
import { type Recipe, run } from "./run.ts";
import type { Step } from "./script.ts";
import type { DeviceFactory, Outcome } from "./world.ts";

/** Replays that one shrinking may cost. */
const replaysMax = 2000;

export interface Shrunk {
  readonly recipe: Recipe;
  readonly outcome: Outcome;
  readonly replayCount: number;
}

/** A change of a recipe that makes it simpler, or undefined when it is that simple already. */
type Simplify = (config: SimConfig) => SimConfig | undefined;

const simplifications: readonly Simplify[] = [
  (c) => (c.deviceCount > 1 ? { ...c, deviceCount: c.deviceCount - 1 } : undefined),
  off("momentCrashShare"),
  off("diskCrashShare"),
  off("adversaryShare"),
  off("binaryShare"),
  (c) => (c.isPatient ? { ...c, isPatient: false } : undefined),
  (c) => (c.net === calmNet ? undefined : { ...c, net: calmNet }),
  ...(Object.keys(calmNet) as (keyof typeof calmNet)[]).map(
    (key): Simplify =>
      (c) =>
        JSON.stringify(c.net[key]) === JSON.stringify(calmNet[key])
          ? undefined
          : { ...c, net: { ...c.net, [key]: calmNet[key] } },
  ),
  (c) =>
    c.clocks.every((clock) => clock === trueClock)
      ? undefined
      : { ...c, clocks: c.clocks.map(() => trueClock) },
  ...(Object.keys(hostedQuirks) as (keyof typeof hostedQuirks)[])
    .filter((key) => key !== "extensions")
    .map(
      (key): Simplify =>
        (c) =>
          c.server === "embedded" ||
          JSON.stringify(c.quirks[key]) === JSON.stringify(hostedQuirks[key])
            ? undefined
            : { ...c, quirks: { ...c.quirks, [key]: hostedQuirks[key] } },
    ),
  (c) =>
    c.quirks.processingMs[1] === 0
      ? undefined
      : { ...c, quirks: { ...c.quirks, processingMs: [0, 0] } },
  (c) => (c.files.length > 1 ? { ...c, files: c.files.slice(0, -1) } : undefined),
];

function off(
  key: "momentCrashShare" | "diskCrashShare" | "adversaryShare" | "binaryShare",
): Simplify {
  return (config) => (config[key] === 0 ? undefined : { ...config, [key]: 0 });
}

export class Shrinker {
  readonly #factory: DeviceFactory;
  readonly #rule: string;
  readonly #onProgress: (line: string) => void;
  #best: Recipe;
  #outcome: Outcome;
  #replayCount = 0;

  constructor(
    recipe: Recipe,
    outcome: Outcome,
    factory: DeviceFactory,
    onProgress: (line: string) => void = () => undefined,
  ) {
    if (outcome.violation === undefined) throw new Error("only a failing run can be shrunk");
    this.#factory = factory;
    this.#rule = outcome.violation.rule;
    this.#best = { ...recipe, recording: outcome.recording };
    this.#outcome = outcome;
    this.#onProgress = onProgress;
  }

  async shrink(): Promise<Shrunk> {
    for (let before = ""; before !== this.#size() && !this.#isSpent; ) {
      before = this.#size();
      await this.#simplifyConfig();
      await this.#dropSteps();
      for (const concern of concerns) await this.#lowerChoices(concern);
      await this.#shortenWaits();
      this.#onProgress(`${this.#replayCount} replays: ${this.#size()}`);
    }
    return { recipe: this.#best, outcome: this.#outcome, replayCount: this.#replayCount };
  }

  get #isSpent(): boolean {
    return this.#replayCount >= replaysMax;
  }

  #size(): string {
    const { config, script, recording } = this.#best;
    const choices = concerns.map((concern) => {
      const made = recording?.[concern] ?? [];
      return `${concern} ${made.filter((choice) => choice !== 0).length}/${made.length}`;
    });
    return `${config.deviceCount} devices, ${script.length} steps, choices ${choices.join(", ")}`;
  }

  /** Keeps `candidate` if the same rule still breaks. */
  async #try(candidate: Recipe): Promise<boolean> {
    if (this.#isSpent) return false;
    this.#replayCount += 1;
    const outcome = await run(candidate, this.#factory);
    if (outcome.violation?.rule !== this.#rule) return false;
    // What was consumed is what counts; what is behind it is never looked at.
    this.#best = { ...candidate, recording: trimmed(outcome.recording) };
    this.#outcome = outcome;
    return true;
  }

  async #simplifyConfig(): Promise<void> {
    for (const simplify of simplifications) {
      for (;;) {
        const config = simplify(this.#best.config);
        if (config === undefined) break;
        const script = this.#best.script.filter(
          (step) => !("device" in step) || step.device < config.deviceCount,
        );
        if (!(await this.#try({ ...this.#best, config, script }))) break;
      }
    }
  }

  /** Delta debugging over the script: spans, from half of it down to single steps. */
  async #dropSteps(): Promise<void> {
    for (let span = this.#best.script.length; span >= 1; span = Math.floor(span / 2)) {
      for (let from = 0; from < this.#best.script.length; ) {
        const script = this.#best.script.filter((_, i) => i < from || i >= from + span);
        if (!(await this.#try({ ...this.#best, script }))) from += span;
        if (this.#isSpent) return;
      }
    }
  }

  async #lowerChoices(concern: Concern): Promise<void> {
    const replaced = (choices: readonly number[]): Recipe => ({
      ...this.#best,
      recording: { ...this.#best.recording, [concern]: choices },
    });
    const now = (): readonly number[] => this.#best.recording?.[concern] ?? [];
    if (now().length === 0 || (await this.#try(replaced([])))) return;
    for (let span = now().length; span >= 1; span = Math.floor(span / 2)) {
      for (let from = 0; from < now().length; from += span) {
        const choices = now();
        const part = choices.slice(from, from + span);
        if (part.every((choice) => choice === 0)) continue;
        const zeroed = choices.map((choice, i) => (i >= from && i < from + span ? 0 : choice));
        if (!(await this.#try(replaced(zeroed))))
          await this.#try(replaced([...choices.slice(0, from), ...choices.slice(from + span)]));
        if (this.#isSpent) return;
      }
    }
  }

  /** Steps move towards the start, waits become short. */
  async #shortenWaits(): Promise<void> {
    for (let i = 0; i < this.#best.script.length; i += 1) {
      const step = this.#best.script[i]!;
      const previousAt = this.#best.script[i - 1]?.at ?? 0;
      for (const at of [previousAt, previousAt + 1000, previousAt + 10_000]) {
        if (at >= step.at) break;
        const by = step.at - at;
        const script = this.#best.script.map(
          (one, k): Step => (k < i ? one : { ...one, at: one.at - by }),
        );
        if (await this.#try({ ...this.#best, script })) break;
      }
    }
    const lastAt = this.#best.script.at(-1)?.at ?? 0;
    if (lastAt + 1000 < this.#best.config.activeMs)
      await this.#try({
        ...this.#best,
        config: { ...this.#best.config, activeMs: lastAt + 1000 },
      });
  }
}

/** Without the zeros at the end, which a replay supplies by itself. */
function trimmed(recording: Recording): Recording {
  const entries = concerns.map((concern) => {
    const choices = [...(recording[concern] ?? [])];
    while (choices.at(-1) === 0) choices.pop();
    return [concern, choices] as const;
  });
  return Object.fromEntries(entries) as Recording;
}
