/** Rows as decisions see them: entries, bases, attempts. Reads only. */
import {
  isDirectory,
  isRegular,
  isSymlink,
  pathProblem,
  S_IFDIR,
  S_IFLNK,
  S_IFREG,
  toByteString,
  toText,
} from "@smfs/core";
import type { StoreContext } from "./context.ts";
import type { EntryRow } from "./entries.ts";
import type { InodeRow } from "./inodes.ts";
import { leavesLink, saidLink } from "./link-rules.ts";
import { linkOf } from "./link-versions.ts";
import type { BaseView, EntryView, OpView, RemoteVersion, SyncAttrs } from "./sync-model.ts";

/** A row of table `op` (docs/schema.md). */
export interface OpRow {
  fid: string;
  op_id: string;
  kind: "put" | "delete" | "cycle";
  claim_ver: number;
  with_bytes: number;
  snap_hash: string | null;
  snap_size: number | null;
  snap_bytes: Uint8Array | null;
  snap_blob: string | null;
  parent_rev: string | null;
  chain: string;
  path: string;
  attrs: string;
  if_match: string | null;
  phase: "claimed" | "sent" | "accepted";
  attempts: number;
  failures: number;
  new_cid: string | null;
  new_doc: string | null;
}

/** Name of the document that stands for a directory which needs one. */
export const directoryDocument = ".smfs-dir";

/** Permission bits that a directory may have without needing a document. */
const directoryModeDefault = "755";

export function kindOf(mode: number): EntryView["kind"] {
  if (isRegular(mode)) return "file";
  if (isDirectory(mode)) return "dir";
  if (isSymlink(mode)) return "symlink";
  return "special";
}

/** Attributes of an inode that travel with its document. */
export function syncAttrs(inode: InodeRow): SyncAttrs {
  const mode = (inode.mode & 0o7777).toString(8);
  switch (kindOf(inode.mode)) {
    case "dir":
      return { kind: "dir", mode };
    case "symlink":
      return { kind: "symlink", target: toText(inode.target ?? "") ?? "" };
    default:
      return { kind: "file", mode, mtime: toNanoseconds(inode.mtime_s, inode.mtime_ns) };
  }
}

/** A moment as decimal nanoseconds since 1970. */
export function toNanoseconds(s: number, ns: number): string {
  return (BigInt(s) * 1_000_000_000n + BigInt(ns)).toString();
}

/** Decimal nanoseconds as a moment, or undefined for anything else. */
export function fromNanoseconds(text: string | undefined): { s: number; ns: number } | undefined {
  if (text === undefined || !/^-?\d{1,20}$/.test(text)) return undefined;
  const all = BigInt(text);
  const s = all / 1_000_000_000n - (all < 0n && all % 1_000_000_000n !== 0n ? 1n : 0n);
  return { s: Number(s), ns: Number(all - s * 1_000_000_000n) };
}

/** Mode bits (type and permissions) for attributes from the server; what is missing is ordinary. */
export function modeOf(attrs: Partial<SyncAttrs>): number {
  const given = /^[0-7]{1,4}$/.test(attrs.mode ?? "")
    ? Number.parseInt(attrs.mode ?? "", 8)
    : undefined;
  switch (attrs.kind) {
    case "dir":
      return S_IFDIR | (given ?? 0o755);
    case "symlink":
      return S_IFLNK | 0o777;
    default:
      // A server must not be able to plant a set-user-id program.
      return S_IFREG | ((given ?? 0o644) & 0o1777);
  }
}

/** Whether two sets of attributes are the same for sync: of each kind, those that travel. */
export function sameAttrs(a: Partial<SyncAttrs>, b: Partial<SyncAttrs>): boolean {
  if (a.kind !== b.kind) return false;
  if (a.kind === "symlink") return a.target === b.target;
  if (a.kind === "dir") return a.mode === b.mode;
  return a.mode === b.mode && a.mtime === b.mtime && a.link === b.link;
}

/** Whether a directory needs a document: it is empty, or its permissions are not the usual ones. */
export function needsDocument(attrs: SyncAttrs, isEmpty: boolean): boolean {
  return isEmpty || attrs.mode !== directoryModeDefault;
}

export class Views {
  readonly #context: StoreContext;
  readonly #op;
  readonly #movedCount;
  readonly #moved;

  constructor(context: StoreContext) {
    this.#context = context;
    const { sql } = context.db;
    this.#op = sql.prepare<[string], OpRow>("SELECT * FROM op WHERE fid = ?");
    this.#movedCount = sql.prepare<[], { n: number }>("SELECT count(*) AS n FROM moved");
    this.#moved = sql.prepare<[number], { seq: number }>("SELECT seq FROM moved WHERE dir_ino = ?");
  }

  opRow(fid: string): OpRow | undefined {
    return this.#op.get(fid);
  }

