/**
 * T-1: the planner, cell by cell. Every combination of what is here, what the server shows, how the two are related,
 * how far an attempt is and whether the bytes are equal: 480 cells, each with the class it must be decided as.
 *
 * The table below is written from the protocol's text, first match wins; it knows nothing of how the code decides.
 */

import type { BaseView, EntryView, OpView, RemoteVersion } from "@smfs/store";
import { expect, test } from "vitest";
import { judge } from "../../packages/sync/src/judge.ts";
import type { Look } from "../../packages/sync/src/look.ts";
import { reconcile } from "../../packages/sync/src/reconcile.ts";
import { resolutionOf } from "../../packages/sync/src/resolver.ts";

const locals = ["same", "changed", "deleted"] as const;
const remotes = ["absent", "processing", "failed", "done"] as const;
const relations = ["same", "descends", "regress", "concurrent", "foreign"] as const;
const ops = ["none", "claimed", "sent", "accepted"] as const;
const equals = [true, false] as const;

interface Cell {
  readonly local: (typeof locals)[number];
  readonly remote: (typeof remotes)[number];
  readonly relation: (typeof relations)[number];
  readonly op: (typeof ops)[number];
  /** The server's bytes are those that are here (of the attempt, if there is one). */
  readonly isEqual: boolean;
}

/** What is done: nothing, take theirs, keep both, send ours, make the document anew, or look again later. */
type Class = "nothing" | "adopt" | "split" | "push" | "recreate" | "defer";

const cells: Cell[] = locals.flatMap((local) =>
  remotes.flatMap((remote) =>
    relations.flatMap((relation) =>
      ops.flatMap((op) => equals.map((isEqual) => ({ local, remote, relation, op, isEqual }))),
    ),
  ),
);

const baseHash = "b".repeat(64);
const localHash = "l".repeat(64);
const remoteHash = "f".repeat(64);
const epoch = "e";

const base: BaseView = {
  rev: "e:5",
  srev: null,
  etag: null,
  hash: baseHash,
  path: "/a",
  attrs: { kind: "file", mode: "644", mtime: "1" },
  chain: ["e:4"],
  blob: null,
  shown: null,
  isMine: true,
};

/** The server's bytes: base's when nothing moved there, unless the stamp lies about them. */
function remoteBytes(cell: Cell): string {
  if (cell.local === "same" && cell.isEqual) return baseHash;
  if (cell.relation === "same" && (cell.local !== "same" || cell.isEqual)) return baseHash;
  return remoteHash;
}

/** The bytes that are here, or in the attempt's snapshot. */
function bytesHere(cell: Cell): string {
  if (cell.local === "same") return baseHash;
  return cell.isEqual ? remoteBytes(cell) : localHash;
}

function version(cell: Cell): RemoteVersion {
  const hash = remoteBytes(cell);
  const stamps = {
    same: { rev: "e:5", chain: ["e:4"], stampRev: "e:5" },
    descends: { rev: "g:9", chain: ["e:5", "e:4"], stampRev: "g:9" },
    regress: { rev: "e:4", chain: [], stampRev: "e:4" },
    concurrent: { rev: "g:9", chain: ["g:8"], stampRev: "g:9" },
    foreign: { rev: `x:${hash}`, chain: [], stampRev: null },
  } as const;
  // "same" with other bytes than base's: the stamp is base's and does not fit, as after a foreign edit.
  const isLie = cell.relation === "same" && hash !== baseHash;
  return {
    docId: "doc",
    customId: "n_1",
    fid: "fid",
    path: "/a",
    ...stamps[cell.relation],
    ...(isLie ? { rev: `x:${hash}`, chain: [] } : {}),
    srev: null,
    etag: null,
    hash,
    size: 1,
    attrs: base.attrs,
    status: cell.remote,
    updatedAt: "2026-01-01T00:00:00.000Z",
    settled: true,
    by: "g",
  };
}

function entry(cell: Cell): EntryView {
  const isClean = cell.local === "same";
  return {
    fid: "fid",
    ino: 2,
    state: cell.local === "deleted" ? "deleted" : "live",
    path: "/a",
    kind: "file",
    localVer: isClean && cell.op === "none" ? 5 : 9,
    baseVer: 5,
    bytesVer: cell.local === "changed" ? 9 : 5,
    writers: false,
    stub: false,
    movedAbove: false,
    hasOp: cell.op !== "none",
    docId: "doc",
    cid: "n_1",
    sent: true,
    base,
    attrs: { kind: "file", mode: "644", mtime: "1" },
    alias: false,
    localOnly: false,
    diverged: false,
    observed: { status: "done", hash: baseHash, updatedAt: null, settled: true },
    misses: 0,
  };
}

