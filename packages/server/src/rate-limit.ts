/** How many requests a key may make in a while. */
import type { Clock } from "@smfs/core";
import { HttpError } from "./http/http-error.ts";

export interface RateLimitOptions {
  /** Requests of one key in one window. */
  readonly requests: number;
  /** Milliseconds. */
  readonly windowMs: number;
}

/** Keys that are counted; beyond, the oldest window begins anew. */
const keysMax = 10_000;

export class RateLimit {
  readonly #options: RateLimitOptions;
  readonly #clock: Clock;
  readonly #windows = new Map<string, { readonly until: number; count: number }>();

  constructor(options: RateLimitOptions, clock: Clock) {
    this.#options = options;
    this.#clock = clock;
  }

  /** Counts a request. @throws HttpError 429 when it is one too many */
  count(keyId: string): void {
    const now = this.#clock.monotonic();
    let window = this.#windows.get(keyId);
    if (window === undefined || window.until <= now) {
      window = { until: now + this.#options.windowMs, count: 0 };
      this.#windows.delete(keyId);
      this.#windows.set(keyId, window);
      for (const [oldest] of this.#windows) {
        if (this.#windows.size <= keysMax) break;
        this.#windows.delete(oldest);
      }
    }
    window.count += 1;
    if (window.count <= this.#options.requests) return;
    const waitMs = Math.ceil(window.until - now);
    throw new HttpError(429, "Too Many Requests", {
      details: "Rate limit exceeded",
      headers: {
        "Retry-After": String(Math.ceil(waitMs / 1000)),
        "Retry-After-Ms": String(waitMs),
      },
    });
  }
}
