/** A request that cannot be served as asked: what the caller is told. */
import type { CurrentDocumentJson, ErrorBody } from "@smfs/api";

interface More {
  readonly details?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly current?: CurrentDocumentJson;
  readonly resync?: boolean;
}

export class HttpError extends Error {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: ErrorBody;

  constructor(status: number, error: string, more: More = {}) {
    super(more.details === undefined ? error : `${error}: ${more.details}`);
    this.name = "HttpError";
    this.status = status;
    this.headers = more.headers ?? {};
    const { details, current, resync } = more;
    this.body = {
      error,
      ...(details === undefined ? {} : { details }),
      ...(current === undefined ? {} : { current }),
      ...(resync === undefined ? {} : { resync }),
    };
  }
}

/** 400 for a request that breaks a rule of the contract; `details` names the field and the rule. */
export function invalid(details: string): HttpError {
  return new HttpError(400, "Invalid request parameters", { details });
}

/** 403: the key is good, but not for this. */
export function forbidden(details: string): HttpError {
  return new HttpError(403, "Forbidden", { details });
}

export function notFound(what: string): HttpError {
  return new HttpError(404, `${what} not found`);
}

// Some client libraries repeat every 409 and every 5xx; this header of theirs says that it would not help.
const noRetry = { "X-Should-Retry": "false" };

/** 409: another document holds what the request wants; `current` says which. */
export function conflict(details: string, current?: CurrentDocumentJson): HttpError {
  return new HttpError(409, "Conflict", {
    details,
    headers: noRetry,
    ...(current === undefined ? {} : { current }),
  });
}

/** 412: the state is another one than the request said it must be. */
export function preconditionFailed(details: string, current?: CurrentDocumentJson): HttpError {
  return new HttpError(412, "Precondition Failed", {
    details,
    ...(current === undefined ? {} : { current, headers: { ETag: `"r${current.rev}"` } }),
  });
}

/** 428: a strict key, and a write that does not say which state it has seen. */
export function preconditionRequired(): HttpError {
  return new HttpError(428, "Precondition Required", {
    details:
      "this key is strict: say which state is meant, with If-Match, or If-None-Match: * for a new document",
  });
}

/** 413: more bytes than this server takes. */
export function tooLarge(what: string, bytesMax: number): HttpError {
  return new HttpError(413, "Payload Too Large", {
    details: `${what} is larger than ${bytesMax} bytes`,
  });
}

/** 501: no part of this server. */
export function notImplemented(details: string): HttpError {
  return new HttpError(501, "Not implemented", { details, headers: noRetry });
}
