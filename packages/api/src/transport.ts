/**
 * One HTTP exchange, as the client needs it. The real transport is `fetch`; the simulator's is a model network.
 * An exchange is one attempt: nothing here retries.
 */

/** What is sent. */
export interface HttpRequest {
  readonly method: "GET" | "HEAD" | "POST" | "PUT" | "PATCH" | "DELETE";
  /** Path with query, beginning with `/`; already percent-encoded. */
  readonly path: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: HttpBody;
  /** Milliseconds until the exchange is given up. */
  readonly deadlineMs: number;
  readonly signal?: AbortSignal;
}

export type HttpBody =
  | { readonly kind: "json"; readonly value: unknown }
  | { readonly kind: "bytes"; readonly bytes: Uint8Array; readonly type?: string }
  /** A file on disk, read while it is sent. The runtime that has files supplies `stream`. */
  | {
      readonly kind: "stream";
      readonly size: number;
      readonly type?: string;
      readonly stream: () => ReadableStream<Uint8Array>;
    }
  | { readonly kind: "form"; readonly fields: readonly FormField[] };

export interface FormField {
  readonly name: string;
  readonly value: string | Uint8Array;
  readonly fileName?: string;
}

/** What came back. Header names are lower-case. */
export interface HttpResponse {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  /** The body parsed as JSON; undefined when it is empty or not JSON. */
  json(): Promise<unknown>;
  bytes(): Promise<Uint8Array>;
  /** The body as it arrives, for what should not be held in memory. */
  stream(): ReadableStream<Uint8Array>;
}

/**
 * Why an exchange brought no answer. `unsent`: the request cannot have reached the server (refused, no route).
 * `unknown`: it may have been carried out, or may still be.
 */
export class TransportError extends Error {
  readonly outcome: "unsent" | "unknown";

  constructor(outcome: "unsent" | "unknown", message: string) {
    super(message);
    this.name = "TransportError";
    this.outcome = outcome;
  }
}

export interface Transport {
  /** @throws TransportError when there is no answer */
  exchange(request: HttpRequest): Promise<HttpResponse>;
}
