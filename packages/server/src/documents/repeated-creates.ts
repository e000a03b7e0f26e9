/**
 * Creates that a client library repeats by itself. A document without a custom id and a path has nothing to be found
 * by, so the repetition of such a create, which says by a header that it is one, is told from a second document by its
 * body.
 */
import { createHash } from "node:crypto";
import type { Clock } from "@smfs/core";
import { repeatedCreateMs, repeatedCreatesMax } from "../limits.ts";

export class RepeatedCreates {
  readonly #clock: Clock;
  /** By key and body, in the order of their making. */
  readonly #made = new Map<string, { readonly id: string; readonly at: number }>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Names a create by who asks and what with. */
  nameOf(keyId: string, body: unknown): string {
    return createHash("sha256")
      .update(JSON.stringify([keyId, body]))
      .digest("base64url");
  }

  /** The document that the same create made a short while ago. */
  find(name: string): string | undefined {
    const made = this.#made.get(name);
    return made !== undefined && this.#clock.monotonic() - made.at < repeatedCreateMs
      ? made.id
      : undefined;
  }

  remember(name: string, id: string): void {
    const now = this.#clock.monotonic();
    for (const [old, { at }] of this.#made) {
      if (this.#made.size < repeatedCreatesMax && now - at < repeatedCreateMs) break;
      this.#made.delete(old);
    }
    this.#made.set(name, { id, at: now });
  }
}
