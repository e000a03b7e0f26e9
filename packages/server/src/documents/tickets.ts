/** Tickets: a stand-in for a key, for one stream, within a minute. For readers that cannot send headers. */
import { type Clock, type Random, toHex } from "@smfs/core";
import type { Access } from "./access.ts";

const ticketMs = 60_000;
const ticketsMax = 10_000;

export class Tickets {
  readonly #clock: Clock;
  readonly #random: Random;
  /** In the order of their making. */
  readonly #given = new Map<string, { readonly access: Access; readonly until: number }>();

  constructor(clock: Clock, random: Random) {
    this.#clock = clock;
    this.#random = random;
  }

  /** @returns the ticket, and the time (milliseconds, for people) until which it is good */
  give(access: Access): { readonly ticket: string; readonly expiresAt: number } {
    const now = this.#clock.monotonic();
    for (const [old, { until }] of this.#given) {
      if (this.#given.size < ticketsMax && until > now) break;
      this.#given.delete(old);
    }
    const ticket = toHex(this.#random.bytes(24));
    this.#given.set(ticket, { access, until: now + ticketMs });
    return { ticket, expiresAt: this.#clock.now() + ticketMs };
  }

  /** What a ticket allows; it is used up. */
  take(ticket: string): Access | undefined {
    const given = this.#given.get(ticket);
    this.#given.delete(ticket);
    return given !== undefined && given.until > this.#clock.monotonic() ? given.access : undefined;
  }
}
