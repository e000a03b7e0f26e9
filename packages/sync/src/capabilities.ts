/**
 * What the server can do. A capability counts when the server lists it; the push protocol confirms each use by its
 * answer, and falls back to looking (docs/spec/sync.md, CAP-1).
 */
import type { SessionAnswer } from "@smfs/api";

export interface Capabilities {
  /** Counts revisions, answers with ETag, obeys If-Match and If-None-Match. */
  readonly etag: boolean;
  /** Has a change feed with tombstones. */
  readonly changes: boolean;
  /** Takes and gives exact bytes. */
  readonly raw: boolean;
  /** Keeps idempotency keys. */
  readonly idempotency: boolean;
}

export const noCapabilities: Capabilities = {
  etag: false,
  changes: false,
  raw: false,
  idempotency: false,
};

export function toCapabilities(session: SessionAnswer): Capabilities {
  const features = new Set(session.extensions?.features ?? []);
  return {
    etag: features.has("etag"),
    changes: features.has("changes"),
    raw: features.has("raw"),
    idempotency: features.has("idempotency"),
  };
}
