/**
 * The way to the embedded server: when nothing listens there any more, the server is started again, maybe at
 * another port. The exchange that found it gone still fails: whoever made it decides what that means.
 */
import { type HttpRequest, type HttpResponse, type Transport, TransportError } from "@smfs/api";
import type { Clock, Logger } from "@smfs/core";

export interface EmbeddedTransportOptions {
  readonly apiUrl: string;
  /** A transport to an address. */
  readonly connect: (apiUrl: string) => Transport;
  /** Makes sure that the server runs; resolves to its address. */
  readonly revive: () => Promise<string>;
  readonly clock: Clock;
  readonly log: Logger;
}

/** Milliseconds between two attempts to start a server that does not stay. */
const reviveMs = 10_000;

export class EmbeddedTransport implements Transport {
  readonly #options: EmbeddedTransportOptions;
  #apiUrl: string;
  #inner: Transport;
  #revival: Promise<void> | undefined;
  #lastRevival = Number.NEGATIVE_INFINITY;

  constructor(options: EmbeddedTransportOptions) {
    this.#options = options;
    this.#apiUrl = options.apiUrl;
    this.#inner = options.connect(options.apiUrl);
  }

  /** Where the server is now. */
  get apiUrl(): string {
    return this.#apiUrl;
  }

  async exchange(request: HttpRequest): Promise<HttpResponse> {
    try {
      return await this.#inner.exchange(request);
    } catch (error) {
      if (error instanceof TransportError && error.outcome === "unsent") this.#reviveSoon();
      throw error;
    }
  }

  /** Waits for a start that is under way, if there is one. */
  async settled(): Promise<void> {
    await this.#revival;
  }

  #reviveSoon(): void {
    const { clock } = this.#options;
    if (this.#revival !== undefined || clock.monotonic() - this.#lastRevival < reviveMs) return;
    this.#lastRevival = clock.monotonic();
    this.#revival = this.#revive().finally(() => {
      this.#revival = undefined;
    });
  }

  async #revive(): Promise<void> {
    const { connect, log, revive } = this.#options;
    try {
      const apiUrl = await revive();
      log.log("info", "the memory server of this machine was started again", { apiUrl });
      if (apiUrl === this.#apiUrl) return;
      this.#apiUrl = apiUrl;
      this.#inner = connect(apiUrl);
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      log.log("error", "the memory server of this machine cannot be started", { reason });
    }
  }
}
