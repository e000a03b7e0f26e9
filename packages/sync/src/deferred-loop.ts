/** Looks again at documents that were seen and could not be decided; nothing runs while there are none. */
import type { Clock } from "@smfs/core";
import type { StorePort } from "@smfs/store";
import { type Background, Signal } from "./background.ts";
import type { Pull } from "./pull.ts";
import type { PullList } from "./pull-list.ts";

/** Milliseconds between two rounds: doubled while nothing comes of them. */
const roundMs = 1000;
const roundMsMax = 8000;
/** Longest wait between two requests about one document. */
const lookMsMax = 30_000;
/** Documents looked at in one round. */
const documentsMax = 256;

interface Pace {
  readonly atMs: number;
  readonly count: number;
}

export class DeferredLoop {
  readonly #port: StorePort;
  readonly #pull: Pull;
  readonly #list: PullList;
  readonly #background: Background;
  readonly #clock: Clock;
  readonly #onPulled: () => void;
  readonly #woken: Signal;
  readonly #paces = new Map<string, Pace>();

  /** @param deps.onPulled called when something that was deferred has been decided */
  constructor(deps: {
    port: StorePort;
    pull: Pull;
    list: PullList;
    background: Background;
    clock: Clock;
    onPulled: () => void;
  }) {
    this.#port = deps.port;
    this.#pull = deps.pull;
    this.#list = deps.list;
    this.#background = deps.background;
    this.#clock = deps.clock;
    this.#onPulled = deps.onPulled;
    this.#woken = new Signal(deps.background, deps.clock);
  }

  /** Something was deferred. */
  wake(): void {
    this.#woken.set();
  }

  async run(): Promise<void> {
    // An earlier process may have left some.
    this.#woken.set();
    let leftBefore = 0;
    let waitMs = roundMs;
    while (!this.#background.isStopped) {
      await this.#woken.wait(Number.POSITIVE_INFINITY);
      await this.#background.sleep(waitMs);
      await this.#background.whenConnected();
      if (this.#background.isStopped) return;
      this.#woken.clear();
      try {
        const left = await this.#round();
        waitMs = left === leftBefore ? Math.min(waitMs * 2, roundMsMax) : roundMs;
        leftBefore = left;
        if (left > 0) this.#woken.set();
      } catch (error) {
        this.#background.noteFailure(error, "pull");
        this.#woken.set();
      }
    }
  }

  /** From memory where the feed said everything; else by a request, ever more rarely for one that stays undecided. */
  async #round(): Promise<number> {
    const now = this.#clock.monotonic();
    const before = await this.#port.pending(documentsMax);
    for (const { docId } of before) {
      if (this.#background.isStopped) break;
      const seen = this.#pull.remembered(docId);
      if (seen !== undefined) await this.#pull.apply([seen], undefined, this.#background.signal);
      else if (this.#isDue(docId, now)) await this.#list.one(docId);
    }
    const left = new Set((await this.#port.pending(documentsMax)).map(({ docId }) => docId));
    for (const docId of this.#paces.keys()) if (!left.has(docId)) this.#paces.delete(docId);
    if (before.some(({ docId }) => !left.has(docId))) this.#onPulled();
    return left.size;
  }

  #isDue(docId: string, now: number): boolean {
    const pace = this.#paces.get(docId) ?? { atMs: 0, count: 0 };
    if (now < pace.atMs) return false;
    const waitMs = Math.min(lookMsMax, roundMs * 2 ** pace.count);
    this.#paces.set(docId, { atMs: now + waitMs, count: Math.min(16, pace.count + 1) });
    return true;
  }
}