function attempt(cell: Cell): OpView {
  const withBytes = cell.local === "changed";
  return {
    fid: "fid",
    opId: "e:9",
    kind: cell.local === "deleted" ? "delete" : "put",
    claimVer: 9,
    withBytes,
    hash: bytesHere(cell),
    size: 1,
    snapshot: withBytes ? { bytes: new Uint8Array([1]) } : undefined,
    parentRev: "e:5",
    chain: ["e:5", "e:4"],
    // An attempt without bytes is a move.
    path: cell.local === "same" ? "/moved" : "/a",
    attrs: { kind: "file", mode: "644", mtime: "1" },
    ifMatch: null,
    phase: cell.op === "none" ? "claimed" : cell.op,
    attempts: 0,
    failures: 0,
    replacement: null,
    cid: "n_1",
    docId: "doc",
    sent: cell.op !== "claimed",
    base,
  };
}

/** What pull decides. */
function pullClass(cell: Cell): Class {
  const view = {
    docId: "doc",
    entry: entry(cell),
    tomb: null,
    hasTwin: false,
    holder: { kind: "free" } as const,
  };
  const observed =
    cell.remote === "absent"
      ? ({ kind: "absent", docId: "doc" } as const)
      : ({ kind: "version", remote: version(cell) } as const);
  const plan = reconcile(view, observed, { epoch });
  const classes: Readonly<Record<typeof plan.do, Class>> = {
    ignore: "nothing",
    observe: "nothing",
    arrive: "adopt",
    materialise: "adopt",
    "fast-forward": "adopt",
    displace: "adopt",
    vanish: "adopt",
    split: "split",
    reassert: "push",
    "delete-again": "push",
    resend: "recreate",
    defer: "defer",
  };
  return classes[plan.do];
}

/** What an attempt in progress decides when it looks at the server. */
function pushClass(cell: Cell): Class {
  const op = attempt(cell);
  const remote = version(cell);
  const look = {
    status: cell.remote,
    remote,
    bytes: undefined,
    document: { id: "doc" },
  } as unknown as Look;
  const verdict = judge(op, look, false);
  switch (verdict.kind) {
    case "wait":
      return "defer";
    case "landed":
    case "built-on":
      return "adopt";
    case "failed":
    case "send":
    case "move":
    case "reassert":
    case "changed":
      return "push";
    case "resolve": {
      const resolved = { op, entry: entry(cell), localHash: bytesHere(cell) };
      const kind = resolutionOf(resolved, verdict.remote);
      return kind === "split" ? "split" : kind === "local" ? "push" : "adopt";
    }
  }
}

type Row = readonly [when: (cell: Cell) => boolean, then: Class, why: string];

/** Without an attempt: pull decides (sync.md §5.2, §5.3). */
const pullRows: readonly Row[] = [
  [(c) => c.op !== "none", "defer", "an attempt in progress: pull touches nothing"],
  [(c) => c.remote === "absent", "nothing", "absence alone is no deletion: full listings judge it"],
  [(c) => c.local !== "same" && c.relation === "same", "nothing", "what the server has is base"],
  [(c) => c.local !== "same", "defer", "dirty: pull touches nothing"],
  [(c) => c.remote !== "done", "defer", "not done: content may be partial, it is never applied"],
  [(c) => c.relation === "same" && c.isEqual, "nothing", "it is base"],
  [(c) => c.relation === "same", "adopt", "base's stamp on other bytes: somebody edited base"],
  [(c) => c.relation === "descends", "adopt", "made by somebody who had seen base"],
  [(c) => c.relation === "regress", "push", "a ghost brought an ancestor back: ours again"],
  [(c) => c.relation === "foreign" && c.isEqual, "nothing", "base's bytes without stamp are base"],
  [(c) => c.isEqual, "adopt", "equal bytes are no conflict"],
  [() => true, "split", "concurrent, and base is mine: both stay"],
];

