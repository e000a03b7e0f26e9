/** Mutants of hard links: names of one file on another device that become one here, or cease to be. */
import { actions, aim, busy, deeds, devices, noForeigners, paths } from "./aims.ts";
import { type Layer, type Mutant, patch } from "./mutant.ts";

const relinking = "store/src/linking.ts";
const rules = "store/src/link-rules.ts";

/** Names of links are among those that are written to. */
const linkedNames = paths("/a", "/a~", "/b");
const linkDeeds = deeds("save", "append", "link", "link", "link", "unlink", "rename");

/** Who has written a name has also changed its time. */
const timesCompared: Layer = {
  name: "times of linked names compared",
  patches: [
    patch(rules, "a.mode !== b.mode || a.mtime !== b.mtime", "a.mode !== b.mode"),
    patch(relinking, "AND base_attrs ->> '$.mtime' IS @mtime AND ino <> @ino", "AND ino <> @ino"),
  ],
};

export const linking: readonly Mutant[] = [
  {
    id: "relinks-a-dirty-name",
    breaks:
      "a name that was written and not sent becomes a name of the file that others link it with",
    rules: ["LINK-2"],
    kind: "loss",
    patches: [patch(relinking, "AND diverged = 0 AND local_ver = base_ver", "AND diverged = 0")],
    without: [timesCompared],
    aim: aim(
      "embedded",
      deeds("save", "append", "link", "link", "link"),
      paths("/a", "/b", "/b~"),
      devices(2),
      noForeigners,
      busy,
      actions(30, 15_000),
    ),
  },
  {
    id: "relinks-different-bytes",
    breaks: "names of one link become one file, whatever their bytes and times are",
    rules: ["LINK-2"],
    kind: "loss",
    patches: [
      patch(relinking, "AND base_hash = @hash\n", "\n"),
      patch(relinking, "entry.base_hash === hash &&", ""),
      ...timesCompared.patches,
    ],
    aim: aim("embedded", linkDeeds, linkedNames, devices(2), noForeigners, busy),
  },
  {
    id: "links-never-end",
    breaks: "a name whose link is gone elsewhere goes on sharing its file here",
    rules: ["LINK-3"],
    kind: "other",
    patches: [patch(rules, "return said !== base;", "return false;")],
    aim: aim(
      "embedded",
      deeds("link", "link", "atomicSave", "rename", "unlink", "chmod"),
      linkedNames,
      devices(2),
      noForeigners,
      actions(30, 15_000),
    ),
  },
  {
    id: "links-are-not-linked-again",
    breaks: "names of one file on one device are files of their own on the others",
    rules: ["LINK-1"],
    kind: "other",
    patches: [
      patch(relinking, "if (union === undefined) continue;", "if (union !== mine) continue;"),
    ],
    aim: aim("embedded", deeds("save", "link"), linkedNames, devices(2), noForeigners),
  },
  {
    id: "one-name-tells-another-link",
    breaks: "a name that is sent alone says another link than the other names of its file",
    rules: ["LINK-4"],
    kind: "other",
    patches: [
      patch(
        "store/src/push-queue.ts",
        "if (inode.nlink > 1)\n      this.#context.entries.bumpOtherNames",
        "if (inode.nlink < 1)\n      this.#context.entries.bumpOtherNames",
      ),
    ],
    aim: aim(
      "embedded",
      deeds("link", "link", "link", "unlink", "rename", "atomicSave"),
      linkedNames,
      devices(3),
      noForeigners,
      actions(30, 15_000),
    ),
  },
];
