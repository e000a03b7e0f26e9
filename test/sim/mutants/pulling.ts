/** The pull side broken: what may touch an entry, what is kept of what leaves, what is deferred, hydration. */
import {
  actions,
  adversary,
  aim,
  busy,
  calmNetwork,
  crashing,
  deeds,
  devices,
  net,
  noForeigners,
  onePath,
  paths,
  quirks,
  sprinkled,
  textOnly,
} from "./aims.ts";
import { absenceById, askedAgain, expectation, stubsOnly, writersGuard } from "./layers.ts";
import { type Mutant, patch } from "./mutant.ts";

const reconcile = "sync/src/reconcile.ts";
const relation = "sync/src/relation.ts";
const apply = "store/src/apply.ts";
const _pull = "sync/src/pull.ts";
const stubs = "store/src/stubs.ts";
const _take = "store/src/take.ts";

const shared = [
  deeds("save", "append", "edit"),
  onePath,
  textOnly,
  devices(2),
  noForeigners,
  busy,
  actions(24, 5_000),
];

export const pulling: readonly Mutant[] = [
  {
    id: "pull-ignores-dirty",
    breaks: "pull takes an entry with unsent changes for clean",
    rules: ["PULL-4"],
    kind: "loss",
    patches: [
      patch(
        reconcile,
        "return entry.localVer !== entry.baseVer || entry.writers || entry.movedAbove;",
        "return entry.writers || entry.movedAbove;",
      ),
    ],
    aim: aim("embedded", ...shared, sprinkled, actions(24, 10_000)),
  },
  {
    id: "pull-ignores-writers",
    breaks: "pull replaces the bytes of a file that somebody holds open for writing",
    rules: ["PULL-4", "WRITERS-2"],
    kind: "loss",
    patches: [
      patch(
        reconcile,
        "return entry.localVer !== entry.baseVer || entry.writers || entry.movedAbove;",
        "return (entry.localVer !== entry.baseVer && !entry.writers) || entry.movedAbove;",
      ),
    ],
    without: [writersGuard],
    aim: aim(
      undefined,
      deeds("save", "open", "writeOpen", "writeOpen", "close"),
      onePath,
      textOnly,
      devices(2),
      noForeigners,
      busy,
      actions(20, 30_000),
    ),
  },
  {
    id: "pull-ignores-attempts",
    breaks: "pull takes a document whose attempt is in progress for its own",
    rules: ["PULL-4"],
    kind: "loss",
    patches: [
      patch(reconcile, "if (entry.hasOp) {", "if (entry.hasOp && entry.localVer < 0) {"),
      patch(
        apply,
        "if (this.#views.opRow(entry.fid) !== undefined || this.#views.isMovedAbove(entry))",
        "if (this.#views.isMovedAbove(entry))",
      ),
      patch(
        reconcile,
        "return entry.localVer !== entry.baseVer || entry.writers || entry.movedAbove;",
        "return (entry.localVer !== entry.baseVer && !entry.hasOp) || entry.writers || entry.movedAbove;",
      ),
    ],
    aim: aim("embedded", ...shared),
  },
  {
    id: "decided-awaited-applied",
    breaks: "what was decided is carried out on an entry that has moved since (M-3)",
    rules: ["PULL-6", "M-3"],
    kind: "loss",
    patches: [...expectation.patches],
    without: [writersGuard],
    aim: aim("embedded", ...shared, sprinkled, actions(24, 10_000)),
  },
  {
    id: "no-ancestry",
    breaks: "a version that knows nothing of ours is taken for a descendant of it",
    rules: ["RELATION-2", "PULL-7"],
    kind: "loss",
    patches: [
      patch(
        relation,
        '    return "descends";\n  }\n  return "concurrent";',
        '    return "descends";\n  }\n  return "descends";',
      ),
    ],
    aim: aim("hosted", ...shared, quirks({ patchWhileProcessing: "queue" })),
  },
  {
    id: "regress-followed",
    breaks: "a server that went back to an ancestor of ours is followed",
    rules: ["RELATION-2", "PULL-7"],
    kind: "loss",
    patches: [
      patch(
        relation,
        'if (base.chain.includes(remote.rev)) return "regress";',
        'if (base.chain.includes(remote.rev)) return "descends";',
      ),
    ],
    aim: aim(
      "hosted",
      deeds("save", "append"),
      onePath,
      textOnly,
      devices(1),
      noForeigners,
      quirks({ processingMs: [0, 0] }),
      calmNetwork,
      net({ ghost: 0.2, ghostMs: [2_000, 8_000] }),
      actions(30, 60_000),
    ),
  },
  {
    id: "stale-answer-followed",
    breaks: "on a server that counts, an answer from before base is taken for news",
    rules: ["RELATION-1"],
    kind: "loss",
    patches: [
      patch(
        relation,
        'if (remote.srev < base.srev) return "stale";',
        'if (remote.srev < base.srev) return "descends";',
      ),
    ],
    aim: aim(
      "embedded",
      deeds("save", "append"),
      onePath,
      devices(1),
      noForeigners,
      net({ latencyMs: [5, 2000] }),
      actions(20, 10_000),
    ),
  },
  {
    id: "replaced-without-trash",
    breaks: "another device's bytes that a concurrent version replaces are not kept",
    rules: ["PULL-7"],
    kind: "loss",
    patches: [
      patch(
        apply,
        'this.#trash.put(\n      entry,\n      this.#context.entries.shownPath(entry),\n      plan.kept,\n      inode.size,\n      "replaced by a concurrent version of another device",\n    );',
        "void inode;",
      ),
    ],
    aim: aim(
      "hosted",
      deeds("save", "append"),
      onePath,
      textOnly,
      devices(3),
      noForeigners,
      busy,
      net({ ghost: 0.1 }),
      actions(20, 10_000),
    ),
  },
  {
    id: "split-drops-ours",
    breaks: "our bytes that a concurrent version replaces make no conflict version",
    rules: ["PULL-7"],
    kind: "loss",
    patches: [
      patch(
        reconcile,
        'return entry.base?.isMine === true\n    ? { do: "split", ...known, content: undefined }',
        'return entry.base?.isMine === true\n    ? { do: "fast-forward", ...known, content: undefined }',
      ),
    ],
    aim: aim("hosted", ...shared, net({ ghost: 0.1 }), quirks({ patchWhileProcessing: "queue" })),
  },
  {
    id: "vanished-with-unsent-bytes",
    breaks: "a deletion elsewhere takes bytes with it that were never sent",
    rules: ["PULL-4", "PULL-5"],
    kind: "loss",
    patches: [
      patch(
        reconcile,
        "if (entry.hasOp || !keepsBytes(entry)) {\n    return { do",
        "if (entry.hasOp) {\n    return { do",
      ),
    ],
    aim: aim(
      "embedded",
      deeds("append", "append", "append", "recreate", "unlink"),
      paths("/a", "/b"),
      textOnly,
      devices(2),
      noForeigners,
      calmNetwork,
      adversary(0.05),
      actions(120, 20_000),
    ),
  },
  {
    id: "partial-content-applied",
    breaks: "what a document shows while it is processed is taken for its content",
    rules: ["PULL-2", "PUSH-6"],
    kind: "loss",
    patches: [
      patch(
        reconcile,
        'return onDirty(entry, remote, relation === "same");\n  if (remote.status !== "done")',
        'return onDirty(entry, remote, relation === "same");\n  if (remote.status === "none")',
      ),
      patch(
        reconcile,
        'etag: remote.etag };\n    }\n  }\n  if (remote.status !== "done")',
        'etag: remote.etag };\n    }\n  }\n  if (remote.status === "none")',
      ),
    ],
    aim: aim(
      "hosted",
      deeds("save", "append"),
      textOnly,
      devices(2),
      quirks({ processingMs: [3000, 20_000], contentWhileProcessing: "partial" }),
    ),
  },
  {
    id: "tombstones-forgotten",
    breaks: "a document that a late request brought back after its deletion is taken for a new one",
    rules: ["PULL-4", "PUSH-10"],
    kind: "other",
    patches: [
      patch(reconcile, "if (view.tomb !== null) {", "if (view.tomb !== null && docId === null) {"),
    ],
    aim: aim(
      "embedded",
      deeds("save", "unlink"),
      onePath,
      devices(1),
      noForeigners,
      net({ latencyMs: [5, 2000] }),
      actions(20, 10_000),
    ),
  },
  {
    id: "others-document-deleted-again",
    breaks: "a document of a deleted file is deleted again although another device has written it",
    rules: ["PULL-4", "PUSH-10"],
    kind: "loss",
    patches: [patch(reconcile, "} else if (isMine || remote.rev === view.tomb.rev) {", "} else {")],
    aim: aim(
      undefined,
      deeds("save", "append", "unlink"),
      onePath,
      textOnly,
      devices(2),
      noForeigners,
      sprinkled,
      actions(20, 10_000),
    ),
  },
  {
    id: "cursor-before-page",
    breaks: "the feed's cursor moves before its page is applied",
    rules: ["PULL-1", "M-14"],
    kind: "other",
    patches: [
      patch(
        "sync/src/pull-feed.ts",
        "const cursor = { key: feedCursorKey, value: answer.cursor };",
        "const cursor = { key: feedCursorKey, value: answer.cursor };\n      await this.#port.setCursor(feedCursorKey, answer.cursor);",
      ),
    ],
    aim: aim("embedded", deeds("save", "append"), devices(2), crashing),
  },
  {
    id: "deferred-forgotten",
    breaks: "what could not be decided is not remembered, and the cursor has moved past it (M-14)",
    rules: ["PULL-2", "M-14"],
    kind: "other",
    patches: [
      patch(
        apply,
        'else if (plan.do === "defer") this.postpone(plan, plan.why);',
        'else if (plan.do === "defer") this.#context.pend.drop(plan.docId, seen);',
      ),
    ],
    // Who opened the file and wrote nothing has nothing to send: only what is remembered brings the other version.
    aim: aim(
      "embedded",
      deeds("append", "open", "open", "close", "close"),
      onePath,
      devices(3),
      noForeigners,
      calmNetwork,
      adversary(0.1),
      actions(40, 60_000),
    ),
  },
  {
    id: "stale-plan-forgotten",
    breaks: "a plan that came too late is not remembered for another look",
    rules: ["PULL-2", "PULL-6"],
    kind: "other",
    patches: [
      patch(
        apply,
        'if (applied === "stale") this.postpone(plan, "it changed here meanwhile");',
        'if (applied === "stale") this.#context.pend.drop(plan.docId, seen);',
      ),
    ],
    aim: aim("embedded", deeds("save", "append", "unlink", "chmod"), devices(2), busy),
  },
  {
    id: "newer-deferral-dropped",
    breaks: "deciding an older observation drops a newer one that was deferred",
    rules: ["PULL-2"],
    kind: "other",
    patches: [
      patch(
        "store/src/pend.ts",
        '"DELETE FROM pend WHERE doc_id = ?1 AND (srev IS NULL OR ?2 IS NULL OR srev <= ?2)"',
        '"DELETE FROM pend WHERE doc_id = ?1 AND (?2 IS NULL OR ?2 = ?2)"',
      ),
    ],
    without: [askedAgain, absenceById],
    // A replica that lags answers as late answers do: with less than the feed has said. Who opened the file and wrote
    // nothing has nothing to send, and hears of the newer version in no other way.
    aim: aim(
      "embedded",
      deeds("append", "open", "open", "close", "close"),
      paths("/a", "/b"),
      textOnly,
      devices(2),
      noForeigners,
      calmNetwork,
      adversary(0),
      quirks({ staleGet: { share: 0.5, ms: 20_000 } }),
      actions(80, 120_000),
    ),
  },
  {
    id: "hydrated-whatever-happened",
    breaks:
      "bytes that were fetched for a stub are put into a file that has been written meanwhile (M-16)",
    rules: ["HYDRATE-1", "M-16"],
    kind: "loss",
    patches: [
      patch(
        stubs,
        'if (inode === undefined || inode.stub === 0 || !isRegular(inode.mode)) return "stale";\n    if (this.find(ino)?.hash !== blob || !this.#context.bytes.hasBlob(blob)) return "stale";',
        'if (inode === undefined || !isRegular(inode.mode) || !this.#context.bytes.hasBlob(blob)) return "stale";',
      ),
    ],
    aim: aim(
      "embedded",
      deeds("save"),
      onePath,
      textOnly,
      devices(2),
      noForeigners,
      sprinkled,
      (config) => ({
        ...config,
        quirks: { ...config.quirks, extensions: { ...config.quirks.extensions, raw: false } },
      }),
      net({ latencyMs: [50, 500] }),
      actions(24, 20_000),
    ),
  },
  {
    id: "hydrated-with-other-bytes",
    breaks: "a stub is filled with whatever bytes the server has by now",
    rules: ["HYDRATE-1", "M-16"],
    kind: "loss",
    patches: [
      patch(
        "sync/src/content.ts",
        "if (digest === version.hash) return { blob: digest, size };",
        "return { blob: digest, size };",
      ),
      patch(
        stubs,
        'if (this.find(ino)?.hash !== blob || !this.#context.bytes.hasBlob(blob)) return "stale";',
        'if (!this.#context.bytes.hasBlob(blob)) return "stale";',
      ),
    ],
    without: [stubsOnly],
    aim: aim(
      "embedded",
      deeds("save", "append", "append", "edit"),
      onePath,
      textOnly,
      devices(2),
      noForeigners,
      sprinkled,
      (config) => ({
        ...config,
        quirks: { ...config.quirks, extensions: { ...config.quirks.extensions, raw: true } },
      }),
      net({ latencyMs: [50, 500] }),
      actions(30, 20_000),
    ),
  },
  {
    id: "changing-server-followed",
    breaks: "what a server shows in place of what it was sent is written over the file",
    rules: ["PUSH-7", "PULL-4"],
    kind: "other",
    patches: [patch(relation, "remote.hash === base.shown &&", 'remote.hash === "" &&')],
    aim: aim(
      "hosted",
      deeds("save", "append"),
      textOnly,
      noForeigners,
      quirks({ normalise: { trim: true, crlf: true, urls: false } }),
    ),
  },
  {
    id: "told-deletion-forgotten-by-a-restart",
    breaks:
      "a deletion that was told and could not be applied at once is mere absence after a restart",
    rules: ["PULL-2", "W-32"],
    kind: "other",
    patches: [
      patch(
        apply,
        "const told = isDeletion(plan) ? deletedElsewhere : why;",
        "const told = isDeletion(plan) && deletedElsewhere === why ? deletedElsewhere : why;",
      ),
    ],
    without: [absenceById],
    // Who has the file open and writes nothing has nothing to send when the process dies, and never asks the server.
    aim: aim(
      "embedded",
      deeds("save", "unlink", "unlink", "open", "open", "open", "open"),
      paths("/a", "/b", "/c"),
      textOnly,
      devices(2),
      noForeigners,
      calmNetwork,
      adversary(0),
      (config) => ({ ...config, crashCount: 8, momentCrashShare: 0, diskCrashShare: 0 }),
      actions(60, 120_000),
    ),
  },
];