  /** Whether an ancestor was renamed and this entry has not been marked for it yet. */
  isMovedAbove(entry: EntryRow): boolean {
    if (this.#movedCount.get()?.n === 0) return false;
    return this.#context.entries
      .ancestors(entry.parent)
      .some((ino) => entry.local_ver < (this.#moved.get(ino)?.seq ?? 0));
  }

  /** Attributes of an entry that travel: its inode's, and which other names the inode has. */
  attrs(inode: InodeRow): SyncAttrs {
    const attrs = syncAttrs(inode);
    if (attrs.kind !== "file" || inode.nlink < 2) return attrs;
    const link = linkOf(this.#context, inode.ino);
    return link === null ? attrs : { ...attrs, link };
  }

  /** LINK-3: whether R takes an entry out of the inode that it shares with others. */
  leavesLink(entry: EntryRow, { attrs }: Pick<RemoteVersion, "attrs">): boolean {
    return leavesLink({
      said: saidLink(attrs),
      base: this.base(entry)?.attrs.link ?? null,
      here: this.attrs(this.#context.inodes.get(entry.ino)).link ?? null,
    });
  }

  /** The path the server is to know an entry by: a directory's is that of its document. */
  documentPath(entry: EntryRow, inode: InodeRow): string | undefined {
    if (entry.alias === 1 && entry.base_path !== null) return entry.base_path;
    const path = this.#context.entries.textPath(entry);
    if (path === undefined) return undefined;
    return isDirectory(inode.mode) ? `${path}/${directoryDocument}` : path;
  }

  base(entry: EntryRow): BaseView | null {
    if (entry.base_ver === 0) return null;
    return {
      shown: entry.diverged === 1 ? entry.r_hash : null,
      rev: entry.base_rev,
      srev: entry.base_srev,
      etag: entry.base_etag,
      hash: entry.base_hash,
      path: entry.base_path,
      attrs: JSON.parse(entry.base_attrs ?? "{}") as Partial<SyncAttrs>,
      chain: JSON.parse(entry.base_chain) as string[],
      blob: entry.base_blob,
      isMine: this.#context.versions.isMine(entry.base_rev),
    };
  }

  entry(entry: EntryRow): EntryView {
    const inode = this.#context.inodes.get(entry.ino);
    return {
      fid: entry.fid,
      ino: entry.ino,
      state: entry.state,
      path: this.documentPath(entry, inode),
      kind: kindOf(inode.mode),
      localVer: entry.local_ver,
      baseVer: entry.base_ver,
      bytesVer: inode.bytes_ver,
      writers: inode.writers === 1,
      stub: inode.stub === 1,
      movedAbove: this.isMovedAbove(entry),
      hasOp: this.#op.get(entry.fid) !== undefined,
      docId: entry.doc_id,
      cid: entry.cid,
      sent: entry.sent === 1,
      base: this.base(entry),
      attrs: this.attrs(inode),
      alias: entry.alias === 1,
      localOnly: entry.local_only === 1,
      diverged: entry.diverged === 1,
      observed:
        entry.r_rev === null
          ? null
          : {
              status: entry.r_status,
              hash: entry.r_hash,
              updatedAt: entry.r_updated,
              settled: entry.r_settled === 1,
            },
      misses: entry.misses,
    };
  }

  op(row: OpRow, entry: EntryRow): OpView {
    return {
      fid: row.fid,
      opId: row.op_id,
      kind: row.kind,
      claimVer: row.claim_ver,
      withBytes: row.with_bytes === 1,
      hash: row.snap_hash ?? "",
      size: row.snap_size ?? 0,
      snapshot: snapshotOf(row),
      parentRev: row.parent_rev,
      chain: JSON.parse(row.chain) as string[],
      path: row.path,
      attrs: JSON.parse(row.attrs) as SyncAttrs,
      ifMatch: row.if_match,
      phase: row.phase,
      attempts: row.attempts,
      failures: row.failures,
      replacement: row.new_cid === null ? null : { cid: row.new_cid, docId: row.new_doc },
      cid: entry.cid,
      docId: entry.doc_id,
      sent: entry.sent === 1,
      base: this.base(entry),
    };
  }
}

function snapshotOf(row: OpRow): OpView["snapshot"] {
  if (row.snap_bytes !== null) return { bytes: row.snap_bytes };
  if (row.snap_blob !== null) return { blob: row.snap_blob };
  return undefined;
}

/** The names of a path from the server, or undefined when it has one that nothing here may have. */
export function usableNames(path: string): string[] | undefined {
  if (pathProblem(path) !== undefined) return undefined;
  const names = toNames(path);
  return names.includes(directoryDocument) ? undefined : names;
}

/** A path as names of this file system. */
export function toNames(path: string): string[] {
  return path
    .split("/")
    .filter((name) => name !== "")
    .map(toByteString);
}
