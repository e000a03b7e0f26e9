/** How far the server's index is, asked for when somebody asks the daemon for its status. Never a reason to fail. */
import { type Transport, TransportError } from "@smfs/api";
import { type IndexStatus, toIndexStatus } from "../index-status.ts";
import { indexLookMs } from "../limits.ts";

/** Null when the server cannot be asked, or does not tell: the hosted API, or a key of one container. */
export async function lookAtIndex(transport: Transport): Promise<IndexStatus | null> {
  try {
    const response = await transport.exchange({
      method: "GET",
      path: "/ext/v1",
      deadlineMs: indexLookMs,
    });
    return response.status === 200 ? toIndexStatus(await response.json()) : null;
  } catch (error) {
    if (error instanceof TransportError) return null;
    throw error;
  }
}
