/** Bytes of request bodies that are in memory at one time: many large ones at once must not exhaust it. */
import { HttpError } from "./http-error.ts";

export class BodyBudget {
  readonly #bytesMax: number;
  #held = 0;

  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax;
  }

  /** @throws HttpError 503 when too much is held already */
  take(bytes: number): void {
    if (this.#held + bytes > this.#bytesMax) {
      throw new HttpError(503, "Service Unavailable", {
        details: "too many large requests at once",
        headers: { "Retry-After": "1" },
      });
    }
    this.#held += bytes;
  }

  release(bytes: number): void {
    this.#held -= bytes;
  }
}
