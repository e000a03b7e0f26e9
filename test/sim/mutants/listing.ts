/** Pull by listing broken: watermark, settled observations, deletions inferred from absence. */

import type { SimConfig } from "../config.ts";
import {
  actions,
  aim,
  calmNetwork,
  crashing,
  deeds,
  devices,
  looks,
  net,
  noForeigners,
  paths,
  patient,
  quirks,
  textOnly,
} from "./aims.ts";
import {
  confirmationById,
  longPages,
  secondListing,
  smallBrake,
  stableListing,
  sweeps,
} from "./layers.ts";
import { type Mutant, patch } from "./mutant.ts";

const list = "sync/src/pull-list.ts";

type Lists = SimConfig["quirks"]["list"];

/** Lists go wrong in this way. */
function lists(changes: Partial<Lists>): (config: SimConfig) => SimConfig {
  return (config) => ({
    ...config,
    quirks: { ...config.quirks, list: { ...config.quirks.list, ...changes } },
  });
}

/** Nobody deletes or renames: without repeated listings nobody would learn of it. */
const growing = [deeds("save", "append"), textOnly, devices(2), noForeigners];

export const listing: readonly Mutant[] = [
  {
    id: "watermark-without-overlap",
    breaks:
      "a listing stops at the watermark itself: what was committed late behind it is never seen (M-14)",
    rules: ["PULL-3", "M-14"],
    kind: "other",
    patches: [
      patch(list, "const overlapMs = 5 * 60_000;", "const overlapMs = 0;"),
      patch(
        list,
        "for (const document of answer.memories) documents.set(document.id, document);",
        "for (const document of answer.memories)\n        if (until === undefined || (toInstant(document.updatedAt) ?? 0) > until) documents.set(document.id, document);\n        else count -= 1;",
      ),
    ],
    without: [sweeps],
    aim: aim(
      "hosted",
      ...growing,
      paths("/a", "/b", "/c", "/d/e", "/d/f"),
      quirks({ lateCommitMs: 1500, tickMs: 1000 }),
      actions(24, 60_000),
    ),
  },
  {
    id: "watermark-after-unstable-pass",
    breaks: "the watermark moves although the pages did not fit together",
    rules: ["PULL-3"],
    kind: "other",
    patches: [
      patch(
        list,
        "if (listing.isStable && listing.head !== undefined) {",
        "if (listing.head !== undefined) {",
      ),
      patch(list, "const overlapMs = 5 * 60_000;", "const overlapMs = 0;"),
    ],
    without: [sweeps, longPages],
    aim: aim(
      "hosted",
      ...growing,
      paths("/a", "/b", "/c", "/d/e", "/d/f"),
      lists({ shortShare: 0.3, emptyShare: 0.2 }),
      actions(24, 60_000),
    ),
  },
  {
    id: "watermark-before-applying",
    breaks: "the watermark moves before what was listed is applied",
    rules: ["PULL-3", "M-14"],
    kind: "other",
    patches: [
      patch(
        list,
        "await this.#judge(listing.documents);\n    if (listing.isStable && listing.head !== undefined) {",
        "if (listing.isStable && listing.head !== undefined) await this.#port.setCursor(watermarkKey, listing.head);\n    await this.#judge(listing.documents);\n    if (listing.isStable && listing.head !== undefined) {",
      ),
      patch(list, "const overlapMs = 5 * 60_000;", "const overlapMs = 0;"),
    ],
    without: [sweeps, longPages],
    // Many documents change between two listings, and one of the looks at them fails. (A start lists everything.)
    aim: aim(
      "hosted",
      ...growing,
      paths("/a", "/b", "/c", "/d/e", "/d/f", "/g", "/h", "/i"),
      calmNetwork,
      net({ serverError: 0.25 }),
      quirks({ processingMs: [0, 0] }),
      looks(20, 600),
      actions(16, 30_000),
    ),
  },
  {
    id: "equal-times-mean-unchanged",
    breaks:
      "an equal updatedAt means unchanged, also when it was seen too early to be unique (M-15)",
    rules: ["PULL-3", "M-15"],
    kind: "loss",
    patches: [
      patch(
        list,
        "if (seen === null || !seen.settled) return false;",
        "if (seen === null) return false;",
      ),
    ],
    aim: aim("hosted", ...growing, quirks({ tickMs: 1000, processingMs: [0, 0] })),
  },
  {
    id: "absence-in-one-listing-deletes",
    breaks: "what one stable listing lacks is deleted here, unasked (M-13)",
    rules: ["PULL-5", "M-13"],
    kind: "loss",
    patches: [...secondListing.patches],
    without: [confirmationById],
    aim: aim(
      "hosted",
      ...growing,
      crashing,
      lists({ staleShare: 0.5, staleMs: 30_000 }),
      actions(16, 30_000),
    ),
  },
  {
    id: "unstable-listing-deletes",
    breaks: "what is missing from pages that do not fit together is deleted here (M-13)",
    rules: ["PULL-5", "PULL-3", "M-13"],
    kind: "loss",
    patches: [...stableListing.patches],
    without: [confirmationById, secondListing],
    aim: aim(
      "hosted",
      ...growing,
      crashing,
      lists({ shortShare: 0.3, emptyShare: 0.2, staleShare: 0 }),
      actions(16, 30_000),
    ),
  },
  {
    id: "absence-not-confirmed-by-id",
    breaks: "what two listings lack is deleted here although the server has it (M-13)",
    rules: ["PULL-5", "M-13"],
    kind: "loss",
    patches: [...confirmationById.patches],
    without: [secondListing],
    aim: aim(
      "hosted",
      ...growing,
      crashing,
      lists({ staleShare: 0.5, staleMs: 30_000 }),
      actions(16, 30_000),
    ),
  },
  {
    id: "one-404-deletes",
    breaks: "one 404 by id is taken for a deletion",
    rules: ["PULL-5"],
    kind: "loss",
    patches: [
      patch(
        list,
        "this.#isExact() ? toTombstone(docId)",
        "this.#isExact() || docId.length > 0 ? toTombstone(docId)",
      ),
    ],
    aim: aim("hosted", ...growing, quirks({ staleGet: { share: 0.3, ms: 20_000 } })),
  },
  {
    id: "lost-taken-for-deleted",
    breaks:
      "a document that the server lost while processing it is taken for one that somebody deleted",
    rules: ["PULL-5"],
    kind: "other",
    patches: [
      patch(
        list,
        'const wasDone = entry.observed?.status === "done";',
        'const wasDone = entry.observed?.status !== "none";',
      ),
    ],
    // Who is refused while the server fails, and the failed document is deleted by the server when all is well again.
    aim: aim(
      "hosted",
      deeds("save"),
      paths("/a", "/b"),
      textOnly,
      devices(1),
      calmNetwork,
      noForeigners,
      patient,
      looks(30, 120),
      quirks({ failShare: 0.9, processingMs: [500, 3000], contentWhileProcessing: "new" }),
      actions(3, 20_000),
    ),
  },
  {
    id: "no-brake",
    breaks: "any number of documents that are gone at once is deleted here",
    rules: ["PULL-5"],
    kind: "loss",
    patches: [
      patch(
        "sync/src/brake.ts",
        "return count > Math.max(absentMax, total * absentShareMax);",
        "return count > total + absentMax * absentShareMax;",
      ),
    ],
    without: [stableListing, confirmationById, secondListing, smallBrake],
    aim: aim(
      "hosted",
      ...growing,
      looks(5, 10),
      lists({ staleShare: 0, shortShare: 0, wrongTotalShare: 0, errorShare: 0, emptyShare: 0.7 }),
      actions(12, 150_000),
    ),
  },
];
