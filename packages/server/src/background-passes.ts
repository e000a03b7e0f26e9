/**
 * Work that is owed and done in the background, pass after pass: one pass at a time, a next one when it was woken
 * meanwhile, and another after a growing wait while something has to be tried again. What is owed is in the storage.
 */
import { backoffMs, type Clock, type Random } from "@smfs/core";

/** Debts looked up at once. */
const pageMax = 64;

export interface BackgroundPassesOptions {
  /** Takes everything that is owed once; whether nothing has to be tried again. */
  readonly pass: () => Promise<boolean>;
  readonly clock: Clock;
  readonly random: Random;
}

export class BackgroundPasses {
  readonly #options: BackgroundPassesOptions;
  readonly #stop = new AbortController();
  #running: Promise<void> | undefined;
  /** There may be something that the running pass has not seen. */
  #isWoken = false;

  constructor(options: BackgroundPassesOptions) {
    this.#options = options;
  }

  /** Ends a pass between two debts, or within one that looks at it. */
  get signal(): AbortSignal {
    return this.#stop.signal;
  }

  /** There may be something to do. */
  wake(): void {
    this.#isWoken = true;
    if (this.#running !== undefined || this.signal.aborted) return;
    this.#running = this.#run().finally(() => {
      this.#running = undefined;
      if (this.#isWoken) this.wake();
    });
  }

  /** Resolves when nothing is left that could be done now. */
  async idle(): Promise<void> {
    while (this.#running !== undefined) await this.#running;
  }

  /** No further debt is begun. */
  stop(): void {
    this.#stop.abort();
  }

  /** Stops, and waits for the debt at hand. */
  async close(): Promise<void> {
    this.stop();
    await this.#running;
  }

  async #run(): Promise<void> {
    const { pass, clock, random } = this.#options;
    for (let failures = 0; this.#isWoken && !this.signal.aborted; ) {
      this.#isWoken = false;
      if (await pass()) {
        failures = 0;
        continue;
      }
      if (this.signal.aborted) return;
      failures += 1;
      await clock.sleep(backoffMs(failures, random), this.signal);
      this.#isWoken = true;
    }
  }
}

/**
 * Pays every debt once, in the order of their numbers.
 * @param owedAfter debts with a number above the given one, at most so many
 * @returns whether none has to be tried again; false too when `signal` ended it
 */
export async function payEach<Debt>(
  owedAfter: (after: number, countMax: number) => Promise<readonly Debt[]>,
  numberOf: (debt: Debt) => number,
  pay: (debt: Debt) => Promise<boolean>,
  signal: AbortSignal,
): Promise<boolean> {
  let isDone = true;
  for (let after = 0; ; ) {
    const page = await owedAfter(after, pageMax);
    for (const debt of page) {
      if (signal.aborted) return false;
      isDone = (await pay(debt)) && isDone;
    }
    const last = page.at(-1);
    if (last === undefined || page.length < pageMax) return isDone;
    after = numberOf(last);
  }
}
