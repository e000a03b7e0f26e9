/** The transport over `fetch`: one attempt, a deadline, no redirects. */
import type { Clock } from "@smfs/core";
import {
  type HttpBody,
  type HttpRequest,
  type HttpResponse,
  type Transport,
  TransportError,
} from "./transport.ts";

export interface FetchTransportOptions {
  /** For example `http://127.0.0.1:6767`; a trailing slash is ignored. */
  readonly baseUrl: string;
  /** Sent as `Authorization: Bearer`. Read for every request, so that a renewed key is used at once. */
  readonly key: () => string | undefined;
  readonly clock: Clock;
}

/** Names of errors of Node's fetch that mean that no connection was made, so that nothing can have been sent. */
const unsentCodes: ReadonlySet<string> = new Set([
  "ECONNREFUSED",
  "ENOTFOUND",
  "EAI_AGAIN",
  "EHOSTUNREACH",
  "ENETUNREACH",
  "UND_ERR_CONNECT_TIMEOUT",
]);

export function fetchTransport(options: FetchTransportOptions): Transport {
  const base = options.baseUrl.replace(/\/+$/, "");
  return { exchange: (request) => exchange(base, options, request) };
}

async function exchange(
  base: string,
  options: FetchTransportOptions,
  request: HttpRequest,
): Promise<HttpResponse> {
  const deadline = new AbortController();
  const cancel = options.clock.after(request.deadlineMs, () => deadline.abort());
  const stop = () => deadline.abort();
  request.signal?.addEventListener("abort", stop, { once: true });
  if (request.signal?.aborted === true) stop();
  const key = options.key();
  try {
    const response = await fetch(base + request.path, {
      method: request.method,
      headers: {
        ...request.headers,
        ...bodyType(request.body),
        ...(key === undefined ? {} : { authorization: `Bearer ${key}` }),
      },
      redirect: "error",
      signal: deadline.signal,
      ...bodyInit(request.body),
    });
    return toResponse(response, () => {
      cancel();
      request.signal?.removeEventListener("abort", stop);
    });
  } catch (error) {
    cancel();
    request.signal?.removeEventListener("abort", stop);
    throw toTransportError(error, base);
  }
}

function bodyType(body: HttpBody | undefined): Record<string, string> {
  if (body === undefined || body.kind === "form") return {};
  if (body.kind === "json") return { "content-type": "application/json" };
  return { "content-type": body.type ?? "application/octet-stream" };
}

function bodyInit(body: HttpBody | undefined): RequestInit & { duplex?: "half" } {
  if (body === undefined) return {};
  switch (body.kind) {
    case "json":
      return { body: JSON.stringify(body.value) };
    case "bytes":
      return { body: body.bytes as Uint8Array<ArrayBuffer> };
    case "stream":
      return { body: body.stream(), duplex: "half" };
    default: {
      const form = new FormData();
      for (const field of body.fields) {
        if (typeof field.value === "string") form.append(field.name, field.value);
        else
          form.append(
            field.name,
            new Blob([field.value as Uint8Array<ArrayBuffer>]),
            field.fileName ?? field.name,
          );
      }
      return { body: form };
    }
  }
}

/** The deadline covers the body too: it ends when the body has been read. */
function toResponse(response: Response, ended: () => void): HttpResponse {
  const headers: Record<string, string> = {};
  response.headers.forEach((value, name) => {
    headers[name] = value;
  });
  const whole = async <T>(read: () => Promise<T>): Promise<T> => {
    try {
      return await read();
    } catch (error) {
      throw toTransportError(error, response.url);
    } finally {
      ended();
    }
  };
  return {
    status: response.status,
    headers,
    json: () =>
      whole(async () => {
        const text = await response.text();
        try {
          return text === "" ? undefined : (JSON.parse(text) as unknown);
        } catch (error) {
          if (error instanceof SyntaxError) return undefined;
          throw error;
        }
      }),
    bytes: () => whole(async () => new Uint8Array(await response.arrayBuffer())),
    stream: () => {
      const source = response.body ?? new ReadableStream({ start: (c) => c.close() });
      return source.pipeThrough(new TransformStream({ flush: ended }));
    },
  };
}

function toTransportError(error: unknown, where: string): TransportError {
  const cause = (error as { cause?: { code?: unknown } }).cause;
  const code = typeof cause?.code === "string" ? cause.code : "";
  const name = (error as { name?: unknown }).name;
  if (name === "AbortError" || name === "TimeoutError") {
    return new TransportError("unknown", `no answer from ${where} in time`);
  }
  return new TransportError(
    unsentCodes.has(code) ? "unsent" : "unknown",
    `no connection to ${where}${code === "" ? "" : ` (${code})`}`,
  );
}