/** Whether what is shown there may all be the attempt's, or what it started from. */
function mayBeOurs(c: Cell): boolean {
  const isBase = c.relation === "same" && remoteBytes(c) === baseHash;
  return isBase || c.relation === "regress" || (c.isEqual && c.local !== "deleted");
}

/** With an attempt: push decides when it looks (sync.md §4.1, PUSH-3). */
const pushRows: readonly Row[] = [
  [(c) => c.remote === "processing", "defer", "never judge or patch a document in processing"],
  [
    (c) => c.remote === "failed" && mayBeOurs(c),
    "push",
    "processing failed: the same attempt is sent again (PUSH-15: but not over somebody's edit)",
  ],
  [
    (c) => c.local === "changed" && c.isEqual,
    "adopt",
    "the attempt's bytes and path are there: landed",
  ],
  [(c) => c.relation === "same" && remoteBytes(c) === baseHash, "push", "nothing happened there"],
  [(c) => c.relation === "regress" && c.local !== "same", "push", "a ghost: ours again"],
  [
    (c) => c.relation === "regress" && c.local === "same",
    "push",
    "a ghost, and no bytes in the attempt: claimed again with bytes",
  ],
  [(c) => c.local === "deleted", "adopt", "an edit beats a deletion"],
  [(c) => c.local === "same" && c.isEqual, "push", "only the path is ours: it goes on top"],
  [
    (c) => c.local === "same" && (c.relation === "concurrent" || c.relation === "foreign"),
    "split",
    "theirs was not made from what is here: both are kept",
  ],
  [(c) => c.local === "same", "adopt", "bytes theirs, path ours: each side keeps what it changed"],
  [() => true, "split", "bytes changed on both sides"],
];

function expected(rows: readonly Row[], cell: Cell): { then: Class; why: string } {
  for (const [when, then, why] of rows) if (when(cell)) return { then, why };
  throw new Error("no row");
}

test("[T-1] all 480 cells of the planner are decided as the protocol says", () => {
  expect(cells).toHaveLength(480);
  const wrong: string[] = [];
  for (const cell of cells) {
    const name = JSON.stringify(cell);
    const pull = pullClass(cell);
    const wanted = expected(pullRows, cell);
    // What is base already may be ignored while an attempt runs.
    const mayBeNothing = cell.op !== "none" && pull === "nothing";
    if (pull !== wanted.then && !mayBeNothing)
      wrong.push(`${name}: pull ${pull}, not ${wanted.then} (${wanted.why})`);
    if (cell.op === "none" || cell.remote === "absent") continue;
    const push = pushClass(cell);
    const asked = expected(pushRows, cell);
    if (push !== asked.then) wrong.push(`${name}: push ${push}, not ${asked.then} (${asked.why})`);
  }
  expect(wrong).toEqual([]);
});

test("[T-1] pull never touches what is dirty or in flight, whatever is observed", () => {
  for (const cell of cells) {
    if (cell.local === "same" && cell.op === "none") continue;
    expect(["nothing", "defer"]).toContain(pullClass(cell));
  }
});

test("[T-1] a tombstone and a loss: only what is clean goes, only what was lost comes back", () => {
  const decide = (cell: Cell, kind: "tombstone" | "lost"): string => {
    const view = {
      docId: "doc",
      entry: entry(cell),
      tomb: null,
      hasTwin: false,
      holder: { kind: "free" } as const,
    };
    return reconcile(view, { kind, docId: "doc", srev: null }, { epoch }).do;
  };
  for (const cell of cells) {
    const isClean = cell.local === "same" && cell.op === "none";
    const deleted = cell.local === "deleted";
    // Our own deletion has asked the server, or will; what an earlier answer says of it is not yet known.
    const knows = deleted && cell.op === "none";
    expect(decide(cell, "tombstone")).toBe(isClean ? "vanish" : knows ? "ignore" : "defer");
    // Lost while it was changed here or in flight: the attempt finds out by itself.
    if (cell.op === "none" && !deleted) expect(decide(cell, "lost")).toBe("resend");
    else expect(decide(cell, "lost")).toBe("defer");
  }
});

test("[T-1] every class is reached", () => {
  const reached = new Set(cells.flatMap((cell) => [pullClass(cell), pushClass(cell)]));
  expect([...reached].sort()).toEqual(["adopt", "defer", "nothing", "push", "split"]);
});
