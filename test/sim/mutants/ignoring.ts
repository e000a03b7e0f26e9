/** IGNORE-n broken: what stays on a device, and when it goes. */
import {
  actions,
  aim,
  busy,
  calmNetwork,
  deeds,
  devices,
  noForeigners,
  paths,
  textOnly,
} from "./aims.ts";
import { type Mutant, patch } from "./mutant.ts";

const ignored = "store/src/ignored.ts";

/** Patterns come and go, and so do files that they match. */
const patterned = [
  deeds("ignore", "save", "append", "unlink", "rename", "rename"),
  paths("/a~", "/b~", "/c~", "/d~", "/e~", "/f~", "/a", "/b"),
  textOnly,
  noForeigners,
  calmNetwork,
];

export const ignoring: readonly Mutant[] = [
  {
    id: "ignored-file-sent",
    breaks: "a new file that a pattern keeps on the device is sent",
    rules: ["IGNORE-1"],
    kind: "other",
    patches: [
      patch(
        ignored,
        "if (!this.matches(entry, this.#context.inodes.get(entry.ino))) return false;",
        "if (entry.local_ver > 0) return false;",
      ),
    ],
    aim: aim(undefined, ...patterned, devices(1), actions(20, 20_000)),
  },
  {
    id: "kept-after-the-pattern-went",
    breaks: "a file stays on the device although no pattern keeps it any more",
    rules: ["IGNORE-3"],
    kind: "loss",
    patches: [
      patch(
        ignored,
        "if (isOrdinary(inode) && !this.matches(entry, inode)) {",
        "if (isOrdinary(inode) && entry.local_ver < 0) {",
      ),
    ],
    aim: aim(undefined, ...patterned, devices(1), actions(20, 20_000)),
  },
  {
    id: "patterns-read-once",
    breaks: "patterns that come from another device, or change, are not followed until a restart",
    rules: ["IGNORE-3"],
    kind: "other",
    patches: [
      patch(
        ignored,
        "if (from !== this.#readFrom || isChanging || this.#former !== undefined) {",
        'if (this.#readFrom === undefined || this.#readFrom === "none") {',
      ),
    ],
    aim: aim(undefined, ...patterned, devices(2), actions(24, 30_000)),
  },
  {
    id: "deleted-before-its-bytes-are-here",
    breaks: "a file that leaves the server to stay here leaves it before its bytes are here",
    rules: ["IGNORE-2"],
    kind: "loss",
    patches: [
      patch(
        "store/src/push-queue.ts",
        "if (inode.stub === 1) {\n      this.#context.emit",
        "if (inode.stub === 2) {\n      this.#context.emit",
      ),
    ],
    aim: aim(undefined, ...patterned, devices(2), busy, actions(24, 30_000), (config) => ({
      ...config,
      prefetch: false,
    })),
  },
];
