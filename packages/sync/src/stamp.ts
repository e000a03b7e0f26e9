/**
 * The revision stamp that travels in a document's metadata, and what is read from it (docs/spec/sync.md, STAMP-n).
 *
 * A stamp is believed only for the bytes it names: a server may drop content and still take the metadata, and
 * others may change the content and leave the stamp.
 */
import type { RemoteChange, RemoteDocument, WriteMetadata } from "@smfs/api";
import { chainMax, fromContentHash, toInstant } from "@smfs/core";
import type { OpView, RemoteVersion, SyncAttrs } from "@smfs/store";

/** Hexadecimal digits of the digest in a stamp: enough to bind it, short enough for metadata. */
const stampHashDigits = 32;

/** Milliseconds after `updatedAt` from which a second change would have another `updatedAt`, whatever the tick. */
const settledAfterMs = 4000;

/** Metadata to send with an attempt. `null` takes a key away that an earlier version had. */
export function toStamp(op: OpView, clientId: string): WriteMetadata {
  const { attrs } = op;
  const attribute = (key: string, name: "mode" | "mtime" | "target" | "link") => {
    if (attrs[name] !== undefined) return { [key]: attrs[name] };
    return op.base?.attrs[name] === undefined ? {} : { [key]: null };
  };
  return {
    source: "smfs",
    sfs_rev: op.opId,
    sfs_chain: op.chain.slice(0, chainMax).join(","),
    sfs_h: op.hash.slice(0, stampHashDigits),
    sfs_w: clientId,
    sfs_fid: op.fid,
    sfs_kind: attrs.kind,
    ...attribute("sfs_mode", "mode"),
    ...attribute("sfs_mtime", "mtime"),
    ...attribute("sfs_target", "target"),
    ...attribute("sfs_link", "link"),
  };
}

/** What a metadata object says of a document's revision and attributes. */
function readStamp(metadata: Readonly<Record<string, unknown>> | null): {
  rev: string | null;
  chain: string[];
  hash: string | null;
  by: string | null;
  fid: string | null;
  attrs: Partial<SyncAttrs>;
} {
  const text = (key: string): string | null => {
    const value = metadata?.[key];
    return typeof value === "string" && value.length > 0 && value.length <= 8192 ? value : null;
  };
  const kind = text("sfs_kind");
  const mode = text("sfs_mode");
  const mtime = text("sfs_mtime");
  const target = text("sfs_target");
  const link = text("sfs_link");
  return {
    rev: text("sfs_rev"),
    chain: (text("sfs_chain") ?? "")
      .split(",")
      .filter((id) => id !== "")
      .slice(0, chainMax),
    hash: text("sfs_h"),
    by: text("sfs_w"),
    fid: text("sfs_fid"),
    attrs: {
      ...(kind === "file" || kind === "symlink" || kind === "dir" ? { kind } : {}),
      ...(mode !== null && /^[0-7]{1,4}$/.test(mode) ? { mode } : {}),
      ...(mtime !== null && /^-?\d{1,20}$/.test(mtime) ? { mtime } : {}),
      ...(kind === "symlink" && target !== null ? { target } : {}),
      ...(link !== null ? { link } : {}),
    },
  };
}

/** Facts about one observation that are not in the document itself. */
interface Observation {
  readonly hash: string;
  readonly size: number;
  readonly srev: number | null;
  readonly etag: string | null;
  readonly status: string;
  readonly settled: boolean;
}

function toVersion(
  document: {
    readonly id: string;
    readonly customId: string | null;
    readonly filepath: string | null;
    readonly metadata: Readonly<Record<string, unknown>> | null;
    readonly updatedAt: string | null;
  },
  observation: Observation,
): RemoteVersion {
  const stamp = readStamp(document.metadata);
  const isBound = stamp.rev !== null && stamp.hash === observation.hash.slice(0, stampHashDigits);
  return {
    docId: document.id,
    customId: document.customId,
    fid: stamp.fid,
    path: document.filepath,
    rev: isBound && stamp.rev !== null ? stamp.rev : `x:${observation.hash}`,
    chain: isBound ? stamp.chain : [],
    stampRev: stamp.rev,
    srev: observation.srev,
    etag: observation.etag,
    hash: observation.hash,
    size: observation.size,
    attrs: { kind: "file", ...stamp.attrs },
    status: observation.status,
    updatedAt: document.updatedAt ?? "",
    settled: observation.settled,
    by: stamp.by,
  };
}

/** The ETag of a document's revision, as a server that counts writes it (http-api.md, conditional requests). */
export function etagOf(rev: number): string {
  return `"r${rev}"`;
}

/** A change-feed entry as a version: the feed of a server that counts says everything but the bytes. */
export function fromChange(change: RemoteChange): RemoteVersion | undefined {
  const hash = fromContentHash(change.contentHash);
  if (hash === undefined) return undefined;
  return toVersion(change, {
    hash,
    size: change.size ?? -1,
    srev: change.rev,
    etag: etagOf(change.rev),
    // The server names the digest of what it stores: the bytes are whole, whatever the pipeline does with them.
    status: "done",
    settled: true,
  });
}

/**
 * A document from get or list as a version. `hash` is that of the bytes as they were read, for a server that
 * does not say it; undefined when the bytes are unknown (still processing, or a binary that was not fetched).
 */
export function fromDocument(
  document: RemoteDocument,
  seen: {
    readonly etag: string | null;
    readonly date: string | null;
    readonly counts: boolean;
    readonly hash: string | undefined;
    readonly size: number;
  },
): RemoteVersion | undefined {
  const told = seen.counts ? fromContentHash(document.contentHash) : undefined;
  const hash = told ?? seen.hash;
  if (hash === undefined) return undefined;
  const now = toInstant(seen.date ?? "");
  const updated = toInstant(document.updatedAt);
  return toVersion(document, {
    hash,
    size: told === undefined ? seen.size : (document.size ?? seen.size),
    srev: seen.counts ? document.rev : null,
    etag: seen.counts ? (seen.etag ?? (document.rev === null ? null : etagOf(document.rev))) : null,
    status: told === undefined ? document.status : "done",
    settled: now !== undefined && updated !== undefined && now - updated > settledAfterMs,
  });
}
