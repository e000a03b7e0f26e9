/** Views and versions for tests: ordinary ones, with what a test is about changed. */
import type { BaseView, EntryView, OpView, RemoteVersion, RemoteView } from "@smfs/store";

export const hashOf: Readonly<Record<"a" | "b" | "c", string>> = {
  a: "a".repeat(64),
  b: "b".repeat(64),
  c: "c".repeat(64),
};

export function baseView(changes: Partial<BaseView> = {}): BaseView {
  return {
    rev: "me:1",
    srev: null,
    etag: null,
    hash: hashOf.a,
    path: "/f",
    attrs: { kind: "file", mode: "644", mtime: "1" },
    chain: ["me:0"],
    blob: null,
    shown: null,
    isMine: true,
    ...changes,
  };
}

/** A clean file with a document, unless changed. */
export function entryView(changes: Partial<EntryView> = {}): EntryView {
  return {
    fid: "f".repeat(32),
    ino: 2,
    state: "live",
    path: "/f",
    kind: "file",
    localVer: 10,
    baseVer: 10,
    bytesVer: 10,
    writers: false,
    stub: false,
    movedAbove: false,
    hasOp: false,
    docId: "doc",
    cid: "n_cid",
    sent: true,
    base: baseView(),
    attrs: { kind: "file", mode: "644", mtime: "1" },
    alias: false,
    localOnly: false,
    diverged: false,
    observed: { status: "done", hash: hashOf.a, updatedAt: "1", settled: true },
    misses: 0,
    ...changes,
  };
}

/** The version that base is of, unless changed. */
export function remoteVersion(changes: Partial<RemoteVersion> = {}): RemoteVersion {
  return {
    docId: "doc",
    customId: "n_cid",
    fid: "f".repeat(32),
    path: "/f",
    rev: "me:1",
    chain: ["me:0"],
    stampRev: "me:1",
    srev: null,
    etag: null,
    hash: hashOf.a,
    size: 3,
    attrs: { kind: "file", mode: "644", mtime: "1" },
    status: "done",
    updatedAt: "1",
    settled: true,
    by: "me",
    ...changes,
  };
}

export function remoteView(changes: Partial<RemoteView> = {}): RemoteView {
  return {
    docId: "doc",
    entry: entryView(),
    tomb: null,
    hasTwin: false,
    holder: { kind: "free" },
    ...changes,
  };
}

/** An attempt at new bytes on that base, sent, outcome unknown, unless changed. */
export function opView(changes: Partial<OpView> = {}): OpView {
  return {
    fid: "f".repeat(32),
    opId: "me:12",
    kind: "put",
    claimVer: 12,
    withBytes: true,
    hash: hashOf.b,
    size: 3,
    snapshot: { bytes: new Uint8Array(3) },
    parentRev: "me:1",
    chain: ["me:1", "me:0"],
    path: "/f",
    attrs: { kind: "file", mode: "644", mtime: "1" },
    ifMatch: null,
    phase: "sent",
    attempts: 0,
    failures: 0,
    replacement: null,
    cid: "n_cid",
    docId: "doc",
    sent: true,
    base: baseView(),
    ...changes,
  };
}
