/** PUSH-2 to PUSH-6 broken: identity, looking, sending, answers, waiting. */
import {
  actions,
  aim,
  busy,
  crashing,
  deeds,
  devices,
  foreign,
  net,
  noForeigners,
  onePath,
  paths,
  patient,
  quirks,
  sprinkled,
  textOnly,
} from "./aims.ts";
import { ancestry, reassertion, stampBinding, sweeps, verifiedDigest } from "./layers.ts";
import { type Mutant, patch } from "./mutant.ts";

const push = "sync/src/push.ts";
const judge = "sync/src/judge.ts";
const settle = "store/src/settle.ts";
const queue = "store/src/push-queue.ts";

/** The journal never says "sent": neither with the claim nor before the first byte. */
const notJournalled = [
  patch(settle, "this.#markSent.run(fid);\n    if (found.entry", "if (found.entry"),
  patch(
    settle,
    "this.#context.entries.update(fid, { sent: 1 });\n    }\n    return this.#view(fid);",
    "}\n    return this.#view(fid);",
  ),
  patch(queue, "const isSent = this.#sends && isKnown;", "const isSent = false;"),
];

/** Edits of one text on several devices. */
const shared = [
  deeds("save", "append", "edit"),
  onePath,
  textOnly,
  devices(2),
  noForeigners,
  actions(24, 10_000),
];

