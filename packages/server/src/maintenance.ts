/** Work that is done once in a while: old versions, tombstones, replies and unnamed blobs are dropped. */
import type { Cancel, Clock, Logger } from "@smfs/core";
import {
  blobAgeMs,
  replyAgeMs,
  thinAgeMs,
  thinWindowMs,
  tombstoneAgeMs,
  versionAgeMs,
  versionsKept,
} from "./limits.ts";
import type { CollectLimits, Storage } from "./storage/storage.ts";

const limits: CollectLimits = {
  versionsKept,
  versionAgeMs,
  thinWindowMs,
  thinAgeMs,
  tombstoneAgeMs,
  replyAgeMs,
  blobAgeMs,
};
/** Milliseconds between two rounds; the first is a while after the start, when everybody has connected. */
const roundMs = 3600_000;
/** Calls in one round: each drops a bounded number of rows, and others write between two of them. */
const callsMax = 1000;

export class Maintenance {
  readonly #storage: Pick<Storage, "collect">;
  readonly #clock: Clock;
  readonly #logger: Logger;
  #timer: Cancel | undefined;
  #running: Promise<void> = Promise.resolve();
  #isStopped = false;

  constructor(storage: Pick<Storage, "collect">, clock: Clock, logger: Logger) {
    this.#storage = storage;
    this.#clock = clock;
    this.#logger = logger;
    this.#plan();
  }

  async close(): Promise<void> {
    this.#isStopped = true;
    this.#timer?.();
    await this.#running;
  }

  #plan(): void {
    if (this.#isStopped) return;
    this.#timer = this.#clock.after(roundMs, () => {
      this.#running = this.#round().finally(() => this.#plan());
    });
  }

  async #round(): Promise<void> {
    try {
      for (let call = 0; call < callsMax && !this.#isStopped; call += 1) {
        const dropped = await this.#storage.collect(limits);
        const rows = dropped.versions + dropped.tombstones + dropped.replies;
        if (rows === 0 && !dropped.hasMore) return;
      }
    } catch (error) {
      // Nothing is lost by what was not dropped: the next round tries again.
      this.#logger.log("warn", "maintenance failed", { error: String(error) });
    }
  }
}
