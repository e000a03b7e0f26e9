/** PUSH-7 to PUSH-9 broken: what is agreed on, how two changes are brought together, what a refusal means. */
import {
  actions,
  adversary,
  aim,
  binaries,
  burstsOf,
  busy,
  calmNetwork,
  crashing,
  deeds,
  devices,
  foreign,
  looks,
  net,
  noForeigners,
  onePath,
  paths,
  quirks,
  sprinkled,
  textOnly,
} from "./aims.ts";
import { type Mutant, patch } from "./mutant.ts";

const settle = "store/src/settle.ts";
const resolve = "store/src/resolve.ts";
const resolver = "sync/src/resolver.ts";
const merge = "sync/src/merge.ts";
const conflicts = "store/src/conflicts.ts";

/** Both edit one text at the same time. */
const contested = [
  deeds("save", "append", "edit"),
  onePath,
  devices(2),
  noForeigners,
  busy,
  actions(12, 3_000),
];
/** The same with lines as prose, so that merging happens. */
const contestedText = [...contested, paths("/a.txt"), textOnly];

export const settling: readonly Mutant[] = [
  {
    id: "landed-clears-later-writes",
    breaks: "a version that was built on settles the current version, not the one that was claimed",
    rules: ["PUSH-7"],
    kind: "loss",
    patches: [
      patch(
        settle,
        "base_ver: op.claim_ver,\n      base_rev: op.op_id,\n      base_srev: null,",
        "base_ver: entry.local_ver,\n      base_rev: op.op_id,\n      base_srev: null,",
      ),
    ],
    aim: aim(
      undefined,
      deeds("append", "save"),
      onePath,
      devices(2),
      noForeigners,
      busy,
      textOnly,
      net({ lostResponse: 0.3 }),
      actions(20, 30_000),
    ),
  },
  {
    id: "claim-moves-while-sending",
    breaks:
      "sending marks the version of that moment as claimed, with the bytes of an earlier one (M-5)",
    rules: ["PUSH-1", "PUSH-4", "M-5"],
    kind: "loss",
    patches: [
      patch(
        settle,
        "\"UPDATE op SET phase = 'sent' WHERE fid = ?\"",
        "\"UPDATE op SET phase = 'sent', claim_ver = (SELECT local_ver FROM entry WHERE entry.fid = op.fid) WHERE fid = ?\"",
      ),
    ],
    aim: aim(undefined, deeds("save", "append", "double"), onePath, busy),
  },
  {
    id: "chain-of-ours-for-theirs",
    breaks: "somebody else's equal version is settled with our chain, which may name it itself",
    rules: ["PUSH-7", "RELATION-2"],
    kind: "other",
    patches: [
      patch(
        settle,
        "base_chain: isOurs ? op.chain : JSON.stringify(remote.chain),",
        "base_chain: op.chain,",
      ),
    ],
    // A replica that lags shows an ancestor, base is to be sent again, and the look finds it there: it names itself then.
    aim: aim(
      "hosted",
      deeds("append", "open", "close", "close"),
      onePath,
      textOnly,
      devices(1),
      noForeigners,
      calmNetwork,
      looks(1, 60),
      quirks({ processingMs: [0, 0], staleGet: { share: 0.5, ms: 20_000 } }),
      actions(40, 150_000),
    ),
  },
  {
    id: "deletion-leaves-no-tombstone",
    breaks:
      "a deletion leaves no note here, and what a late request or an older answer brings back stays",
    rules: ["PUSH-10", "PULL-4"],
    kind: "other",
    patches: [
      patch(
        settle,
        "this.#context.tombs.put(entry, latestOf(entry.base_srev, entry.r_srev, numberOf(op.if_match)));",
        "",
      ),
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
    id: "no-conflict-version",
    breaks: "bytes that both sides changed become the server's, ours are gone (M-17)",
    rules: ["PUSH-8", "M-17"],
    kind: "loss",
    patches: [
      patch(
        resolver,
        'return "local";\n  return "split";\n}',
        'return "local";\n  return "remote";\n}',
      ),
    ],
    aim: aim(undefined, ...contested),
  },
  {
    id: "local-wins-silently",
    breaks: "bytes that both sides changed become ours, the server's are gone",
    rules: ["PUSH-8", "M-17"],
    kind: "loss",
    patches: [
      patch(
        resolver,
        'return "local";\n  return "split";\n}',
        'return "local";\n  return "local";\n}',
      ),
    ],
    aim: aim("embedded", ...contested),
  },
  {
    id: "unseen-bytes-replaced",
    breaks:
      "bytes of ours that the author of the server's version has not seen are replaced when only a rename was to be sent",
    rules: ["PUSH-8", "PULL-7"],
    kind: "loss",
    patches: [
      patch(
        resolver,
        'if (!isLocalChanged) return isUnseen(view, remote) ? "split" : "remote";',
        'if (!isLocalChanged) return "remote";',
      ),
    ],
    aim: aim(
      "hosted",
      deeds("append", "append", "chmod", "chmod", "chmod"),
      onePath,
      devices(2),
      textOnly,
      noForeigners,
      sprinkled,
      calmNetwork,
      looks(30, 600),
      // A replica that lags shows who overwrites what he has not seen.
      quirks({
        processingMs: [0, 0],
        tickMs: 1,
        lateCommitMs: 0,
        staleGet: { share: 0.4, ms: 20_000 },
      }),
      actions(200, 150_000),
    ),
  },
  {
    id: "merged-with-a-wrong-base",
    breaks: "a version that was not made from base is merged with it",
    rules: ["PUSH-8", "MERGE-2"],
    kind: "loss",
    patches: [
      patch(
        resolver,
        'if (relationOf(op.base, effective(remote, op.base, op)) !== "descends") return undefined;',
        "",
      ),
    ],
    aim: aim(
      "hosted",
      deeds("burst", "burst", "append"),
      paths("/a.txt"),
      burstsOf(2),
      devices(2),
      textOnly,
      noForeigners,
      sprinkled,
      calmNetwork,
      looks(30, 600),
      // A replica that lags shows who overwrites what he has not seen.
      quirks({
        processingMs: [0, 0],
        tickMs: 1,
        lateCommitMs: 0,
        staleGet: { share: 0.4, ms: 20_000 },
      }),
      actions(60, 90_000),
    ),
  },
  {
    id: "merge-keeps-one-side",
    breaks: "a merge takes our lines where both sides changed the same",
    rules: ["MERGE-2"],
    kind: "loss",
    patches: [
      patch(
        merge,
        "if (region.ok === undefined) return undefined;\n    lines.push(...region.ok);",
        "lines.push(...(region.ok ?? region.conflict?.a ?? []));",
      ),
    ],
    aim: aim(undefined, ...contestedText),
  },
  {
    id: "append-merge-without-common-start",
    breaks: "texts are joined as additions although one side changed what was there",
    rules: ["MERGE-1"],
    kind: "loss",
    patches: [
      patch(
        merge,
        "if (!local.startsWith(base) || !remote.startsWith(base)) return undefined;",
        "if (!remote.startsWith(base)) return undefined;",
      ),
    ],
    aim: aim("embedded", ...contestedText, deeds("append", "edit")),
  },
  {
    id: "resolved-over-a-later-write",
    breaks: "a resolution is carried out although the entry has moved since its bytes were read",
    rules: ["PUSH-8"],
    kind: "loss",
    patches: [patch(resolve, 'if (entry.local_ver !== localVer) return "stale";', "")],
    aim: aim(
      "embedded",
      ...contestedText,
      deeds("append"),
      sprinkled,
      net({ latencyMs: [50, 400] }),
      actions(30, 10_000),
    ),
  },
  {
    id: "resolved-under-a-writer",
    breaks: "a resolution replaces the bytes of a file that somebody can write",
    rules: ["PUSH-8", "WRITERS-2"],
    kind: "loss",
    patches: [
      patch(
        resolve,
        'if (inode.writers === 1 && how.kind !== "local") {',
        'if (inode.writers === 2 && how.kind !== "local") {',
      ),
      patch(
        resolve,
        "if (inode.writers === 1) return true;\n    if (inode.bytes_ver",
        "if (inode.bytes_ver",
      ),
    ],
    aim: aim(
      "embedded",
      deeds("open", "close", "burstOpen", "burstOpen", "burstOpen", "burst"),
      paths("/a.txt"),
      textOnly,
      devices(2),
      noForeigners,
      burstsOf(2),
      adversary(0.15),
      net({ latencyMs: [5, 60] }),
      actions(250, 120_000),
    ),
  },
  {
    id: "merged-bytes-taken-for-base",
    breaks: "a merge result, or ours that won, is agreed on without having been sent",
    rules: ["PUSH-8", "PUSH-7"],
    kind: "loss",
    patches: [patch(resolve, "if (oursBytes) {", "if (oursBytes && versions.current < 0) {")],
    aim: aim("embedded", ...contestedText, deeds("append", "edit"), sprinkled, actions(24, 10_000)),
  },
  {
    id: "written-since-claim-taken-for-base",
    breaks: "a resolution with equal bytes forgets what was written after the claim",
    rules: ["PUSH-8", "PUSH-7"],
    kind: "loss",
    patches: [
      patch(
        resolve,
        "return op.snap_hash !== remote.hash || inode.bytes_ver > op.claim_ver;",
        "return op.snap_hash !== remote.hash;",
      ),
    ],
    aim: aim(
      "embedded",
      deeds("empty", "empty", "append"),
      onePath,
      devices(2),
      noForeigners,
      busy,
      actions(24, 10_000),
    ),
  },
  {
    id: "conflict-version-stays-here",
    breaks: "a conflict version is agreed on without having been sent",
    rules: ["PUSH-8"],
    kind: "loss",
    patches: [
      patch(
        conflicts,
        "this.#put.run(\n      fid,",
        "entries.update(fid, { base_ver: conflictVer });\n    this.#put.run(\n      fid,",
      ),
    ],
    aim: aim(undefined, ...contested),
  },
  {
    id: "refusal-means-sent",
    breaks: "a refused version counts as agreed on",
    rules: ["PUSH-9"],
    kind: "loss",
    patches: [
      patch(
        settle,
        "rejected_ver: op.claim_ver,\n      rejected_hash: op.snap_hash,",
        "base_ver: op.claim_ver,\n      rejected_hash: op.snap_hash,",
      ),
    ],
    aim: aim("hosted", deeds("save", "append"), onePath, binaries(0.4)),
  },
  {
    id: "refusal-of-the-current-version",
    breaks: "a refusal is noted for the version of that moment, not for the one that was sent",
    rules: ["PUSH-9", "M-7"],
    kind: "loss",
    patches: [
      patch(
        settle,
        "rejected_ver: op.claim_ver,\n      rejected_hash: op.snap_hash,",
        "rejected_ver: entry.local_ver,\n      rejected_hash: op.snap_hash,",
      ),
    ],
    aim: aim(
      "hosted",
      deeds("save", "append"),
      onePath,
      devices(1),
      binaries(0.5),
      adversary(0.4),
      net({ latencyMs: [50, 500] }),
      actions(40, 30_000),
    ),
  },
  {
    id: "recreation-under-the-old-identity",
    breaks:
      "a file that goes to the server again goes under the customer id of the document that is gone",
    rules: ["PUSH-3", "PUSH-10"],
    kind: "other",
    patches: [
      patch(
        settle,
        "local_ver: versions.next() });\n  reidentify(context, entry);",
        "local_ver: versions.next() });",
      ),
    ],
    // Both send it again while they have not heard of each other: under one id that is one document, appended to.
    aim: aim(
      "hosted",
      deeds("append"),
      onePath,
      devices(2),
      textOnly,
      calmNetwork,
      foreign(12, "delete"),
      (config) => ({ ...config, offlineCount: 4 }),
      looks(5, 60),
      quirks({
        processingMs: [0, 0],
        pathTaken: "duplicate",
        repost: "append",
        repostDroppedWhileProcessing: false,
        getByCustomId: true,
        staleGet: { share: 0, ms: 0 },
      }),
      actions(24, 60_000),
    ),
  },
  {
    id: "snapshot-forgotten-by-recovery",
    breaks: "recovery after a crash drops attempts that may have been sent",
    rules: ["PUSH-11", "RECOVER-1"],
    kind: "other",
    patches: [
      patch(
        "store/src/recovery.ts",
        "this.#context.bytes.clearUnfinished();",
        'this.#context.bytes.clearUnfinished();\n    this.#context.db.transaction(() => this.#context.db.sql.exec("DELETE FROM op; UPDATE entry SET sent = 0 WHERE doc_id IS NULL"));',
      ),
    ],
    aim: aim("hosted", deeds("save", "unlink"), devices(1), textOnly, crashing, calmNetwork),
  },
];
