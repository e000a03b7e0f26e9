/** Virtual time as a device sees it: one monotonic clock for all, a wall clock of its own that may lie. */
import type { Cancel, Clock } from "@smfs/core";
import type { Life, Scheduler } from "./sched.ts";

/** How a device's wall clock is wrong. */
export interface ClockFault {
  /** Milliseconds ahead of true time. */
  readonly skewMs: number;
  /** Milliseconds gained per millisecond. */
  readonly drift: number;
  /** Grain in milliseconds: 1, 16, 1000. */
  readonly tickMs: number;
  /** Stands still. */
  readonly frozen: boolean;
}

export const trueClock: ClockFault = { skewMs: 0, drift: 0, tickMs: 1, frozen: false };

/** True time at the start of every run: 2027-01-15. */
const startMs = 1_800_000_000_000;

export class SimClock implements Clock {
  readonly #sched: Scheduler;
  readonly #life: Life | undefined;
  readonly #fault: ClockFault;
  #steps: { readonly ms: number };

  /** @param steps shared by all lives of a device: a step of its clock outlives a restart */
  constructor(
    sched: Scheduler,
    life: Life | undefined,
    fault: ClockFault = trueClock,
    steps: { readonly ms: number } = { ms: 0 },
  ) {
    this.#sched = sched;
    this.#life = life;
    this.#fault = fault;
    this.#steps = steps;
  }

  now(): number {
    const { skewMs, drift, tickMs, frozen } = this.#fault;
    const elapsed = frozen ? 0 : this.#sched.now * (1 + drift);
    const ms = Math.floor(startMs + elapsed + skewMs + this.#steps.ms);
    return ms - (ms % tickMs);
  }

  monotonic(): number {
    return this.#sched.now;
  }

  sleep(ms: number, signal?: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      if (signal?.aborted === true) {
        resolve();
        return;
      }
      const done = (): void => {
        cancel();
        signal?.removeEventListener("abort", done);
        resolve();
      };
      const cancel = this.#sched.after(Math.max(0, ms), "timer", this.#life, done);
      signal?.addEventListener("abort", done, { once: true });
    });
  }

  after(ms: number, action: () => void): Cancel {
    return this.#sched.after(Math.max(0, ms), "timer", this.#life, action);
  }
}
