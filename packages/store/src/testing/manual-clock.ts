/** A clock that stands still until it is moved. */
import type { Cancel, Clock } from "@smfs/core";

export class ManualClock implements Clock {
  #ms = 1_700_000_000_000;
  #timers: { readonly dueMs: number; readonly action: () => void }[] = [];

  now(): number {
    return this.#ms;
  }

  monotonic(): number {
    return this.#ms;
  }

  sleep(ms: number): Promise<void> {
    return new Promise((resolve) => {
      this.after(ms, resolve);
    });
  }

  after(ms: number, action: () => void): Cancel {
    const timer = { dueMs: this.#ms + ms, action };
    this.#timers.push(timer);
    return () => {
      this.#timers = this.#timers.filter((other) => other !== timer);
    };
  }

  /** Moves time on, and runs what becomes due. */
  advance(ms: number): void {
    this.#ms += ms;
    const due = this.#timers.filter(({ dueMs }) => dueMs <= this.#ms);
    this.#timers = this.#timers.filter(({ dueMs }) => dueMs > this.#ms);
    for (const { action } of due) action();
  }
}
