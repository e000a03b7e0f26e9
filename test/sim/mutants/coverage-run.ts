/** The runs of which it is counted what they come past: brisk ones as drawn, and some that aim at rare turns. */
import { Coverage } from "../coverage.ts";
import type { Aim } from "../run.ts";
import {
  actions,
  aim,
  busy,
  deeds,
  devices,
  net,
  noForeigners,
  onePath,
  paths,
  quirks,
  textOnly,
} from "./aims.ts";
import { probes } from "./probes.ts";
import { buildVariant } from "./workshop.ts";

/** Narrowed draws, each with its share of the seeds. */
const parts: readonly { readonly share: number; readonly aim: Aim }[] = [
  { share: 0.5, aim: {} },
  // Both edit one prose text: merges, conflict versions, what was built on.
  {
    share: 0.15,
    aim: aim(
      "embedded",
      deeds("append", "edit", "chmod"),
      paths("/a.txt"),
      textOnly,
      devices(2),
      noForeigners,
      busy,
      net({ lostResponse: 0.15 }),
      actions(16, 10_000),
    ),
  },
  // Requests that are carried out late: ancestors, concurrent versions, deleted files that come back.
  {
    share: 0.2,
    aim: aim(
      "hosted",
      deeds("save", "append", "recreate", "unlink"),
      onePath,
      textOnly,
      devices(2),
      noForeigners,
      net({ ghost: 0.35, ghostMs: [4_000, 12_000] }),
      quirks({ processingMs: [0, 500], repost: "no-op", pathTaken: "duplicate" }),
      actions(16, 30_000),
    ),
  },
  // Files that are held open while others change them.
  {
    share: 0.15,
    aim: aim(
      undefined,
      deeds("save", "open", "writeOpen", "close", "map", "storeMapped"),
      onePath,
      textOnly,
      devices(2),
      noForeigners,
      busy,
      actions(16, 30_000),
    ),
  },
];

/** Runs `seedCount` seeds from `first` on. */
export async function coverageOf(first: number, seedCount: number): Promise<Coverage> {
  const product = await buildVariant(probes);
  const coverage = new Coverage();
  let seed = first;
  for (const part of parts)
    for (let count = Math.ceil(part.share * seedCount); count > 0; count -= 1) {
      const outcome = await product.runProbed(seed, part.aim, (key) => coverage.add(key));
      coverage.merge(outcome.coverage);
      seed += 1;
    }
  return coverage;
}
