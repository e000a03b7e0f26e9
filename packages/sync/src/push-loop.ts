/** Paces pushes: as many attempts at a time as there are places, each begun when its entry is settled. */
import { backoffMs, type Clock, parallelPushesMax, portBatchMax, type Random } from "@smfs/core";
import type { PushTask, StorePort } from "@smfs/store";
import { type Background, Signal } from "./background.ts";
import type { Push } from "./push.ts";

/** Milliseconds after which the loop looks again though nothing woke it. */
const idleMs = 60_000;

export class PushLoop {
  readonly #port: StorePort;
  readonly #push: Push;
  readonly #background: Background;
  readonly #random: Random;
  readonly #woken: Signal;
  /** Picked and not begun. What it was picked for is looked at again when it is claimed. */
  readonly #ready: PushTask[] = [];
  readonly #inFlight = new Set<string>();
  /** Failures in a row, by entry. */
  readonly #failures = new Map<string, number>();

  constructor(deps: {
    port: StorePort;
    push: Push;
    background: Background;
    clock: Clock;
    random: Random;
  }) {
    this.#port = deps.port;
    this.#push = deps.push;
    this.#background = deps.background;
    this.#random = deps.random;
    this.#woken = new Signal(deps.background, deps.clock);
  }

  /** There may be something to push. */
  wake(): void {
    this.#woken.set();
  }

  async run(): Promise<void> {
    while (!this.#background.isStopped) {
      await this.#background.whenConnected();
      const waitMs = await this.#round();
      await this.#woken.wait(waitMs);
    }
  }

  /** Begins as many attempts as there are places; returns how long nothing else can begin. */
  async #round(): Promise<number> {
    // Whatever wakes the loop from here on is seen by the next round; an attempt that ends wakes it too.
    this.#woken.clear();
    if (this.#inFlight.size >= this.#places()) return idleMs;
    let waitMs: number | undefined;
    if (this.#ready.length === 0) {
      const picked = await this.#port.pick(portBatchMax);
      // Whatever was picked before and is still being carried out is not taken twice.
      this.#ready.push(...picked.tasks.filter(({ fid }) => !this.#inFlight.has(fid)));
      waitMs = picked.waitMs;
    }
    while (this.#inFlight.size < this.#places() && !this.#background.isStopped) {
      const task = this.#ready.shift();
      if (task === undefined) break;
      this.#inFlight.add(task.fid);
      this.#background.own(this.#one(task));
    }
    return waitMs ?? idleMs;
  }

  /** Attempts at a time. One finds out whether the server has us again; the others would only ask the same. */
  #places(): number {
    return this.#background.connection.isOnline ? parallelPushesMax : 1;
  }

  async #one(task: PushTask): Promise<void> {
    const again = await this.#attempt(task);
    // Its place is free at once. What could not be claimed is passed over by the store for a while.
    this.#inFlight.delete(task.fid);
    this.#woken.set();
    if (again === undefined) return;
    await this.#background.sleep(again);
    if (this.#background.isStopped) return;
    await this.#port.giveBack(task.fid);
    this.#woken.set();
  }

  /** Milliseconds after which an attempt whose outcome is open is looked at again; undefined when it is not. */
  async #attempt(task: PushTask): Promise<number | undefined> {
    const { connection } = this.#background;
    try {
      const outcome = await this.#push.run(task);
      if (outcome.kind === "idle") return undefined;
      connection.answered();
      this.#failures.delete(task.fid);
      return outcome.kind === "again" ? outcome.afterMs : undefined;
    } catch (error) {
      this.#background.noteFailure(error, "push");
      const count = (this.#failures.get(task.fid) ?? 0) + 1;
      this.#failures.set(task.fid, count);
      return connection.isOnline
        ? backoffMs(count, this.#random)
        : Math.max(1, connection.waitMs());
    }
  }
}
