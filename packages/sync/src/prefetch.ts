/**
 * Fills small stubs in the background, so that most of a tree is here before it is asked for (docs/spec/sync.md,
 * HYDRATE-3). One pass at a time over what the store says is a stub: what was overtaken, or could not be fetched, is
 * found again by a later pass.
 */
import { type Clock, inlineBytesMax, prefetchRetryMs, prefetchRetryMsMax } from "@smfs/core";
import type { StorePort, StubView } from "@smfs/store";
import { type Background, Signal } from "./background.ts";
import type { Hydrate } from "./hydrate.ts";

/** Stubs looked at in one page, and fetched at one time. */
const pageRows = 64;
const parallelMax = 4;
/** Stubs that failed and are remembered; when so many fail, the others wait until somebody opens them. */
const failedMax = 10_000;

interface Failed {
  /** Digest of the bytes that did not come: other ones are tried at once. */
  readonly hash: string;
  readonly dueMs: number;
  readonly waitMs: number;
}

export class Prefetch {
  readonly #port: StorePort;
  readonly #hydrate: Hydrate;
  readonly #background: Background;
  readonly #clock: Clock;
  readonly #woken: Signal;
  #failed = new Map<number, Failed>();

  constructor(deps: { port: StorePort; hydrate: Hydrate; background: Background; clock: Clock }) {
    this.#port = deps.port;
    this.#hydrate = deps.hydrate;
    this.#background = deps.background;
    this.#clock = deps.clock;
    this.#woken = new Signal(deps.background, deps.clock);
  }

  /** There may be new stubs. */
  wake(): void {
    this.#woken.set();
  }

  async run(): Promise<void> {
    while (!this.#background.isStopped) {
      await this.#background.whenConnected();
      this.#woken.clear();
      const waitMs = await this.#pass();
      await this.#woken.wait(waitMs);
    }
  }

  /** Tries every stub whose time has come. Returns the milliseconds until the next one's. */
  async #pass(): Promise<number> {
    const still = new Map<number, Failed>();
    let after = 0;
    while (this.#mayFetch()) {
      const page = await this.#port.stubs(after, inlineBytesMax, pageRows);
      if (page.length === 0 || still.size >= failedMax) {
        this.#failed = still;
        return this.#nextMs();
      }
      after = page.at(-1)?.ino ?? after;
      await this.#fill(page, still);
    }
    return prefetchRetryMs;
  }

  async #fill(page: readonly StubView[], still: Map<number, Failed>): Promise<void> {
    const now = this.#clock.monotonic();
    const due: StubView[] = [];
    for (const stub of page) {
      const failed = this.#failed.get(stub.ino);
      if (failed === undefined || failed.hash !== stub.hash || failed.dueMs <= now) due.push(stub);
      else still.set(stub.ino, failed);
    }
    for (let from = 0; from < due.length && this.#mayFetch(); from += parallelMax) {
      const some = due.slice(from, from + parallelMax);
      const filled = await Promise.all(some.map(({ ino }) => this.#tryFill(ino)));
      for (const [at, { ino, hash }] of some.entries()) {
        if (filled[at] !== true) still.set(ino, this.#failedAgain(ino, hash));
      }
    }
  }

  async #tryFill(ino: number): Promise<boolean> {
    try {
      return await this.#hydrate.tryFill(ino);
    } catch (error) {
      this.#background.noteFailure(error, "prefetch");
      return false;
    }
  }

  #failedAgain(ino: number, hash: string): Failed {
    const before = this.#failed.get(ino);
    const waitMs =
      before?.hash === hash ? Math.min(before.waitMs * 2, prefetchRetryMsMax) : prefetchRetryMs;
    return { hash, waitMs, dueMs: this.#clock.monotonic() + waitMs };
  }

  #nextMs(): number {
    let next = Number.POSITIVE_INFINITY;
    for (const { dueMs } of this.#failed.values()) next = Math.min(next, dueMs);
    return Math.max(1, next - this.#clock.monotonic());
  }

  /** Nothing is asked for in advance of a server that cannot be reached, or that wants to be left alone. */
  #mayFetch(): boolean {
    const { connection, isStopped } = this.#background;
    return !isStopped && connection.isOnline && connection.waitMs() <= 0;
  }
}
