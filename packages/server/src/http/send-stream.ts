/** Sends a streamed answer over the connection itself, so that an error half-way is ours to tell. */
import type { ServerResponse } from "node:http";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { RESPONSE_ALREADY_SENT } from "@hono/node-server/utils/response";
import type { Logger } from "@smfs/core";

/**
 * Writes head and body. When the body breaks off, the connection does too: the reader sees that something is missing.
 * @returns what tells the adapter that there is nothing left to send
 */
export function sendStream(
  outgoing: ServerResponse,
  head: { readonly status: number; readonly headers: Headers },
  body: ReadableStream<Uint8Array>,
  logger: Logger,
): Response {
  outgoing.writeHead(head.status, Object.fromEntries(head.headers));
  // The declarations of Node's own stream class and of the global one differ; they are one class.
  const source = Readable.fromWeb(body as Parameters<typeof Readable.fromWeb>[0]);
  pipeline(source, outgoing).catch((error: unknown) => {
    // A reader that goes away is no news.
    if ((error as { code?: unknown }).code === "ERR_STREAM_PREMATURE_CLOSE") return;
    logger.log("warn", "an answer broke off", { error: String(error) });
  });
  return RESPONSE_ALREADY_SENT;
}
