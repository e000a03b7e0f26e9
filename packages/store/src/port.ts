/**
 * What the sync thread may ask of the store thread. Every method is one transition: it re-reads what it depends
 * on, is carried out in one transaction or not at all, and answers when that transaction is durable. Calls made
 * together travel together and are committed together (spec.md PORT-1).
 */

import type { Applied, EntryView, OpView, Plan, RemoteVersion, RemoteView } from "./sync-model.ts";
import type { TrashItem } from "./trash.ts";

/** Something to push: an entry to claim, or an attempt to resume. */
export interface PushTask {
  readonly fid: string;
  readonly op: OpView | null;
}

export interface Picked {
  readonly tasks: readonly PushTask[];
  /** Milliseconds until something that is dirty now can be picked; undefined when nothing waits for time. */
  readonly waitMs: number | undefined;
}

export type ClaimResult =
  | { readonly kind: "op"; readonly op: OpView }
  /** Nothing differs from base: no request is needed. */
  | { readonly kind: "settled" }
  /** The bytes must be frozen by the file worker first; then `claimSnapshot`. */
  | {
      readonly kind: "copy";
      readonly ino: number;
      readonly localVer: number;
      readonly mayChange: boolean;
    }
  /** Not now: it changed, is held open, or must go after another entry. */
  | { readonly kind: "wait"; readonly why: string };

/** Outcome of a transition that depends on the op still being the one it was. */
export type Settled = "done" | "stale";

/** How L, B and R were brought together. */
export type Resolution =
  | { readonly kind: "remote" }
  /** Merged bytes, in a blob. */
  | { readonly kind: "merged"; readonly blob: string; readonly size: number }
  /** Local bytes stay (they are R's, or only path or attributes were ours). */
  | { readonly kind: "local" }
  | { readonly kind: "split" };

/** What a resolution needs to know of the three sides. */
export interface ResolveView {
  readonly entry: EntryView;
  readonly op: OpView;
  /** Digest of the working file now, when it is small enough to be known at once. */
  readonly localHash: string | null;
}

export interface StubView {
  readonly ino: number;
  readonly fid: string;
  readonly docId: string;
  readonly hash: string;
  readonly size: number;
  readonly srev: number | null;
}

/** Counts and lists for `status`. */
export interface StoreStatus {
  readonly dirtyCount: number;
  readonly inFlightCount: number;
  readonly pendingRemoteCount: number;
  readonly entryCount: number;
  readonly stubCount: number;
  /** Of the dirty ones, those that the server or their name keeps here until they are changed. */
  readonly refusedCount: number;
  /** Paths are for people. At most 100 of each, with the reason. */
  readonly waiting: readonly { readonly path: string; readonly why: string }[];
  readonly problems: readonly {
    readonly path: string | null;
    readonly message: string;
    readonly atMs: number;
  }[];
  readonly conflicts: readonly ConflictView[];
  readonly heldOpen: readonly string[];
  /** What patterns keep on this machine: how many names, and some of them. */
  readonly ignored: { readonly count: number; readonly examples: readonly string[] };
}

/** A conflict version: both sides changed one file, and no rule decided. Its path has what the other side wrote. */
export interface ConflictView {
  /** Of the file that both sides changed. */
  readonly path: string;
  /** Of the version that was kept beside it. */
  readonly versionPath: string;
  /** Beginning of the identity of the device that made the kept version. */
  readonly device: string;
  /** Whether that is this device. */
  readonly isOurs: boolean;
  /** Bytes of the kept version. */
  readonly size: number;
  /** What both sides came from; null where that is not known here. */
  readonly base: { readonly rev: string; readonly hash: string | null } | null;
  readonly mineRev: string | null;
  /** What took the path: its revision, and the device that wrote it. */
  readonly theirs: { readonly rev: string | null; readonly device: string | null };
  /** Whether the path has been changed since; null where that cannot be told. */
  readonly isEditedSince: boolean | null;
  /** When they were found to differ (or, of another device's, when its bytes were written), for people. */
  readonly atMs: number;
}

/** What the store tells without being asked. */
export type StoreEvent =
  /** There may be something to push. */
  | { readonly kind: "dirty" }
  /** Somebody waits for the bytes of a stub. */
  | { readonly kind: "want"; readonly ino: number };

