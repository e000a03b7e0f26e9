/** The words store and sync share: what the server holds, what we hold, and what may be done about it. */

import type { Tomb } from "./tombs.ts";

/** Attributes that travel with a document (docs/spec.md, the stamp). `mtime` is nanoseconds since 1970, in decimal. */
export interface SyncAttrs {
  readonly kind: "file" | "symlink" | "dir";
  /** Permission bits in octal, without a leading 0. Absent for symlinks. */
  readonly mode?: string;
  readonly mtime?: string;
  /** Of a symlink: UTF-8 text. */
  readonly target?: string;
  /** Smallest fid of the names of one inode, when it has several. */
  readonly link?: string;
}

/** One observed version of a document. */
export interface RemoteVersion {
  readonly docId: string;
  readonly customId: string | null;
  /** Identity of the entry that wrote it, from its stamp. */
  readonly fid: string | null;
  readonly path: string | null;
  /** Effective revision id: the stamp's when it is bound to these bytes, else `x:<digest>`. */
  readonly rev: string;
  /** Revision ids that `rev` descends from, newest first. */
  readonly chain: readonly string[];
  /** The stamp's revision even when the bytes are not its own: what a foreign edit started from. */
  readonly stampRev: string | null;
  /** The server's own revision number, where it counts (ETag). */
  readonly srev: number | null;
  readonly etag: string | null;
  /** Hexadecimal SHA-256 of the bytes. */
  readonly hash: string;
  /** Bytes; −1 when the server did not say. */
  readonly size: number;
  readonly attrs: Partial<SyncAttrs>;
  readonly status: string;
  /** The server's own string: compared for equality and order with other strings of that server only. */
  readonly updatedAt: string;
  /** Observed long enough after `updatedAt` that equality of it means "unchanged". */
  readonly settled: boolean;
  /** Which client wrote it, for people. */
  readonly by: string | null;
  /** The server shows other bytes in place of these, as it did before: they are what it was sent. */
  readonly isShown?: boolean;
}

/** What both sides last agreed on. */
export interface BaseView {
  /** Digest of what the server shows in place of base's bytes, if it changes what it is sent; else null. */
  readonly shown: string | null;
  readonly rev: string | null;
  readonly srev: number | null;
  readonly etag: string | null;
  readonly hash: string | null;
  readonly path: string | null;
  readonly attrs: Partial<SyncAttrs>;
  readonly chain: readonly string[];
  /** Digest of kept base bytes, when they are here. */
  readonly blob: string | null;
  /** Whether this store wrote that revision. */
  readonly isMine: boolean;
}

/** An attempt in progress, as the sync thread needs it. */
export interface OpView {
  readonly fid: string;
  readonly opId: string;
  readonly kind: "put" | "delete" | "cycle";
  readonly claimVer: number;
  readonly withBytes: boolean;
  readonly hash: string;
  readonly size: number;
  /** The snapshot: in memory when it is small, else the digest of its blob. Undefined without bytes. */
  readonly snapshot:
    | { readonly bytes: Uint8Array; readonly blob?: undefined }
    | { readonly bytes?: undefined; readonly blob: string }
    | undefined;
  readonly parentRev: string | null;
  readonly chain: readonly string[];
  readonly path: string;
  readonly attrs: SyncAttrs;
  readonly ifMatch: string | null;
  readonly phase: "claimed" | "sent" | "accepted";
  readonly attempts: number;
  readonly failures: number;
  /** The document made in place of `docId`, whose bytes the server cannot replace; its id once that is known. */
  readonly replacement: { readonly cid: string; readonly docId: string | null } | null;
  readonly cid: string;
  readonly docId: string | null;
  /** A create may have reached the server under `cid`. */
  readonly sent: boolean;
  readonly base: BaseView | null;
}

/** An entry as decisions see it. */
export interface EntryView {
  readonly fid: string;
  readonly ino: number;
  readonly state: "live" | "deleted";
  /** Path as text; undefined when it has none or is not UTF-8. */
  readonly path: string | undefined;
  readonly kind: "file" | "symlink" | "dir" | "special";
  readonly localVer: number;
  readonly baseVer: number;
  readonly bytesVer: number;
  readonly writers: boolean;
  readonly stub: boolean;
  /** An ancestor was renamed and this entry has not been marked yet. */
  readonly movedAbove: boolean;
  readonly hasOp: boolean;
  readonly docId: string | null;
  readonly cid: string;
  readonly sent: boolean;
  readonly base: BaseView | null;
  readonly attrs: SyncAttrs;
  readonly alias: boolean;
  readonly localOnly: boolean;
  readonly diverged: boolean;
  /** Last observation of the document, if there was one. */
  readonly observed: {
    readonly status: string | null;
    readonly hash: string | null;
    readonly updatedAt: string | null;
    readonly settled: boolean;
  } | null;
  readonly misses: number;
}

