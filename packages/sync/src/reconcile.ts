/**
 * What to do about one observed document. Pure: no clock, no I/O, no SQL; the table of docs/spec/sync.md, PULL-4.
 *
 * The invariants in force when a row is reached: an entry with an attempt in progress is only the attempt's to
 * change; a dirty entry is never touched by pull, whatever was observed, however late, by whichever clock; what
 * cannot be decided now is deferred durably, since the cursor moves past it.
 */
import type { EntryView, Expect, PathHolder, Plan, RemoteVersion, RemoteView } from "@smfs/store";
import { agreesWith, effective, isShownFor, isStray, relationOf } from "./relation.ts";

/** What was observed: a version, or that the document is gone. */
export type Observed =
  | { readonly kind: "version"; readonly remote: RemoteVersion }
  | { readonly kind: "tombstone"; readonly docId: string; readonly srev: number | null }
  /** 404 by id, nothing else known: absence alone is no deletion. */
  | { readonly kind: "absent"; readonly docId: string }
  /** Confirmed absent, and never seen whole: the server lost it. */
  | { readonly kind: "lost"; readonly docId: string }
  /** There, but its bytes cannot be read now. */
  | { readonly kind: "unreadable"; readonly docId: string; readonly status: string };

export interface ReconcileOptions {
  /** This store's epoch: revisions that begin with it are ours. */
  readonly epoch: string;
}

export function reconcile(view: RemoteView, observed: Observed, options: ReconcileOptions): Plan {
  switch (observed.kind) {
    case "tombstone":
      return onTombstone(view, observed.srev);
    case "absent":
      return onAbsent(view);
    case "lost":
      return onLost(view);
    case "unreadable":
      return defer(view.docId, `the server says ${observed.status}`);
    default:
      return onVersion(view, observed.remote, options);
  }
}

function onVersion(view: RemoteView, remote: RemoteVersion, options: ReconcileOptions): Plan {
  if (view.entry === null) return onUnknown(view, remote, options);
  if (view.entry.docId !== remote.docId) {
    return defer(remote.docId, "its creation is not confirmed");
  }
  // A server that shows other bytes than it was sent: only a change of what it shows is a change.
  if (isShownFor(view.entry.base, remote) && remote.path === view.entry.base?.path) {
    return { do: "ignore", docId: remote.docId, why: "the server shows what it showed before" };
  }
  return onEntry(view.entry, effective(remote, view.entry.base, null), options);
}

/** Absence is judged by full listings. Until then a change that carries no bytes must not bring the document back. */
function onAbsent(view: RemoteView): Plan {
  const { docId, entry, deletion } = view;
  if (deletion !== undefined) return onTombstone(view, deletion.srev);
  const isUnedited = entry?.docId === docId && entry.state === "live" && keepsBytes(entry);
  if (isUnedited && !entry.hasOp && isDirty(entry)) return defer(docId, "gone");
  return { do: "ignore", docId, why: "absence is judged by full listings" };
}

function onLost(view: RemoteView): Plan {
  const { docId, entry } = view;
  if (entry === null || entry.docId !== docId) return { do: "ignore", docId, why: "not ours" };
  if (entry.hasOp || entry.state === "deleted") return defer(docId, "gone");
  if (!entry.stub) return { do: "resend", docId, fid: entry.fid, expect: expectOf(entry) };
  return vanish(entry, docId, null, "lost by the server");
}

function vanish(entry: EntryView, docId: string, srev: number | null, why: string): Plan {
  return {
    do: "vanish",
    docId,
    fid: entry.fid,
    expect: expectOf(entry),
    srev,
    why,
    kept: undefined,
  };
}

/** Whether local content or identity may differ from base: then pull touches nothing. */
function isDirty(entry: EntryView): boolean {
  return entry.localVer !== entry.baseVer || entry.writers || entry.movedAbove;
}

/** Dirty at most by path or attributes: no bytes of the user's are at stake. */
function keepsBytes(entry: EntryView): boolean {
  return entry.bytesVer <= entry.baseVer && !entry.writers;
}

function onTombstone(view: RemoteView, srev: number | null): Plan {
  const { docId, entry } = view;
  if (entry === null || entry.docId !== docId) return { do: "ignore", docId, why: "gone here too" };
  // Our own deletion finds out for itself: a document that is not there is deleted. What an attempt in progress was
  // told before may bring the entry back, though.
  if (entry.state === "deleted" && !entry.hasOp)
    return { do: "ignore", docId, why: "deleted here too" };
  if (entry.hasOp || !keepsBytes(entry)) {
    return { do: "defer", docId, why: "gone", isDeletion: srev !== null };
  }
  // An observation from before base was agreed on: the document was there later.
  if (srev !== null && entry.base?.srev != null && srev < entry.base.srev) {
    return { do: "ignore", docId, why: "older than base" };
  }
  return vanish(entry, docId, srev, "deleted on another device");
}

