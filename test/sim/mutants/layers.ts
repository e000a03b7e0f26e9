/** Protective layers, each with how it is switched off, so that it heals nothing of what a mutant breaks. */
import { type Layer, patch } from "./mutant.ts";

/** The full listings after the first one: what a listing by watermark missed would be found by them. */
export const sweeps: Layer = {
  name: "repeated full listings",
  patches: [
    patch(
      "sync/src/pull-loop.ts",
      "const isDue = sinceFullMs >= this.#options.sweepIntervalS * 1000;",
      "const isDue = !Number.isFinite(sinceFullMs);",
    ),
  ],
};

/** A stamp is believed for whatever bytes it is found beside. */
export const stampBinding: Layer = {
  name: "stamps bound to bytes",
  patches: [
    patch(
      "sync/src/stamp.ts",
      "const isBound = stamp.rev !== null && stamp.hash === observation.hash.slice(0, stampHashDigits);",
      "const isBound = stamp.rev !== null;",
    ),
  ],
};

/** The store's own refusal of a verification that names other bytes. */
export const verifiedDigest: Layer = {
  name: "assertion on the verified digest",
  patches: [
    patch(
      "store/src/settle.ts",
      'assert(diverged || remote.hash === op.snap_hash, "what is verified is the snapshot");',
      "",
    ),
  ],
};

/** Who wrote a version that was overwritten unseen notices it by the chain. */
export const ancestry: Layer = {
  name: "ancestry",
  patches: [
    patch(
      "sync/src/relation.ts",
      '    return "descends";\n  }\n  return "concurrent";',
      '    return "descends";\n  }\n  return "descends";',
    ),
  ],
};

/** A server that went back to an ancestor gets our version again. */
export const reassertion: Layer = {
  name: "re-assertion after a regress",
  patches: [
    patch(
      "sync/src/relation.ts",
      'if (base.chain.includes(remote.rev)) return "regress";',
      'if (base.chain.includes(remote.rev)) return "same";',
    ),
  ],
};

/** Bytes of an inode that somebody can write are not replaced. */
export const writersGuard: Layer = {
  name: "no replacing of bytes under a writer",
  patches: [
    patch(
      "store/src/apply.ts",
      "return this.#context.inodes.get(entry.ino).writers === 0;",
      "return true;",
    ),
  ],
};

/** Clearing the writers bit moves the versions once more. */
export const versionAtClear: Layer = {
  name: "versions moved when the writers bit is cleared",
  patches: [
    patch(
      "store/src/writers.ts",
      "if (this.#untouched.has(row.ino)) {\n      inodes.update(row.ino, changes);",
      "{\n      inodes.update(row.ino, changes);",
    ),
  ],
};

/** A plan is carried out only on the versions that it was made for. */
export const expectation: Layer = {
  name: "versions compared again by apply",
  patches: [
    patch(
      "store/src/apply.ts",
      'if (entry.local_ver !== plan.expect.localVer || entry.base_ver !== plan.expect.baseVer)\n      return "stale";',
      "",
    ),
  ],
};

/** A document is asked for by id before its absence is believed. */
export const confirmationById: Layer = {
  name: "404 by id before a deletion",
  patches: [
    patch(
      "sync/src/pull-list.ts",
      "if (look !== null) return;\n    const wasDone",
      "const wasDone",
    ),
  ],
};

/** On a server that counts a 404 by id says as much as a deletion that was told. */
export const absenceById: Layer = {
  name: "a 404 of a server that counts is a deletion",
  patches: [
    patch(
      "sync/src/pull-list.ts",
      'this.#isExact() ? toTombstone(docId) : { kind: "absent", docId }',
      '{ kind: "absent", docId }',
    ),
  ],
};

/** Two listings a minute apart must lack a document. */
export const secondListing: Layer = {
  name: "second listing before a deletion",
  patches: [
    patch(
      "sync/src/pull-list.ts",
      "this.#absentSince.set(entry.fid, now);\n      return false;",
      "return true;",
    ),
  ],
};

/** Only a listing whose pages fit together is believed. */
export const stableListing: Layer = {
  name: "stability of a full listing",
  patches: [
    patch(
      "sync/src/pull-list.ts",
      "if (listing.isStable) await this.#findAbsent(",
      "await this.#findAbsent(",
    ),
  ],
};

/** Creations carry If-None-Match, updates and deletions If-Match, where the server has preconditions. */
export const preconditions: Layer = {
  name: "preconditions",
  patches: [
    patch(
      "sync/src/push.ts",
      '...(etag && op.docId !== null && op.ifMatch !== null ? { ifMatch: op.ifMatch } : {}),\n      ...(etag && op.docId === null ? { ifNoneMatch: "*" as const } : {}),',
      "...(etag ? {} : {}),",
    ),
  ],
};

/** Bytes of small files are read in the claim's own transaction. */
export const inlineSnapshots: Layer = {
  name: "snapshots within the claim's transaction",
  patches: [
    patch(
      "store/src/push-queue.ts",
      "if (mayChange || inode.size > inlineSnapshotBytesMax) return copy;",
      "if (mayChange || inode.size > 0) return copy;",
    ),
  ],
};

/** A claim of a file that can be written leaves it dirty. */
export const sampling: Layer = {
  name: "a claim under a writer leaves the entry dirty",
  patches: [
    patch(
      "store/src/push-queue.ts",
      "if (inode.writers === 0 || entry.local_ver !== claimVer) return;\n    const version",
      "if (claimVer !== 0) return;\n    const version",
    ),
  ],
};

/** No layer, but what lets a few documents be too many. */
export const smallBrake: Layer = {
  name: "(the brake holds every deletion of more than a third)",
  patches: [
    patch("sync/src/brake.ts", "const absentMax = 5;", "const absentMax = 0;"),
    patch("sync/src/brake.ts", "const absentShareMax = 0.1;", "const absentShareMax = 0.34;"),
  ],
};

/** No layer, but what treats small files as large ones: else their bytes come with the version that names them. */
export const stubsOnly: Layer = {
  name: "(all bytes are fetched when they are asked for)",
  patches: [
    patch(
      "sync/src/content.ts",
      "return remote.size >= 0 && remote.size <= inlineBytesMax;",
      "return remote.size < 0 && remote.size <= inlineBytesMax;",
    ),
  ],
};

/** No layer, but what treats small files as large ones: else bytes are in place as soon as they are here. */
export const lateFills: Layer = {
  name: "(arrived bytes are placed later)",
  patches: [
    patch(
      "store/src/fills.ts",
      "if (inode?.fill === blob && inode.size <= inlineBytesMax) this.place(inode);",
      "if (inode?.fill === blob && inode.size > inlineBytesMax) this.place(inode);",
    ),
  ],
};

/** No layer, but what makes listings long: else a few documents are on one page, whatever the watermark says. */
export const longPages: Layer = {
  name: "(pages of two documents)",
  patches: [
    patch("core/src/limits.ts", "export const listPageMax = 100;", "export const listPageMax = 2;"),
  ],
};

/** No layer, but what sends for each second look: else only a new process has forgotten what the feed has said. */
export const askedAgain: Layer = {
  name: "(what was deferred is asked for each time)",
  patches: [
    patch(
      "sync/src/pull.ts",
      "return this.#remembered.get(docId);",
      'return docId === "" ? this.#remembered.get(docId) : undefined;',
    ),
  ],
};
