/** Bytes as an answer: validators, ranges, digest (RFC 9110, RFC 9530). */
import type { ByteRange } from "../storage/storage.ts";
import { toHttpDate } from "../time.ts";
import type { Answer } from "./answer.ts";
import type { ApiRequest } from "./api-request.ts";
import { parseETags, readOutcome, type Validators } from "./conditions.ts";
import { HttpError, preconditionFailed } from "./http-error.ts";
import { parseRange } from "./ranges.ts";

export interface BytesSource {
  readonly mediaType: string;
  readonly fileName: string;
  readonly size: number;
  /** Hexadecimal SHA-256. */
  readonly digest: string;
  /** `sha256-…`, the ETag of the bytes. */
  readonly contentHash: string;
  /** More names that a condition may use. */
  readonly etags?: readonly string[];
  readonly modifiedAt: number;
  readonly cacheControl?: string;
  readonly open: (range: ByteRange) => ReadableStream<Uint8Array>;
}

/** @throws HttpError 412, 416 */
export function bytesAnswer(
  request: Pick<ApiRequest<unknown, unknown>, "conditions" | "header">,
  source: BytesSource,
): Answer {
  const state: Validators = {
    etags: [source.contentHash, ...(source.etags ?? [])],
    modifiedAt: source.modifiedAt,
  };
  const outcome = readOutcome(request.conditions, state);
  if (outcome === "failed") throw preconditionFailed("the bytes are other ones");
  const headers = {
    ETag: `"${source.contentHash}"`,
    "Last-Modified": toHttpDate(source.modifiedAt),
    ...(source.cacheControl === undefined ? {} : { "Cache-Control": source.cacheControl }),
  };
  if (outcome === "not-modified") return { status: 304, headers };
  const range = rangeOf(request, source, state);
  if (range === "unsatisfiable") {
    throw new HttpError(416, "Range Not Satisfiable", {
      headers: { "Content-Range": `bytes */${source.size}` },
    });
  }
  const { start, end } = range ?? { start: 0, end: source.size };
  return {
    status: range === undefined ? 200 : 206,
    headers: {
      ...headers,
      "Content-Type": source.mediaType,
      "Content-Length": String(end - start),
      "Content-Disposition": `attachment; filename*=UTF-8''${encodeName(source.fileName)}`,
      "X-Content-Type-Options": "nosniff",
      "Content-Security-Policy": "sandbox",
      "Accept-Ranges": "bytes",
      // The digest of a part would need it to be read first; that of the whole is known.
      ...(range === undefined
        ? { "Content-Digest": `sha-256=:${Buffer.from(source.digest, "hex").toString("base64")}:` }
        : { "Content-Range": `bytes ${start}-${end - 1}/${source.size}` }),
    },
    body: { kind: "stream", open: () => source.open({ start, end }) },
  };
}

function rangeOf(
  request: Pick<ApiRequest<unknown, unknown>, "header">,
  source: BytesSource,
  state: Validators,
): ReturnType<typeof parseRange> {
  const ifRange = request.header("if-range");
  if (ifRange !== undefined && !namesState(ifRange, state)) return undefined;
  return parseRange(request.header("range"), source.size);
}

/** `If-Range`: a strong entity tag of the state; a date never counts, seconds are too coarse for it. */
function namesState(ifRange: string, state: Validators): boolean {
  try {
    const tags = parseETags(ifRange);
    return tags !== "any" && tags.some((tag) => !tag.weak && state.etags.includes(tag.opaque));
  } catch (error) {
    if (error instanceof RangeError) return false;
    throw error;
  }
}

/** A file name for `filename*` (RFC 8187). */
function encodeName(name: string): string {
  const wellFormed = name.replace(/\p{Surrogate}/gu, "_");
  return encodeURIComponent(wellFormed).replace(
    /['()*]/g,
    (c) => `%${c.charCodeAt(0).toString(16)}`,
  );
}
