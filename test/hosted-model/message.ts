/** Requests and answers of the model: what HTTP carries, without HTTP. */
import type { FormField } from "@smfs/api";

export interface ModelRequest {
  readonly method: string;
  /** Path with query, percent-encoded. */
  readonly path: string;
  /** Lower-case names. */
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: ModelBody;
}

export type ModelBody =
  | { readonly kind: "json"; readonly value: unknown }
  | { readonly kind: "bytes"; readonly bytes: Uint8Array; readonly type?: string }
  | { readonly kind: "form"; readonly fields: readonly FormField[] };

export interface ModelResponse {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly json?: unknown;
  readonly bytes?: Uint8Array;
}

/** A long poll: nothing to tell yet. Ask again when something changed, or with `expired` set after `waitMs`. */
export interface Hold {
  readonly hold: true;
  readonly waitMs: number;
}

export type Answer = ModelResponse | Hold;

export function isHold(answer: Answer): answer is Hold {
  return "hold" in answer;
}

/** An answer that is thrown where it is found out. */
export class Refusal extends Error {
  readonly response: ModelResponse;

  constructor(status: number, error: string, details?: string, more?: Record<string, unknown>) {
    super(`${status} ${error}`);
    const retry: Record<string, string> =
      status === 409 || status === 501 ? { "x-should-retry": "false" } : {};
    this.response = {
      status,
      headers: retry,
      json: { error, ...(details === undefined ? {} : { details }), ...more },
    };
  }
}

/** A request with its path taken apart. */
export interface Call {
  readonly method: string;
  readonly path: string;
  readonly segments: readonly string[];
  readonly query: URLSearchParams;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: ModelBody | undefined;
  /** True when a long poll has waited long enough. */
  readonly expired: boolean;
}

export function toCall(request: ModelRequest, expired: boolean): Call {
  const mark = request.path.indexOf("?");
  const path = mark < 0 ? request.path : request.path.slice(0, mark);
  const query = new URLSearchParams(mark < 0 ? "" : request.path.slice(mark + 1));
  const segments = path.split("/").slice(1).map(decodeURIComponent);
  return {
    method: request.method,
    path,
    segments,
    query,
    headers: request.headers ?? {},
    body: request.body,
    expired,
  };
}

/** The JSON object that a call carries. */
export function jsonBody(call: Call): Record<string, unknown> {
  const value = call.body?.kind === "json" ? call.body.value : undefined;
  if (typeof value !== "object" || value === null || Array.isArray(value))
    throw new Refusal(400, "Invalid request parameters", "body: not a JSON object");
  return value as Record<string, unknown>;
}
