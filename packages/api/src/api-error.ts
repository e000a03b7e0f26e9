/** What a server's answer, or its absence, means for the one who asked. */
import type { HttpResponse } from "./transport.ts";

/**
 * - `unsent`: cannot have reached the server. `unknown`: may have been carried out, or may still be.
 * - `unauthorised`: 401, 402, 403: nothing will work until somebody acts.
 * - `busy`: 429, or 409 for an idempotency key that is still running: the same again after `retryAfterMs`.
 * - `not-found`: 404. `precondition`: 412, or 409: another state than the request assumed; `current` says which.
 * - `gone`: 410, a cursor from before the horizon. `too-large`: 413. `rejected`: any other 4xx: this request will
 *   never succeed. A 5xx is `unknown`: the server may have carried it out before it failed.
 */
export type ApiErrorKind =
  | "unsent"
  | "unknown"
  | "unauthorised"
  | "busy"
  | "not-found"
  | "precondition"
  | "gone"
  | "too-large"
  | "rejected";

/** The document that stands in the way, as a 409 or 412 names it (http-api.md, conditional requests). */
export interface StandingDocument {
  readonly id: string;
  readonly customId: string | null;
  readonly rev: number | null;
  readonly contentHash: string | null;
  readonly filepath: string | null;
}

export class ApiError extends Error {
  readonly kind: ApiErrorKind;
  /** HTTP status; 0 when there was no answer. */
  readonly status: number;
  readonly retryAfterMs: number | undefined;
  readonly current: StandingDocument | undefined;

  constructor(
    kind: ApiErrorKind,
    message: string,
    more: {
      status?: number;
      retryAfterMs?: number | undefined;
      current?: StandingDocument | undefined;
    } = {},
  ) {
    super(message);
    this.name = "ApiError";
    this.kind = kind;
    this.status = more.status ?? 0;
    this.retryAfterMs = more.retryAfterMs;
    this.current = more.current;
  }
}

/** Longest `Retry-After` that is believed, in milliseconds. */
const retryAfterMsMax = 15 * 60_000;

/** The error in an answer that is not 2xx. */
export async function toApiError(response: HttpResponse): Promise<ApiError> {
  const body = asRecord(await response.json().catch(() => undefined));
  const said = [body.error, body.details].filter((text) => typeof text === "string").join(": ");
  const message = said === "" ? `the server answered ${response.status}` : said;
  const kind = kindOf(response.status, response.headers["retry-after"] !== undefined, body);
  return new ApiError(kind, message, {
    status: response.status,
    retryAfterMs: retryAfter(response.headers),
    current: toCurrent(body.current),
  });
}

function kindOf(
  status: number,
  hasRetryAfter: boolean,
  body: Record<string, unknown>,
): ApiErrorKind {
  switch (status) {
    case 401:
    case 402:
    case 403:
      return "unauthorised";
    case 404:
      return "not-found";
    case 409:
      return body.current === undefined && hasRetryAfter ? "busy" : "precondition";
    case 410:
      return "gone";
    case 412:
      return "precondition";
    case 413:
      return "too-large";
    case 408:
    case 425:
      return "unknown";
    case 429:
      return "busy";
    default:
      return status >= 500 ? "unknown" : "rejected";
  }
}

function retryAfter(headers: Readonly<Record<string, string>>): number | undefined {
  const ms = Number(headers["retry-after-ms"] ?? "x");
  const s = Number(headers["retry-after"] ?? "x");
  const given = Number.isFinite(ms) ? ms : s * 1000;
  return Number.isFinite(given) ? Math.min(retryAfterMsMax, Math.max(0, given)) : undefined;
}

function asRecord(value: unknown): Record<string, unknown> {
  return typeof value === "object" && value !== null ? (value as Record<string, unknown>) : {};
}

function toCurrent(value: unknown): StandingDocument | undefined {
  const record = asRecord(value);
  const id = record.id;
  if (typeof id !== "string") return undefined;
  const text = (key: string) => (typeof record[key] === "string" ? (record[key] as string) : null);
  return {
    id,
    customId: text("customId"),
    rev: typeof record.rev === "number" ? record.rev : null,
    contentHash: text("contentHash"),
    filepath: text("filepath"),
  };
}