export interface StorePort {
  /** Entries that are dirty and settled, oldest first, and attempts to resume, at most `countMax`. */
  pick(countMax: number): Promise<Picked>;
  /** The sync thread lets go of an attempt whose outcome is unknown: a later `pick` gives it again. */
  giveBack(fid: string): Promise<void>;
  /**
   * `send`: the caller sends at once when nothing has to be looked up first; the attempt is then journalled as sent
   * in the same transaction, and its phase says so.
   */
  claim(fid: string, send: boolean): Promise<ClaimResult>;
  /** Second half of a claim whose bytes were frozen as a blob. */
  claimSnapshot(
    fid: string,
    snapshot: { readonly localVer: number; readonly digest: string; readonly size: number },
    send: boolean,
  ): Promise<ClaimResult>;
  /** Notes, before the first byte leaves, that the attempt may reach the server. Returns the op as it is now. */
  markSent(fid: string, opId: string): Promise<OpView | null>;
  /**
   * PUSH-12: the server cannot replace the bytes of the document; the attempt makes another in its place, under a
   * customer id that is journalled, as sent, before the first byte leaves. Returns the op as it is now.
   */
  replacing(fid: string, opId: string): Promise<OpView | null>;
  /** Notes what a definitive answer or a look changed in the attempt. */
  note(
    fid: string,
    opId: string,
    changes: {
      readonly docId?: string;
      readonly ifMatch?: string | null;
      readonly phase?: "claimed" | "sent" | "accepted";
      readonly attempted?: boolean;
      readonly failed?: boolean;
      /** The document made in place of the entry's own; null when there is none any more. */
      readonly newDocId?: string | null;
    },
  ): Promise<OpView | null>;
  /** PUSH-7: the server holds the snapshot. `base_ver := claim_ver`. */
  verify(
    fid: string,
    opId: string,
    remote: RemoteVersion,
    options?: { diverged?: boolean },
  ): Promise<Settled>;
  /** Ours landed and another built on it: base := op, etag unknown. */
  landed(fid: string, opId: string): Promise<Settled>;
  /** Drops an attempt whose outcome is known to be "not carried out"; `reassert` when the bytes must go again. */
  release(fid: string, opId: string, how: "keep" | "reassert"): Promise<Settled>;
  /** PUSH-8: base := R, with the bytes as resolved. */
  resolve(
    fid: string,
    opId: string,
    localVer: number,
    remote: RemoteVersion,
    how: Resolution,
    content: { readonly blob: string; readonly size: number } | undefined,
  ): Promise<Settled | "held">;
  resolveView(fid: string, opId: string): Promise<ResolveView | null>;
  /** PUSH-9: the server refused this version. */
  reject(fid: string, opId: string, message: string): Promise<Settled>;
  /** A deletion is confirmed: the entry goes, a tombstone stays. */
  deleted(fid: string, opId: string): Promise<Settled>;
  /** The document is gone while ours was edited: edit beats delete, under a new customer id. */
  recreate(fid: string, opId: string): Promise<Settled>;
  /** The document is gone and ours was only renamed: the deletion is judged by pull. */
  goneRemotely(fid: string, opId: string): Promise<Settled>;
  /** A document that we did not make holds our path or customer id: it becomes ours, base unknown (PUSH-2, 409). */
  adopt(
    fid: string,
    opId: string,
    document: {
      readonly docId: string;
      /** The file that its stamp names. */
      readonly fid: string | null;
      readonly path: string | null;
    },
  ): Promise<Settled>;
  /** Another entry's document holds our path and keeps it: ours is shown, and pushed, under another name. */
  takeAlias(fid: string, opId: string): Promise<Settled>;

  /** What the store knows of these documents. */
  viewRemote(
    items: readonly {
      readonly docId: string;
      readonly fid: string | null;
      readonly customId: string | null;
      readonly path: string | null;
    }[],
  ): Promise<readonly RemoteView[]>;
  /** Carries plans out, in order; with the last one the cursor moves, in the same transaction. */
  apply(
    plans: readonly Plan[],
    cursor?: { readonly key: string; readonly value: string },
  ): Promise<readonly Applied[]>;
  pending(countMax: number): Promise<readonly { readonly docId: string; readonly why: string }[]>;
  cursor(key: string): Promise<string | undefined>;
  setCursor(key: string, value: string | null): Promise<void>;
  /** Clean-enough entries with a document, for comparing with a full listing; pages by fid. */
  documents(afterFid: string, countMax: number): Promise<readonly EntryView[]>;
  /** Sets the count of full listings that lacked a document. */
  missed(fid: string, misses: number): Promise<void>;
  fact(key: string): Promise<string | undefined>;
  setFact(key: string, value: string | null): Promise<void>;
  /** The server's history is another one than it was: its revision numbers and ETags mean nothing any more. */
  forgetRevisions(): Promise<void>;

  stub(ino: number): Promise<StubView | null>;
  /** Stubs of at most `bytesMax`, for the prefetch, with ino above `afterIno`. */
  stubs(afterIno: number, bytesMax: number, countMax: number): Promise<readonly StubView[]>;
  /** The bytes of a stub have arrived as a blob. `stale` when they are not the bytes it stands for any more. */
  hydrated(ino: number, blob: string): Promise<Settled>;
  hydrateFailed(
    ino: number,
    code: "EHOSTUNREACH" | "ETIMEDOUT" | "EIO" | "EACCES" | "EINTR",
  ): Promise<void>;

  setProblem(key: string, path: string | null, message: string | null): Promise<void>;
  status(): Promise<StoreStatus>;
  /** Conflict versions that are there, those of other devices too, the newest of this device first. */
  conflicts(countMax: number): Promise<readonly ConflictView[]>;
  /** Displaced bytes with an id below `beforeId`, the newest first. */
  trash(beforeId: number, countMax: number): Promise<readonly TrashItem[]>;
  trashItem(id: number): Promise<TrashItem | undefined>;
  /** Lets go of displaced bytes, because somebody said so: nothing else ever does. */
  dropTrash(ids: readonly number[]): Promise<void>;
  /** Listens to events; returns how to stop. */
  listen(listener: (event: StoreEvent) => void): () => void;
}

/** The store's own side: the same transitions, synchronous, each within the transaction of its caller. */
export type StoreTransitions = {
  [K in Exclude<keyof StorePort, "listen">]: (
    ...args: Parameters<StorePort[K]>
  ) => Awaited<ReturnType<StorePort[K]>>;
};