/** What stands at a path here. */
export type PathHolder =
  | { readonly kind: "free" }
  | {
      readonly kind: "entry";
      readonly fid: string;
      readonly docId: string | null;
      readonly hasOp: boolean;
      readonly isDirectory: boolean;
      /** It never leaves this machine: its path is not waited for. */
      readonly isLocalOnly: boolean;
    }
  /** A file or symlink stands where a directory is needed. */
  | { readonly kind: "blocked" };

/** What the store knows that concerns one observed document. */
export interface RemoteView {
  readonly docId: string;
  readonly entry: EntryView | null;
  /** Our own confirmed deletion of that file. */
  readonly tomb: Tomb | null;
  /** Whether the file that the document's stamp names is here, with another document. */
  readonly hasTwin: boolean;
  readonly holder: PathHolder;
  /** A deletion of it that was told and could not be carried out here: known after a restart, too. */
  readonly deletion?: { readonly srev: number | null };
}

/** The versions a decision was made on: a transition whose entry has moved since answers `stale`. */
export interface Expect {
  readonly localVer: number;
  readonly baseVer: number;
}

/** Where the bytes of a remote version are: a blob that is here, or nowhere yet (a stub). */
export type Content = { readonly blob: string; readonly size: number } | undefined;

/** What to do about one observed document. Made by `reconcile`, carried out by `apply`. */
export type Plan = Action & {
  /** Revision number of the observation it was made from, where the server counts: deciding it decides no later one. */
  readonly seenSrev?: number | null;
};

/** What a plan does. */
type Action =
  /** Nothing; it is finally decided. */
  | { readonly do: "ignore"; readonly docId: string; readonly why: string }
  /**
   * Look again later. `isDeletion`: the server told that it was deleted. `hasFailed`: the server could not process what
   * somebody wrote, and may drop the document for that: its absence will then be no deletion.
   */
  | {
      readonly do: "defer";
      readonly docId: string;
      readonly why: string;
      readonly isDeletion?: boolean;
      readonly hasFailed?: boolean;
    }
  /** Same version as base: note what was observed. */
  | {
      readonly do: "observe";
      readonly docId: string;
      readonly fid: string;
      readonly expect: Expect;
      readonly remote: RemoteVersion;
    }
  /** Our own move or attribute change has arrived (a prefix move): base := R. */
  | {
      readonly do: "arrive";
      readonly docId: string;
      readonly fid: string;
      readonly expect: Expect;
      readonly remote: RemoteVersion;
    }
  /** A new document: make its entry; `alias` when the path is taken. */
  | {
      readonly do: "materialise";
      readonly docId: string;
      readonly remote: RemoteVersion;
      readonly content: Content;
      readonly alias: boolean;
    }
  /** R descends from base: take it. */
  | {
      readonly do: "fast-forward";
      readonly docId: string;
      readonly fid: string;
      readonly expect: Expect;
      readonly remote: RemoteVersion;
      readonly content: Content;
    }
  /** The server went back to an ancestor of base (a ghost): assert ours again. */
  | {
      readonly do: "reassert";
      readonly docId: string;
      readonly fid: string;
      readonly expect: Expect;
      readonly remote: RemoteVersion;
    }
  /** Concurrent, and base's bytes are mine: they go to a conflict version, R takes the path. */
  | {
      readonly do: "split";
      readonly docId: string;
      readonly fid: string;
      readonly expect: Expect;
      readonly remote: RemoteVersion;
      readonly content: Content;
    }
  /** Concurrent, base's bytes are another client's: they go to the trash, R takes the path. */
  | {
      readonly do: "displace";
      readonly docId: string;
      readonly fid: string;
      readonly expect: Expect;
      readonly remote: RemoteVersion;
      readonly content: Content;
      /** The entry's bytes as a blob for the trash, frozen before; undefined for a stub. */
      readonly kept: Content;
    }
  /** The document was deleted elsewhere: the entry goes, its bytes to the trash. */
  | {
      readonly do: "vanish";
      readonly docId: string;
      readonly fid: string;
      readonly expect: Expect;
      readonly srev: number | null;
      readonly why: string;
      /** The entry's bytes as a blob for the trash, frozen before; undefined for a stub. */
      readonly kept: Content;
    }
  /** The server lost what we gave it: send it again under a new customer id. */
  | { readonly do: "resend"; readonly docId: string; readonly fid: string; readonly expect: Expect }
  /** A deleted file of ours came back by a late write: delete that document again. */
  | { readonly do: "delete-again"; readonly docId: string; readonly etag: string | null };

/** What became of a plan: `stale` = the entry moved since the decision; look again. */
export type Applied = "done" | "stale";
