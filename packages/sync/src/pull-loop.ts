/** Paces pulls: a long poll of the change feed, or listings at intervals where there is none. */
import { backoffMs, type Clock, feedWaitS, type Logger, type Random } from "@smfs/core";
import type { StorePort } from "@smfs/store";
import { type Background, Signal } from "./background.ts";
import type { Brake } from "./brake.ts";
import { feedCursorKey, type PullFeed } from "./pull-feed.ts";
import type { PullList } from "./pull-list.ts";

/** Seconds of a long poll while deletions are held: a confirmation is looked for between two. */
const heldWaitS = 2;

export interface PullLoopOptions {
  readonly pollIntervalS: number;
  readonly sweepIntervalS: number;
}

export class PullLoop {
  readonly #port: StorePort;
  readonly #feed: PullFeed;
  readonly #list: PullList;
  readonly #brake: Brake;
  readonly #background: Background;
  readonly #clock: Clock;
  readonly #random: Random;
  readonly #log: Logger;
  readonly #options: PullLoopOptions;
  readonly #onPulled: () => void;
  readonly #woken: Signal;
  #lastPullMs: number | null = null;
  #lastFullMs = Number.NEGATIVE_INFINITY;

  /** @param deps.onPulled called when everything that was seen has been applied or deferred */
  constructor(deps: {
    port: StorePort;
    feed: PullFeed;
    list: PullList;
    brake: Brake;
    background: Background;
    clock: Clock;
    random: Random;
    log: Logger;
    options: PullLoopOptions;
    onPulled: () => void;
  }) {
    this.#port = deps.port;
    this.#feed = deps.feed;
    this.#list = deps.list;
    this.#brake = deps.brake;
    this.#background = deps.background;
    this.#clock = deps.clock;
    this.#random = deps.random;
    this.#log = deps.log;
    this.#options = deps.options;
    this.#onPulled = deps.onPulled;
    this.#woken = new Signal(deps.background, deps.clock);
  }

  /** Wall-clock milliseconds of the last complete pull, for people; null before the first. */
  get lastPullMs(): number | null {
    return this.#lastPullMs;
  }

  /** Lists now rather than when its time comes. A feed is always listening. */
  wake(): void {
    this.#woken.set();
  }

  /** Follows the change feed. */
  async follow(): Promise<void> {
    let waitS = 0;
    while (!this.#background.isStopped) {
      await this.#background.whenConnected();
      try {
        const result = await this.#feed.page(waitS, this.#background.signal);
        this.#background.connection.answered();
        if (result.kind === "expired") {
          await this.#resync();
          waitS = 0;
          continue;
        }
        if (!result.hasMore) this.#pulled(result.count > 0 || waitS === 0);
        waitS = result.hasMore ? 0 : this.#brake.held !== null ? heldWaitS : feedWaitS;
      } catch (error) {
        waitS = 0;
        await this.#afterFailure(error);
      }
    }
  }

  /** The feed cannot go on where it was: it is read from its beginning. */
  async #resync(): Promise<void> {
    this.#log.log("warn", "the change feed cannot be continued: comparing everything");
    await this.#port.setCursor(feedCursorKey, null);
  }

  /** Lists at intervals. */
  async list(): Promise<void> {
    while (!this.#background.isStopped) {
      await this.#background.whenConnected();
      this.#woken.clear();
      try {
        await this.#listOnce();
      } catch (error) {
        await this.#afterFailure(error);
        continue;
      }
      await this.#woken.wait(this.#options.pollIntervalS * 1000);
    }
  }

  async #listOnce(): Promise<void> {
    const { signal } = this.#background;
    const sinceFullMs = this.#clock.monotonic() - this.#lastFullMs;
    const isDue = sinceFullMs >= this.#options.sweepIntervalS * 1000;
    const pass = isDue ? await this.#list.full(signal) : await this.#list.delta(signal);
    if (isDue && pass.isStable) this.#lastFullMs = this.#clock.monotonic();
    this.#background.connection.answered();
    this.#pulled(true);
  }

  #pulled(mayHaveChanged: boolean): void {
    this.#lastPullMs = this.#clock.now();
    if (mayHaveChanged) this.#onPulled();
  }

  /** An error that is not the connection's has no wait of its own: the loop must not spin on it. */
  async #afterFailure(error: unknown): Promise<void> {
    this.#background.noteFailure(error, "pull");
    const isWaiting = this.#background.connection.waitMs() > 0;
    if (!isWaiting) await this.#background.sleep(backoffMs(1, this.#random));
  }
}
