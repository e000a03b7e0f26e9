/** Whatever was thrown, as what the caller is told. */
import { FilterError } from "../search/filter.ts";
import { OverloadedError, StorageClosedError, StorageFullError } from "../storage/storage-error.ts";
import { HttpError, invalid } from "./http-error.ts";

export function toHttpError(error: unknown): HttpError {
  if (error instanceof HttpError) return error;
  if (error instanceof FilterError) return invalid(error.message);
  if (error instanceof OverloadedError || error instanceof StorageClosedError) {
    return new HttpError(503, "Service Unavailable", {
      details: error.message,
      headers: { "Retry-After": "1" },
    });
  }
  const code = (error as { code?: unknown } | undefined)?.code;
  if (error instanceof StorageFullError || code === "ENOSPC" || code === "EDQUOT") {
    return new HttpError(507, "Insufficient Storage", { details: "the disk is full" });
  }
  // The client went away while its body was read: nobody reads this answer.
  if (code === "ECONNRESET" || code === "ERR_STREAM_PREMATURE_CLOSE") {
    return new HttpError(400, "Bad Request", { details: "the body ended too early" });
  }
  return new HttpError(500, "Internal Server Error", { details: "see the server's log" });
}
