/**
 * Choices: every decision of a run, one recorded stream for each concern, so that a change in one concern does not
 * reshuffle the others. A recorded stream replays without its seed; what is missing at its end is the choice 0, and 0 is
 * always the simplest one (no fault, least delay). That is what makes shrinking by deleting and lowering possible.
 */
import { type Random, seededRandom } from "@smfs/core";

/** What a stream decides. */
export const concerns = ["net", "server", "schedule", "adversary", "crash"] as const;
export type Concern = (typeof concerns)[number];

/** Recorded choices: the streams that a replay follows. */
export type Recording = Readonly<Partial<Record<Concern, readonly number[]>>>;

/** Choices are below 2^20: fine enough for shares of one in a million. */
const grain = 1 << 20;

export class Stream {
  readonly made: number[] = [];
  readonly #random: Random | undefined;
  readonly #replay: readonly number[] | undefined;

  constructor(source: Random | readonly number[]) {
    if ("next" in source) this.#random = source;
    else this.#replay = source;
  }

  #draw(): number {
    const index = this.made.length;
    const value =
      this.#random === undefined
        ? (this.#replay?.[index] ?? 0)
        : Math.floor(this.#random.next() * grain);
    this.made.push(value);
    return value;
  }

  /** A number in 0…count−1; 0 is the simplest. */
  below(count: number): number {
    return Math.floor((this.#draw() * count) / grain);
  }

  /** True in `share` of the cases; the choice 0 is false. */
  happens(share: number): boolean {
    if (share <= 0) return false;
    // The top of the range is true, so that lowering a choice leads to "no".
    return this.#draw() >= grain * (1 - share);
  }

  /** A number in [0, 1). */
  fraction(): number {
    return this.#draw() / grain;
  }

  /** One of `weights`' keys with that chance; the first one is the simplest. */
  pick<K extends string>(weights: Readonly<Record<K, number>>): K {
    const entries = Object.entries(weights) as [K, number][];
    const total = entries.reduce((sum, [, weight]) => sum + weight, 0);
    let at = this.fraction() * total;
    for (const [key, weight] of entries) {
      at -= weight;
      if (at < 0) return key;
    }
    return entries[0]![0];
  }
}

export class Choices {
  readonly #streams: Record<Concern, Stream>;

  constructor(seed: number, recording: Recording | undefined) {
    const streams = concerns.map((concern, index): [Concern, Stream] => [
      concern,
      new Stream(
        recording === undefined ? seededRandom(seed * 31 + index + 1) : (recording[concern] ?? []),
      ),
    ]);
    this.#streams = Object.fromEntries(streams) as Record<Concern, Stream>;
  }

  stream(concern: Concern): Stream {
    return this.#streams[concern];
  }

  /** Everything decided so far. */
  recording(): Recording {
    const made = concerns.map((concern) => [concern, this.#streams[concern].made]);
    return Object.fromEntries(made) as Recording;
  }
}

/** A `Random` whose numbers are recorded choices and whose bytes (identities) come from a seed of their own. */
export function recordedRandom(stream: Stream, seed: number): Random {
  const identities = seededRandom(seed);
  return { next: () => stream.fraction(), bytes: (count) => identities.bytes(count) };
}
