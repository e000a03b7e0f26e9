/** PUSH-3, PUSH-5 and PUSH-10 broken: refusals, deletions, documents that are gone or somebody else's. */
import {
  actions,
  aim,
  busy,
  calmNetwork,
  deeds,
  devices,
  foreign,
  net,
  noForeigners,
  onePath,
  paths,
  quirks,
  textOnly,
} from "./aims.ts";
import { preconditions } from "./layers.ts";
import { type Mutant, patch } from "./mutant.ts";

const push = "sync/src/push.ts";
const judge = "sync/src/judge.ts";

export const answering: readonly Mutant[] = [
  {
    id: "replica-404-believed",
    breaks: "one 404 of a server whose replicas lag is taken for the document's end",
    rules: ["PUSH-3"],
    kind: "other",
    patches: [patch(push, 'if (left > 0) return stop({ kind: "again", afterMs: left });', "")],
    aim: aim("hosted", textOnly, quirks({ staleGet: { share: 0.3, ms: 20_000 } }), noForeigners),
  },
  {
    id: "failed-edit-taken-for-ours",
    breaks: "a document that failed with somebody else's edit in it is sent over, or deleted",
    rules: ["PUSH-15"],
    kind: "loss",
    patches: [
      patch(
        judge,
        'return found?.kind === "resolve" ? found : { kind: "failed" };',
        'return found === null ? found : { kind: "failed" };',
      ),
    ],
    aim: aim(
      "hosted",
      deeds("save", "edit", "unlink", "unlink"),
      onePath,
      devices(1),
      textOnly,
      foreign(6, "edit", "edit", "create"),
      calmNetwork,
      quirks({ failShare: 0.4, processingMs: [0, 0], failedDeleteMs: Number.POSITIVE_INFINITY }),
      actions(16, 30_000),
    ),
  },
  {
    id: "moved-back-for-ever",
    breaks:
      "a file that somebody moved after our write landed is moved back, and never comes to rest",
    rules: ["PUSH-8"],
    kind: "other",
    patches: [
      patch(
        judge,
        'return counts ? { kind: "resolve", remote } : { kind: "move", remote };',
        'return { kind: "move", remote };',
      ),
    ],
    aim: aim(
      "embedded",
      deeds("save", "edit"),
      onePath,
      devices(1),
      net({ lostResponse: 0.3 }),
      foreign(6, "rename"),
      actions(16, 20_000),
    ),
  },
  {
    id: "dropped-taken-for-deleted",
    breaks: "a document that the server drops, since somebody's edit failed, is taken for deleted",
    rules: ["PULL-12"],
    kind: "loss",
    patches: [
      patch(
        "sync/src/reconcile.ts",
        '...(remote.status === "failed" ? { hasFailed: true } : {}),',
        "",
      ),
    ],
    aim: aim(
      "hosted",
      deeds("save", "edit"),
      onePath,
      devices(1),
      textOnly,
      foreign(6, "edit"),
      calmNetwork,
      quirks({ failShare: 0.4, processingMs: [0, 0], failedDeleteMs: 60_000 }),
      actions(8, 60_000),
    ),
  },
  {
    id: "rename-brings-deleted-back",
    breaks: "a rename of a document that was deleted elsewhere creates it again (M-19)",
    rules: ["PUSH-3", "M-19"],
    kind: "other",
    patches: [
      patch(
        push,
        "else if (!op.withBytes || op.hash === op.base?.hash) await port.goneRemotely(op.fid, op.opId);",
        "",
      ),
    ],
    aim: aim(
      "hosted",
      deeds("save", "unlink", "rename", "chmod", "chmod"),
      paths("/a", "/b"),
      devices(2),
      noForeigners,
      textOnly,
      quirks({ processingMs: [0, 0] }),
      actions(24, 30_000),
    ),
  },
  {
    id: "foreign-document-overwritten",
    breaks: "a document that holds our path is adopted and overwritten instead of resolved",
    rules: ["PUSH-5", "PUSH-8"],
    kind: "loss",
    patches: [
      patch(
        push,
        "return this.#act(adopted, verdict, look);",
        'if (verdict.kind === "resolve" && look.remote !== undefined) return this.#act(adopted, { kind: "send", remote: look.remote }, look);\n    return this.#act(adopted, verdict, look);',
      ),
    ],
    aim: aim("embedded", deeds("save"), onePath, devices(2), busy),
  },
  {
    id: "delete-without-precondition",
    breaks: "a deletion carries no If-Match, and takes an edit of another device with it",
    rules: ["PUSH-10"],
    kind: "loss",
    patches: [
      patch(
        push,
        "await client.delete(op.docId, this.#conditions(op));",
        "await client.delete(op.docId, {});",
      ),
    ],
    aim: aim("embedded", deeds("save", "append", "unlink"), onePath, devices(2), busy),
  },
  {
    id: "delete-without-look",
    breaks: "a deletion is sent unlooked to a server without preconditions",
    rules: ["PUSH-10", "PUSH-3"],
    kind: "loss",
    patches: [
      patch(
        push,
        'if (op.docId === null) return op.sent ? { kind: "look" } : { kind: "send" };',
        'if (op.docId !== null && op.kind === "delete") return { kind: "send" };\n    if (op.docId === null) return op.sent ? { kind: "look" } : { kind: "send" };',
      ),
    ],
    aim: aim(
      "hosted",
      deeds("save", "append", "unlink"),
      onePath,
      devices(2),
      noForeigners,
      busy,
      textOnly,
      quirks({ processingMs: [0, 0] }),
      actions(16, 30_000),
    ),
  },
  {
    id: "delete-beats-edit",
    breaks: "a deletion that finds an edit of another device deletes it all the same",
    rules: ["PUSH-8", "PUSH-10"],
    kind: "loss",
    patches: [
      patch(
        judge,
        'return { kind: "resolve", remote };\n}',
        'return { kind: op.kind === "delete" ? "send" : "resolve", remote };\n}',
      ),
    ],
    aim: aim(undefined, deeds("save", "append", "unlink"), onePath, devices(2), busy, textOnly),
  },
  {
    id: "delete-by-path",
    breaks: "a deletion is sent for whatever document stands at the path (M-12)",
    rules: ["PUSH-10", "M-12"],
    kind: "loss",
    patches: [
      patch(
        push,
        "await client.delete(op.docId, this.#conditions(op));",
        'const { memories } = await client.list({ page: 1, limit: 1, sort: "updatedAt", order: "desc", includeContent: false, filepath: op.path });\n      const [there] = memories;\n      if (there !== undefined) await client.delete(there.id, {});',
      ),
    ],
    aim: aim("hosted", deeds("save", "recreate", "rename", "unlink"), paths("/a", "/b"), textOnly),
  },
  {
    id: "failed-delete-means-deleted",
    breaks: "a deletion that the server never carried out counts as done",
    rules: ["PUSH-10", "PUSH-3"],
    kind: "other",
    patches: [
      patch(
        push,
        'if (!(error instanceof ApiError) || error.kind !== "precondition") throw error;\n      await port.note',
        'if (!(error instanceof ApiError)) throw error;\n      if (error.kind !== "precondition") {\n        await port.deleted(op.fid, op.opId);\n        return stop(ended);\n      }\n      await port.note',
      ),
    ],
    aim: aim(
      "embedded",
      deeds("save", "unlink"),
      devices(1),
      net({ lostRequest: 0.2, serverError: 0.2 }),
    ),
  },
  {
    id: "one-look-proves-a-changing-server",
    breaks: "one look at other bytes than were sent proves that the server changes what it is sent",
    rules: ["PUSH-7"],
    kind: "loss",
    patches: [
      patch(
        push,
        "if (this.#shownInstead.get(op.opId) === remote.hash) {",
        "if (this.#shownInstead.get(op.opId) !== undefined || remote.hash !== op.hash) {",
      ),
    ],
    // Whoever edits without our stamps leaves the one that is there: right after an upload it is that upload's.
    aim: aim(
      "hosted",
      deeds("save", "append", "edit"),
      onePath,
      textOnly,
      devices(1),
      foreign(20, "edit"),
      quirks({ patchWhileProcessing: "queue", processingMs: [500, 3000] }),
      actions(20, 60_000),
    ),
  },
  {
    id: "creation-without-precondition",
    breaks: "a creation carries no If-None-Match, and writes over what stands under its identity",
    rules: ["PUSH-4"],
    kind: "loss",
    patches: preconditions.patches,
    aim: aim("embedded", deeds("save", "append", "unlink"), onePath, devices(2), busy, calmNetwork),
  },
  {
    id: "path-conflict-creates-again",
    breaks: "an attempt whose path another document holds is given up for a new creation each time",
    rules: ["PUSH-5"],
    kind: "other",
    patches: [
      patch(
        push,
        "if (op.docId !== null || other !== null) {\n      await port.takeAlias(op.fid, op.opId);",
        "if (op.docId !== null || other !== null) {\n      await port.recreate(op.fid, op.opId);",
      ),
    ],
    aim: aim("embedded", deeds("save", "rename", "exchange"), paths("/a", "/b"), devices(2), busy),
  },
  {
    id: "refusal-of-key-refuses-version",
    breaks: "401 refuses the version that was to be sent instead of pausing the mount",
    rules: ["CONN-1", "PUSH-9"],
    kind: "loss",
    patches: [
      patch(
        push,
        'if (error instanceof ApiError && error.kind === "too-large")',
        'if (error instanceof ApiError && (error.kind === "too-large" || error.kind === "unauthorised"))',
      ),
    ],
    aim: aim(undefined, net({ unauthorized: 0.05 })),
  },
];
