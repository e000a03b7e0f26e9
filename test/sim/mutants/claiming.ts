/** PUSH-0 and PUSH-1 broken: what is picked, when, and what a claim freezes. */
import {
  actions,
  aim,
  alsoDeeds,
  binaries,
  calmNetwork,
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
import { inlineSnapshots, sampling, versionAtClear } from "./layers.ts";
import { type Mutant, patch } from "./mutant.ts";

const queue = "store/src/push-queue.ts";
const ordering = "store/src/ordering.ts";
const openFiles = deeds("save", "open", "writeOpen", "writeOpen", "close", "append");

export const claiming: readonly Mutant[] = [
  {
    id: "claim-with-later-version",
    breaks: "a claim names the version read after the bytes were copied, not before",
    rules: ["PUSH-1"],
    kind: "loss",
    patches: [
      patch(
        queue,
        "localVer: snapshot.localVer,\n      hash: snapshot.digest,",
        "localVer: entry.local_ver,\n      hash: snapshot.digest,",
      ),
    ],
    without: [inlineSnapshots, sampling, versionAtClear],
    aim: aim(undefined, deeds("save", "append"), onePath, sprinkled, actions(24, 10_000)),
  },
  {
    id: "sample-makes-clean",
    breaks: "confirming a sample of a file that somebody can write makes the file clean",
    rules: ["PUSH-1", "WRITERS-3"],
    kind: "loss",
    patches: sampling.patches,
    without: [versionAtClear],
    aim: aim(undefined, openFiles, onePath, actions(20, 30_000)),
  },
  {
    id: "settle-under-a-writer",
    breaks:
      "a file that somebody can write is settled when it equals base, and its last bytes move no version",
    rules: ["PUSH-1", "WRITERS-3"],
    kind: "loss",
    patches: [patch(queue, 'if (inode.writers === 1) return { kind: "wait", why: heldOpen };', "")],
    without: [versionAtClear],
    aim: aim(
      undefined,
      deeds("save", "open", "open", "writeOpen", "close"),
      onePath,
      actions(16, 60_000),
    ),
  },
  {
    id: "rename-takes-edit-along",
    breaks: "a claim of a file that was renamed carries no bytes, although they were edited, too",
    rules: ["PUSH-1", "W-3"],
    kind: "loss",
    patches: [
      patch(
        queue,
        "if (entry.base_hash !== null && inode.bytes_ver <= entry.base_ver) {",
        "if (entry.base_hash !== null && (inode.bytes_ver <= entry.base_ver || entry.base_path !== this.#views.documentPath(entry, inode))) {",
      ),
    ],
    aim: aim(undefined, deeds("save", "edit", "rename"), paths("/a", "/b")),
  },
  {
    id: "path-not-compared",
    breaks: "a claim compares bytes with base, but not the path: a rename is never sent",
    rules: ["PUSH-1"],
    kind: "other",
    patches: [
      patch(
        queue,
        "base.hash !== frozen.hash || base.path !== path)",
        "base.hash !== frozen.hash)",
      ),
    ],
  },
  {
    id: "attributes-not-compared",
    breaks:
      "a claim compares bytes and path with base, but not the attributes: a chmod is never sent",
    rules: ["PUSH-1", "ATTR-2"],
    kind: "other",
    patches: [
      patch(queue, "if (!sameAttrs(base.attrs, this.#views.attrs(inode))) return false;", ""),
    ],
    aim: aim(undefined, deeds("save", "chmod")),
  },
  {
    id: "regress-not-sent-again",
    breaks: "bytes equal to base are settled although the server went back to an ancestor of it",
    rules: ["PUSH-1", "RELATION-2"],
    kind: "loss",
    patches: [
      patch(queue, "return !isOverwritten && !base.chain.includes(entry.r_rev);", "return true;"),
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
    id: "second-attempt-at-once",
    breaks: "an entry is claimed again while an attempt of it is in progress",
    rules: ["PUSH-0"],
    kind: "other",
    patches: [
      patch(
        queue,
        'if (this.#views.opRow(entry.fid) !== undefined)\n      return { kind: "wait", why: "an attempt is in progress" };',
        "",
      ),
      patch(queue, "if (withOp.has(entry.fid) || tasks.length >= countMax) continue;", ""),
    ],
  },
  {
    id: "names-not-waited-for",
    breaks: "a name is claimed at the server although another document of ours still has it there",
    rules: ["PUSH-0"],
    kind: "other",
    patches: [
      patch(ordering, "const holder = this.#holderOf(entry, path);", "const holder = undefined;"),
    ],
    aim: aim("embedded", deeds("save", "rename", "exchange", "recreate"), paths("/a", "/b")),
  },
  {
    id: "attempts-in-progress-not-waited-for",
    breaks: "a path is claimed while an attempt of unknown outcome may still hold it",
    rules: ["PUSH-0"],
    kind: "other",
    patches: [
      patch(
        ordering,
        "if (op.fid !== entry.fid && (isAtOrBelow(op.path, path) || isAtOrBelow(path, op.path))) {",
        "if (op.fid === path) {",
      ),
    ],
    aim: aim("hosted", deeds("save", "rename", "recreate", "atomicSave"), paths("/a", "/b")),
  },
  {
    id: "swap-waits-for-ever",
    breaks: "a circle of names that wait for each other is not broken",
    rules: ["PUSH-0"],
    kind: "other",
    patches: [
      patch(
        ordering,
        "if (at.fid === entry.fid) return smallest === entry.fid;",
        "if (at.fid === entry.fid) return false;",
      ),
    ],
    aim: aim(undefined, deeds("save", "exchange"), paths("/a", "/b")),
  },
  {
    id: "swap-takes-unsent-bytes-for-sent",
    breaks: "the way out of a swap settles bytes that it did not carry",
    rules: ["PUSH-0", "PUSH-7"],
    kind: "loss",
    patches: [
      patch(
        queue,
        "if (inode.bytes_ver > entry.base_ver) {\n      this.#context.inodes.update(inode.ino, { bytes_ver: version });",
        "if (inode.bytes_ver < 0) {\n      this.#context.inodes.update(inode.ino, { bytes_ver: version });",
      ),
    ],
    aim: aim(undefined, deeds("save", "exchange", "exchange"), paths("/a", "/b"), devices(1)),
  },
  {
    id: "attempt-not-given-back",
    breaks: "an attempt whose outcome is open is never looked at again by the same process",
    rules: ["PUSH-3"],
    kind: "other",
    patches: [
      patch(
        queue,
        "giveBack(fid: string): void {\n    this.#given.delete(fid);",
        "giveBack(fid: string): void {\n    this.#given.add(fid);",
      ),
    ],
    aim: aim(undefined, (config) => ({ ...config, net: { ...config.net, lostResponse: 0.2 } })),
  },
  {
    id: "rejection-blocks-the-file",
    breaks: "one refused version keeps every later version of the file from being sent (M-7)",
    rules: ["PUSH-9", "M-7"],
    kind: "loss",
    patches: [
      patch(
        queue,
        "AND (rejected_ver IS NULL OR rejected_ver <> local_ver)",
        "AND rejected_ver IS NULL",
      ),
      patch(
        queue,
        "if (entry.rejected_ver === entry.local_ver)",
        "if (entry.rejected_ver !== null)",
      ),
    ],
    aim: aim("hosted", deeds("save"), onePath, binaries(0.4), devices(1)),
  },
  {
    id: "emptying-never-sent",
    breaks: "an empty file is settled without a request (M-9)",
    rules: ["PUSH-1", "W-13", "M-9"],
    kind: "loss",
    patches: [
      patch(
        queue,
        "if (size > inlineSnapshotBytesMax) return copy;\n      const content",
        'if (size === 0) {\n        this.#context.entries.update(this.#context.entries.ofInode(inode.ino)[0]?.fid ?? "", { base_ver: localVer });\n        return { kind: "settled" };\n      }\n      const content',
      ),
    ],
    aim: aim(undefined, deeds("save", "empty"), onePath),
  },
  {
    id: "holes-left-out",
    breaks: "holes of a sparse file are left out of what is uploaded (M-10)",
    rules: ["PUSH-1", "W-16", "M-10"],
    kind: "loss",
    patches: [
      patch(
        queue,
        "const hash = bytes.digest(content);\n      return { localVer, hash, size, bytes: content, blob: null, withBytes: true };\n    } finally",
        "const packed = content.filter((byte) => byte !== 0);\n      const hash = bytes.digest(packed);\n      return { localVer, hash, size: packed.length, bytes: packed, blob: null, withBytes: true };\n    } finally",
      ),
    ],
    aim: aim(undefined, alsoDeeds("extend")),
  },
];
