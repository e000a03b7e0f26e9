/** One state of one document. States are immutable: every change makes a new one, the old ones are its history. */
import { createHash } from "node:crypto";
import { toContentHash } from "@smfs/core";

export type MetadataValue = string | number | boolean | readonly string[];
export type Metadata = Readonly<Record<string, MetadataValue>>;

export type Status =
  | "queued"
  | "extracting"
  | "chunking"
  | "embedding"
  | "indexing"
  | "done"
  | "failed";

export interface Doc {
  readonly id: string;
  readonly customId: string | null;
  readonly tags: readonly string[];
  readonly filepath: string | null;
  readonly metadata: Metadata | null;
  /** `text`, or what a binary was taken for. */
  readonly type: string;
  readonly status: Status;
  readonly bytes: Uint8Array;
  /** The bytes as text; undefined for a binary. */
  readonly text: string | undefined;
  /** What `content` showed before the processing that is under way. */
  readonly oldText: string | null;
  readonly mime: string;
  readonly fileName: string | null;
  readonly rev: number;
  /** Milliseconds since 1970 on the server's clock. */
  readonly createdAt: number;
  readonly updatedAt: number;
  readonly origin: string | null;
  readonly errorMessage: string | null;
}

export interface Tombstone {
  readonly id: string;
  readonly rev: number;
  readonly filepath: string | null;
  readonly customId: string | null;
  readonly tags: readonly string[];
  readonly deletedAt: number;
  readonly origin: string | null;
}

const digests = new WeakMap<Uint8Array, string>();

/** SHA-256 in hexadecimal; remembered per byte array, which nobody changes after it was stored. */
export function digestOf(bytes: Uint8Array): string {
  let digest = digests.get(bytes);
  if (digest === undefined) {
    digest = createHash("sha256").update(bytes).digest("hex");
    digests.set(bytes, digest);
  }
  return digest;
}

/** `sha256-…` as the extensions write it. */
export function contentHashOf(doc: Doc): string {
  return toContentHash(digestOf(doc.bytes));
}

export function isTerminal(status: Status): boolean {
  return status === "done" || status === "failed";
}

/** `YYYY-MM-DDTHH:mm:ss.sssZ`. */
export function isoTime(ms: number): string {
  return new Date(ms).toISOString();
}

const utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** The text that bytes spell, or undefined when they spell none. */
export function textOf(bytes: Uint8Array): string | undefined {
  try {
    return utf8.decode(bytes);
  } catch (error) {
    if (error instanceof TypeError) return undefined;
    throw error;
  }
}

/** What a metadata value may be; undefined when the object is fit, else why not. */
export function metadataProblem(value: unknown): string | undefined {
  if (typeof value !== "object" || value === null || Array.isArray(value))
    return "metadata: not an object";
  for (const [key, item] of Object.entries(value)) {
    if (item === null || ["string", "number", "boolean"].includes(typeof item)) continue;
    if (Array.isArray(item) && item.every((one) => typeof one === "string")) continue;
    return `metadata.${key}: nested values are refused`;
  }
  return undefined;
}

/** Keys merge one by one; null removes a key. */
export function mergeMetadata(
  old: Metadata | null,
  changes: Readonly<Record<string, MetadataValue | null>> | undefined,
): Metadata | null {
  if (changes === undefined) return old;
  const merged: Record<string, MetadataValue> = { ...old };
  for (const [key, value] of Object.entries(changes)) {
    if (value === null) delete merged[key];
    else merged[key] = value;
  }
  return merged;
}

export function sameMetadata(a: Metadata | null, b: Metadata | null): boolean {
  return JSON.stringify(sorted(a)) === JSON.stringify(sorted(b));
}

function sorted(metadata: Metadata | null): unknown {
  return Object.entries(metadata ?? {}).sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0));
}
