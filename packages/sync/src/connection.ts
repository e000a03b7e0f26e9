/**
 * Whether the server can be reached and will have us: what all loops pace themselves by.
 *
 * A failure is the connection's, not a document's: when nothing can be sent, every loop waits for the same moment,
 * and 401, 402 and 403 pause the mount visibly without dropping anything.
 */
import { ApiError } from "@smfs/api";
import { backoffMs, type Clock, type Logger, type Random } from "@smfs/core";

export type ConnectionState = "connecting" | "online" | "offline" | "paused";

/** Milliseconds between two looks whether a refused key works again. */
const pausedMs = 60_000;

export interface ConnectionView {
  readonly state: ConnectionState;
  readonly message: string | null;
  /** Wall-clock milliseconds of the last answer, for people. */
  readonly lastAnswerMs: number | null;
}

export class Connection {
  readonly #clock: Clock;
  readonly #random: Random;
  readonly #log: Logger;
  #state: ConnectionState = "connecting";
  #message: string | null = null;
  #failures = 0;
  #waitUntil = 0;
  #lastAnswerMs: number | null = null;

  constructor(clock: Clock, random: Random, log: Logger) {
    this.#clock = clock;
    this.#random = random;
    this.#log = log;
  }

  view(): ConnectionView {
    return { state: this.#state, message: this.#message, lastAnswerMs: this.#lastAnswerMs };
  }

  get isOnline(): boolean {
    return this.#state === "online";
  }

  /** Milliseconds until something may be sent. */
  waitMs(): number {
    return Math.max(0, this.#waitUntil - this.#clock.monotonic());
  }

  /** The server answered as a server does. */
  answered(): void {
    this.#lastAnswerMs = this.#clock.now();
    this.#failures = 0;
    this.#waitUntil = 0;
    this.#set("online", null);
  }

  /** Whether an error concerns the connection rather than what was asked; notes it if so. */
  failed(error: unknown): boolean {
    if (!(error instanceof ApiError)) return false;
    const now = this.#clock.monotonic();
    switch (error.kind) {
      case "unauthorised":
        this.#waitUntil = now + pausedMs;
        this.#set("paused", error.message);
        return true;
      case "busy":
        this.#waitUntil = now + (error.retryAfterMs ?? backoffMs(1, this.#random));
        this.#lastAnswerMs = this.#clock.now();
        return true;
      case "unsent":
      case "unknown":
        this.#failures += 1;
        this.#waitUntil = now + backoffMs(this.#failures, this.#random);
        this.#set("offline", error.message);
        return true;
      default:
        // Any other answer is an answer.
        this.answered();
        return false;
    }
  }

  /** Looks again at once, for a user who asked. */
  retryNow(): void {
    this.#waitUntil = 0;
  }

  #set(state: ConnectionState, message: string | null): void {
    if (state !== this.#state) {
      this.#log.log(state === "online" ? "info" : "warn", `the server is ${state}`, {
        ...(message === null ? {} : { reason: message }),
      });
    }
    this.#state = state;
    this.#message = message;
  }
}