function onUnknown(view: RemoteView, remote: RemoteVersion, options: ReconcileOptions): Plan {
  const { docId } = remote;
  const isMine = remote.rev.startsWith(`${options.epoch}:`);
  // A request of ours that the server carried out after we had given it up: the file has gone on in another document.
  if (isMine && view.hasTwin) return { do: "delete-again", docId, etag: remote.etag };
  if (view.tomb !== null) {
    const isSameDocument = view.tomb.docId === docId;
    if (isSameDocument && remote.srev !== null) {
      if (remote.srev <= (view.tomb.srev ?? 0))
        return { do: "ignore", docId, why: "deleted here since" };
    } else if (isMine || remote.rev === view.tomb.rev) {
      return { do: "delete-again", docId, etag: remote.etag };
    }
  }
  if (remote.status !== "done") return defer(docId, `the server says ${remote.status}`);
  if (isToBeSent(view.holder)) {
    return defer(docId, "its path is held by a file that is not sent yet");
  }
  const isDirectory = remote.attrs.kind === "dir";
  const isFree =
    view.holder.kind === "free" ||
    (isDirectory && view.holder.kind === "entry" && view.holder.isDirectory);
  return { do: "materialise", docId, remote, content: undefined, alias: !isFree };
}

/** Whether a path is held by what will have a document of its own there: which of the two it is, is found out first. */
function isToBeSent(holder: PathHolder): boolean {
  return (
    holder.kind === "entry" && holder.docId === null && !holder.isDirectory && !holder.isLocalOnly
  );
}

function onEntry(entry: EntryView, remote: RemoteVersion, { epoch }: ReconcileOptions): Plan {
  const { docId } = remote;
  const found = relationOf(entry.base, remote);
  const isRegress = found === "concurrent" && isStray(entry.fid, epoch, remote);
  const relation = isRegress ? "regress" : found;
  if (relation === "stale") return { do: "ignore", docId, why: "older than base" };
  if (entry.hasOp) {
    return relation === "same"
      ? { do: "ignore", docId, why: "is base" }
      : defer(docId, "an attempt is in progress");
  }
  if (isDirty(entry)) return onDirty(entry, remote, relation === "same");
  if (remote.status !== "done")
    return {
      ...defer(docId, `the server says ${remote.status}`),
      ...(remote.status === "failed" ? { hasFailed: true } : {}),
    };
  const known = { docId, fid: entry.fid, expect: expectOf(entry), remote };
  switch (relation) {
    case "same":
      return { do: "observe", ...known };
    case "descends":
      return { do: "fast-forward", ...known, content: undefined };
    case "regress":
      // A stub has no bytes to assert.
      return entry.stub
        ? { do: "fast-forward", ...known, content: undefined }
        : { do: "reassert", ...known };
    default:
      return onConcurrent(entry, known);
  }
}

function onDirty(entry: EntryView, remote: RemoteVersion, isSame: boolean): Plan {
  const { docId } = remote;
  const arrives =
    !entry.movedAbove &&
    entry.state === "live" &&
    keepsBytes(entry) &&
    remote.hash === entry.base?.hash &&
    remote.path === entry.path &&
    agreesWith(entry.attrs, remote.attrs);
  if (arrives) return { do: "arrive", docId, fid: entry.fid, expect: expectOf(entry), remote };
  if (isSame) return { do: "ignore", docId, why: "is base" };
  return defer(docId, entry.writers ? "held open for writing" : "changed here");
}

/** Both sides made a version from something else. Equal bytes are no conflict, whoever wrote them. */
function onConcurrent(
  entry: EntryView,
  known: { docId: string; fid: string; expect: Expect; remote: RemoteVersion },
): Plan {
  if (known.remote.hash === entry.base?.hash)
    return { do: "fast-forward", ...known, content: undefined };
  // The author of the overwritten version makes the conflict version; the others would make it again.
  return entry.base?.isMine === true
    ? { do: "split", ...known, content: undefined }
    : { do: "displace", ...known, content: undefined, kept: undefined };
}

function expectOf(entry: EntryView): Expect {
  return { localVer: entry.localVer, baseVer: entry.baseVer };
}

function defer(docId: string, why: string): Plan & { do: "defer" } {
  return { do: "defer", docId, why };
}
