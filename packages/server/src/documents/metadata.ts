/** Metadata: flat, merged key by key. Pure. */
import type { MetadataPatch } from "@smfs/api";
import { invalid } from "../http/http-error.ts";
import { metadataBytesMax } from "../limits.ts";
import type { Metadata, MetadataValue } from "../storage/stored.ts";

/**
 * What metadata is after a write: keys that the write names are set, null takes a key away, others stay. A replace would
 * erase what other people's tools keep there.
 * @throws HttpError 400 when it grows too large
 */
export function mergeMetadata(
  old: Metadata | null,
  patch: MetadataPatch | null | undefined,
): Metadata | null {
  if (patch === null || patch === undefined) return old;
  const merged = new Map<string, MetadataValue>(Object.entries(old ?? {}));
  for (const [key, value] of Object.entries(patch)) {
    if (value === null) merged.delete(key);
    else merged.set(key, value);
  }
  if (merged.size === 0)
    return old === null && Object.keys(patch).length === 0 ? null : emptied(old);
  const result = Object.fromEntries(merged);
  if (Buffer.byteLength(JSON.stringify(result)) > metadataBytesMax) {
    throw invalid(`metadata: more than ${metadataBytesMax} bytes`);
  }
  return result;
}

function emptied(old: Metadata | null): Metadata | null {
  return old === null ? null : {};
}

/** Whether two documents say the same of themselves; the order of keys does not count. */
export function sameMetadata(a: Metadata | null, b: Metadata | null): boolean {
  return canonical(a) === canonical(b);
}

function canonical(metadata: Metadata | null): string {
  return JSON.stringify(
    Object.entries(metadata ?? {}).sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0)),
  );
}
