/**
 * What every loop of an engine shares: the end of all work, waiting that ends with it, and the ownership of tasks that
 * nobody awaits (each is awaited by `stop`, and none fails unheard).
 */
import { setMaxListeners } from "node:events";
import type { Clock, Logger } from "@smfs/core";
import type { Connection } from "./connection.ts";

/** Milliseconds between two looks while the connection is to be left alone. */
const lookMs = 1000;

export class Background {
  readonly connection: Connection;
  readonly #clock: Clock;
  readonly #log: Logger;
  readonly #stop = new AbortController();
  readonly #running = new Set<Promise<void>>();

  constructor(connection: Connection, clock: Clock, log: Logger) {
    this.connection = connection;
    this.#clock = clock;
    this.#log = log;
    // As many wait for the end as there are requests and timers: no leak, and no warning on a terminal.
    setMaxListeners(0, this.#stop.signal);
  }

  /** Aborted when all work ends. */
  get signal(): AbortSignal {
    return this.#stop.signal;
  }

  get isStopped(): boolean {
    return this.#stop.signal.aborted;
  }

  /** Takes over a task: it is waited for at the end, and its failure is told. */
  own(work: Promise<void>): void {
    const owned = work
      .catch((error: unknown) => this.noteFailure(error, "a background task"))
      .finally(() => this.#running.delete(owned));
    this.#running.add(owned);
  }

  /** An error of the connection is the connection's; any other is logged, and its loop goes on. */
  noteFailure(error: unknown, what: string): void {
    if (this.isStopped || this.connection.failed(error)) return;
    const reason = error instanceof Error ? error.message : String(error);
    this.#log.log("error", `${what} failed`, { reason });
  }

  sleep(ms: number): Promise<void> {
    return this.#clock.sleep(ms, this.#stop.signal);
  }

  /** Waits while the connection is to be left alone; looks now and then whether somebody asked to try at once. */
  async whenConnected(): Promise<void> {
    for (;;) {
      const ms = this.connection.waitMs();
      if (ms <= 0 || this.isStopped) return;
      await this.sleep(Math.min(ms, lookMs));
    }
  }

  /** Ends all waiting, then waits for what is running. */
  async stop(): Promise<void> {
    this.#stop.abort();
    while (this.#running.size > 0) await Promise.all(this.#running);
  }
}

/** Something a loop waits for: set by others, taken by the loop, never lost between two looks. */
export class Signal {
  readonly #background: Background;
  readonly #clock: Clock;
  #isSet = false;
  #wake: () => void = () => undefined;

  constructor(background: Background, clock: Clock) {
    this.#background = background;
    this.#clock = clock;
    background.signal.addEventListener("abort", () => this.#wake(), { once: true });
  }

  set(): void {
    this.#isSet = true;
    this.#wake();
  }

  /** Forgets what was set: whoever looks now sees what it was set for. */
  clear(): void {
    this.#isSet = false;
  }

  /** Waits until it is set, `ms` have passed, or all work ends. */
  async wait(ms: number): Promise<void> {
    if (this.#isSet || this.#background.isStopped) return;
    await new Promise<void>((resolve) => {
      const cancel = Number.isFinite(ms) ? this.#clock.after(ms, resolve) : () => undefined;
      this.#wake = () => {
        cancel();
        resolve();
      };
    });
    this.#wake = () => undefined;
  }
}