export const sending: readonly Mutant[] = [
  {
    id: "not-journalled-before-sending",
    breaks:
      "the journal does not say that a request may have left, and after a crash it is sent again unlooked",
    rules: ["PUSH-4", "PUSH-2"],
    kind: "other",
    patches: [
      ...notJournalled,
      patch(
        push,
        'if (op.docId === null) return op.sent ? { kind: "look" } : { kind: "send" };',
        'if (op.docId === null) return op.sent || op.phase !== "claimed" ? { kind: "look" } : { kind: "send" };',
      ),
    ],
    // Sent twice with the same bytes it is one creation to the server, unless somebody has changed the document between.
    aim: aim(
      "hosted",
      deeds("append", "append", "unlink"),
      paths("/a", "/b"),
      devices(1),
      crashing,
      textOnly,
      net({ ghost: 0, lostResponse: 0.3 }),
      foreign(20, "edit"),
      quirks({
        processingMs: [0, 0],
        repost: "append",
        repostDroppedWhileProcessing: false,
        getByCustomId: true,
        staleGet: { share: 0, ms: 0 },
      }),
      actions(30, 60_000),
    ),
  },
  {
    id: "creation-repeated-unlooked",
    breaks:
      "a creation of unknown outcome is sent again under another identity, without a look (M-11)",
    rules: ["PUSH-2", "M-11"],
    kind: "other",
    patches: [
      patch(
        push,
        'if (op.docId === null) return op.sent ? { kind: "look" } : { kind: "send" };',
        'if (op.docId === null) return { kind: "send" };',
      ),
      patch(
        push,
        "const document = { customId: op.cid, filepath: op.path, metadata };",
        "const document = { customId: op.cid + this.#deps.clock.monotonic(), filepath: op.path, metadata };",
      ),
    ],
    aim: aim("hosted", textOnly, net({ lostResponse: 0.2 }), quirks({ pathTaken: "duplicate" })),
  },
  {
    id: "blind-update-hosted",
    breaks: "an update is sent without looking at what the server holds (M-17)",
    rules: ["PUSH-3", "M-17"],
    kind: "loss",
    patches: [
      patch(
        push,
        'if (op.phase === "claimed" && this.#deps.capabilities().etag && op.ifMatch !== null)',
        'if (op.phase === "claimed" && op.kind !== "delete")',
      ),
    ],
    without: [ancestry],
    aim: aim("hosted", ...shared, quirks({ processingMs: [0, 0] }), busy, actions(24, 10_000)),
  },
  {
    id: "blind-update-embedded",
    breaks: "an update carries no If-Match on a server that has preconditions (M-17)",
    rules: ["PUSH-3", "M-17"],
    kind: "loss",
    patches: [
      patch(
        push,
        "...(etag && op.docId !== null && op.ifMatch !== null ? { ifMatch: op.ifMatch } : {}),",
        '...(etag && op.docId !== null && op.ifMatch !== null && op.kind === "delete" ? { ifMatch: op.ifMatch } : {}),',
      ),
    ],
    aim: aim("embedded", ...shared),
  },
  {
    id: "moved-server-taken-for-base",
    breaks: "a look that finds another version than base takes it for base and sends over it",
    rules: ["PUSH-3", "PUSH-8"],
    kind: "loss",
    patches: [
      patch(
        judge,
        'if (relation === "same") return { kind: "send", remote };',
        'if (relation !== "stale") return { kind: "send", remote };',
      ),
    ],
    aim: aim("embedded", ...shared),
  },
  {
    id: "own-version-in-chain-not-seen",
    breaks: "a version that was built on ours is taken for one that knows nothing of it",
    rules: ["PUSH-3"],
    kind: "loss",
    patches: [patch(judge, 'if (remote.chain.includes(op.opId)) return { kind: "built-on" };', "")],
    aim: aim(
      "embedded",
      deeds("append"),
      paths("/a.txt"),
      textOnly,
      devices(3),
      noForeigners,
      net({ lostResponse: 0.4 }),
      crashing,
      actions(30, 20_000),
    ),
  },
  {
    id: "landed-whatever-the-bytes",
    breaks: "an attempt counts as landed when its stamp is there, whatever the bytes are",
    rules: ["PUSH-3", "PUSH-7", "STAMP-2"],
    kind: "loss",
    patches: [
      patch(judge, "if (remote.rev === op.opId && hasBytes)", "if (remote.rev === op.opId)"),
    ],
    without: [stampBinding, verifiedDigest],
    aim: aim(
      "hosted",
      ...shared,
      sprinkled,
      quirks({ patchWhileProcessing: "drop-content", processingMs: [2000, 8000] }),
      net({ latencyMs: [50, 900] }),
      actions(30, 30_000),
    ),
  },
  {
    id: "landed-whatever-the-path",
    breaks: "an attempt counts as landed when its bytes are there, at whatever path",
    rules: ["PUSH-3", "PUSH-7"],
    kind: "other",
    patches: [
      patch(
        judge,
        'return counts ? { kind: "resolve", remote } : { kind: "move", remote };',
        'return counts ? { kind: "resolve", remote } : { kind: "landed", remote };',
      ),
    ],
    aim: aim(
      "hosted",
      deeds("save", "rename", "atomicSave"),
      paths("/a", "/b"),
      quirks({ contentPatchIgnoresPath: true }),
    ),
  },
  {
    id: "landed-whatever-the-attributes",
    breaks:
      "an attempt counts as landed when bytes and path are there, whatever the attributes are",
    rules: ["PUSH-3", "PUSH-7"],
    kind: "other",
    patches: [
      patch(
        judge,
        "if (hasBytes && hasPath && agreesWith(remote.attrs, op.attrs)) {",
        "if (hasBytes && hasPath) {",
      ),
    ],
    aim: aim("hosted", deeds("save", "chmod", "chmod"), onePath, textOnly),
  },
  {
    id: "accepted-means-settled",
    breaks:
      "a 2xx settles an attempt; nobody waits for the processing or looks at its result (M-4)",
    rules: ["PUSH-5", "M-4"],
    kind: "loss",
    patches: [
      patch(
        push,
        "capabilities().etag &&\n      stored === op.hash &&\n      answer.filepath === op.path &&\n      answer.rev !== null",
        "op.opId !== answer.id",
      ),
    ],
    without: [stampBinding, verifiedDigest],
    aim: aim(
      "hosted",
      ...shared,
      busy,
      quirks({ patchWhileProcessing: "drop-content", processingMs: [500, 8000] }),
      actions(24, 20_000),
    ),
  },
  {
    id: "written-while-processing",
    breaks: "a document that the server processes is written to as if it were done",
    rules: ["PUSH-3", "PUSH-6", "M-4"],
    kind: "other",
    patches: [
      patch(judge, 'if (status === "done" || counts)', 'if (status !== "failed" || counts)'),
    ],
    aim: aim(
      "hosted",
      ...shared,
      quirks({ processingMs: [2000, 20_000], patchWhileProcessing: "drop" }),
    ),
  },
  {
    id: "waiting-ends-in-success",
    breaks: "an attempt whose document is still processed after a while counts as done",
    rules: ["PUSH-6"],
    kind: "loss",
    patches: [
      patch(
        push,
        'if (look.status === "done" || look.status === "failed") return { kind: "judge", look };',
        'if (look.status === "done" || look.status === "failed" || count > 0)\n        return { kind: "judge", look: { ...look, status: "done", remote: look.remote && { ...look.remote, status: "done" } } };',
      ),
    ],
    aim: aim(
      "hosted",
      deeds("save", "append"),
      textOnly,
      noForeigners,
      patient,
      quirks({ processingMs: [4000, 20_000], failShare: 0.2, contentWhileProcessing: "new" }),
    ),
  },
  {
    id: "failure-means-done",
    breaks: "a document whose processing failed counts as done",
    rules: ["PUSH-6"],
    kind: "loss",
    patches: [
      patch(
        judge,
        'if (status === "done" || counts)',
        'if (status === "done" || status === "failed" || counts)',
      ),
      patch(
        "sync/src/stamp.ts",
        'status: told === undefined ? document.status : "done",',
        'status: told === undefined && document.status !== "failed" ? document.status : "done",',
      ),
    ],
    aim: aim(
      "hosted",
      deeds("save", "append"),
      textOnly,
      noForeigners,
      patient,
      quirks({ failShare: 0.2, contentWhileProcessing: "new" }),
    ),
  },
  {
    id: "time-out-means-done",
    breaks: "an update of unknown outcome counts as carried out",
    rules: ["PUSH-3", "PUSH-6"],
    kind: "loss",
    patches: [
      patch(
        push,
        "if (!(error instanceof ApiError)) throw error;\n    await this.#noteDefinitive(op, error);",
        'if (!(error instanceof ApiError)) throw error;\n    if (error.kind === "unknown" && op.docId !== null)\n      return await this.#answered(op, { id: op.docId, status: "done", rev: op.base?.srev ?? null, etag: op.ifMatch, contentHash: null, filepath: op.path } as never);\n    await this.#noteDefinitive(op, error);',
      ),
      patch(
        push,
        "capabilities().etag &&\n      stored === op.hash &&\n      answer.filepath === op.path &&\n      answer.rev !== null",
        "(capabilities().etag &&\n      stored === op.hash &&\n      answer.filepath === op.path &&\n      answer.rev !== null) || answer.contentHash === null && answer.filepath === op.path",
      ),
    ],
    without: [reassertion, sweeps],
    aim: aim(
      "hosted",
      deeds("save", "append"),
      onePath,
      textOnly,
      devices(1),
      noForeigners,
      net({ lostRequest: 0.1, lostResponse: 0.05 }),
      actions(16, 120_000),
    ),
  },
];
