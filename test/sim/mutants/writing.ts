/** The file system's side broken: the order of effects, the writers bit, versions, names. */
import {
  actions,
  adversary,
  aim,
  alsoDeeds,
  burstsOf,
  busy,
  calmNetwork,
  crashing,
  crashingAtCommits,
  crashingAtDisk,
  deeds,
  devices,
  doubleStarts,
  net,
  noForeigners,
  onePath,
  paths,
  textOnly,
} from "./aims.ts";
import { lateFills, sampling, versionAtClear } from "./layers.ts";
import { type Mutant, patch } from "./mutant.ts";

const files = "store/src/files.ts";
const writers = "store/src/writers.ts";
const renaming = "store/src/renaming.ts";
const fills = "store/src/fills.ts";
const worker = "store/src/memory-file-worker.ts";

const openFiles = deeds("save", "open", "writeOpen", "writeOpen", "close", "append");
const mapped = deeds("save", "open", "close", "map", "storeMapped", "storeMapped", "unmap");

export const writing: readonly Mutant[] = [
  {
    id: "intent-after-bytes",
    breaks: "bytes change before the intent to change them is committed",
    rules: ["STORE-3"],
    kind: "loss",
    patches: [
      patch(
        files,
        "fills.finish(row);\n        this.#beginWriting(row, flags);",
        "fills.finish(row);",
      ),
      patch(
        files,
        "this.#withRoom(() => bytes.write(fd, data, at));",
        "this.#withRoom(() => bytes.write(fd, data, at));\n    this.#beginWriting(this.#context.inodes.get(file.ino), file.flags);",
      ),
    ],
    aim: aim(undefined, deeds("save", "append", "edit"), onePath, devices(1), crashingAtDisk),
  },
  {
    id: "open-moves-no-version",
    breaks: "opening for writing sets the bit, but moves no version",
    rules: ["WRITERS-1", "STORE-3"],
    kind: "loss",
    patches: [
      patch(
        writers,
        "inodes.update(row.ino, { ...atRest, ...changes, writers: 1, bytes_ver: version });\n    entries.bumpInode(row.ino, version);",
        "inodes.update(row.ino, { ...atRest, ...changes, writers: 1 });\n    void entries;\n    void version;",
      ),
    ],
    without: [versionAtClear],
    aim: aim(undefined, deeds("save", "append", "edit"), onePath),
  },
  {
    id: "bit-not-set-by-open",
    breaks: "opening for writing moves the versions, but does not say that somebody can write",
    rules: ["WRITERS-1"],
    kind: "loss",
    patches: [
      patch(
        writers,
        "...changes, writers: 1, bytes_ver: version });\n    entries.bumpInode",
        "...changes, writers: 0, bytes_ver: version });\n    entries.bumpInode",
      ),
    ],
    aim: aim(undefined, openFiles, onePath, actions(20, 30_000)),
  },
  {
    id: "truncation-moves-no-version",
    breaks: "truncating changes bytes without a change of any version (M-9)",
    rules: ["ATTR-4", "W-13", "M-9"],
    kind: "loss",
    patches: [
      patch(
        files,
        "writers.intend(row, { ...replaced, ...inodes.touched(true) });",
        "inodes.update(row.ino, { ...replaced, ...inodes.touched(true) });",
      ),
    ],
    aim: aim(undefined, deeds("append", "empty"), onePath),
  },
  {
    id: "clearing-moves-no-version",
    breaks: "clearing the writers bit moves no version, and the last bytes are never sent",
    rules: ["WRITERS-3"],
    kind: "loss",
    patches: versionAtClear.patches,
    without: [sampling],
    aim: aim(undefined, openFiles, onePath, actions(20, 30_000)),
  },
  {
    id: "written-not-noted",
    breaks: "a file counts as unwritten although bytes came, and clearing its bit moves no version",
    rules: ["WRITERS-3"],
    kind: "loss",
    patches: [
      patch(
        writers,
        "touched(ino: number): void {\n    this.#untouched.delete(ino);",
        "touched(ino: number): void {\n    this.#untouched.add(ino);",
      ),
    ],
    without: [sampling],
    aim: aim(undefined, openFiles, onePath, actions(20, 30_000)),
  },
  {
    id: "bit-cleared-under-a-handle",
    breaks: "the bit is cleared while a writing handle is open",
    rules: ["WRITERS-2"],
    kind: "loss",
    patches: [
      patch(writers, "row.writers === 0 || openFiles.writers(ino) > 0) {", "row.writers === 0) {"),
      patch(
        writers,
        "const stat = bytes.statUnwritten(ino);\n      if (stat === undefined) return;",
        "const stat = this.#working.stat(ino);",
      ),
      patch(
        files,
        "if (isLastWriter) writers.released(ino);",
        "if (isWriter) writers.released(ino);",
      ),
    ],
    aim: aim(
      undefined,
      alsoDeeds("open", "writeOpen", "writeOpen", "save"),
      onePath,
      actions(20, 30_000),
    ),
  },
  {
    id: "bit-cleared-under-a-mapping",
    breaks: "the bit is cleared without asking whether a mapping can write",
    rules: ["WRITERS-2", "WRITERS-5"],
    kind: "loss",
    patches: [
      patch(
        writers,
        "const stat = bytes.statUnwritten(ino);\n      if (stat === undefined) return;",
        "const stat = this.#working.stat(ino);",
      ),
    ],
    aim: aim(undefined, mapped, onePath, actions(20, 30_000)),
  },
  {
    id: "crash-clears-bits",
    breaks: "a start clears the writers bits that a crash left, without moving the versions",
    rules: ["RECOVER-4", "WRITERS-3"],
    kind: "loss",
    patches: [
      patch(
        "store/src/recovery.ts",
        "this.#context.bytes.clearUnfinished();",
        'this.#context.bytes.clearUnfinished();\n    this.#context.db.transaction(() => this.#context.db.sql.exec("UPDATE inode SET writers = 0"));',
      ),
    ],
    without: [sampling],
    aim: aim(undefined, openFiles, onePath, crashing, actions(20, 30_000)),
  },
  {
    id: "crash-leaves-bits",
    breaks: "bits that a crash left set are never cleared",
    rules: ["RECOVER-4"],
    kind: "other",
    patches: [
      patch(
        "store/src/recovery.ts",
        "this.#context.writers.recovered(writing.all());",
        "writing.all();",
      ),
    ],
    aim: aim(undefined, openFiles, onePath, crashing),
  },
  {
    id: "torn-snapshot",
    breaks: "a copy of a file that is being written is taken for one of its states",
    rules: ["BYTES-8", "PUSH-1"],
    kind: "loss",
    patches: [
      patch(
        worker,
        "if (after.ctime !== before.ctime || mayChange) {",
        "if (copy.length > before.size) {",
      ),
    ],
    without: [
      {
        name: "(copies are made in small steps)",
        patches: [patch(worker, "const stepBytes = 1 << 20;", "const stepBytes = 5;")],
      },
    ],
    aim: aim(
      undefined,
      deeds("open", "burstOpen", "burstOpen", "writeOpen"),
      onePath,
      textOnly,
      calmNetwork,
      burstsOf(4),
      adversary(0.5),
      actions(100, 120_000),
    ),
  },
  {
    id: "fill-over-a-write",
    breaks: "bytes that have arrived are moved into the file after it was opened for writing",
    rules: ["FILL-1"],
    kind: "loss",
    patches: [
      patch(
        files,
        "fills.finish(row);\n        this.#beginWriting(row, flags);",
        "this.#beginWriting(row, flags);",
      ),
    ],
    aim: aim(undefined, deeds("append", "save", "edit"), onePath, devices(2), busy),
  },
  {
    id: "truncated-fill-comes-back",
    breaks: "bytes that were on their way arrive in a file that was emptied",
    rules: ["FILL-1", "PARK-1"],
    kind: "loss",
    patches: [
      patch(
        files,
        "const replaced = isReplaced ? { stub: 0, fill: null } : {};\n        writers.intend",
        "const replaced = isReplaced ? { stub: 0 } : {};\n        writers.intend",
      ),
    ],
    without: [lateFills],
    aim: aim(
      undefined,
      deeds("save", "empty", "append"),
      onePath,
      textOnly,
      devices(2),
      noForeigners,
      adversary(0.3),
      actions(40, 20_000),
    ),
  },
  {
    id: "fill-before-commit",
    breaks: "arrived bytes are moved into the file before the row that names them commits (M-3)",
    rules: ["FILL-1", "W-42", "M-3"],
    kind: "loss",
    patches: [
      patch(
        fills,
        "db.afterCommit(() => {\n      const inode = inodes.find(ino);\n      // What",
        "[0].forEach(() => {\n      const inode = inodes.find(ino);\n      // What",
      ),
    ],
    aim: aim(
      "embedded",
      deeds("save", "append", "edit"),
      onePath,
      devices(3),
      textOnly,
      noForeigners,
      calmNetwork,
      adversary(0),
      crashingAtCommits,
      actions(60, 120_000),
    ),
  },
  {
    id: "needed-blob-moved-away",
    breaks: "a blob that a snapshot, a base or the trash needs is moved into a working file",
    rules: ["BLOB-1", "FILL-1"],
    kind: "loss",
    patches: [
      patch(
        fills,
        "return (this.#blobIsNeeded.get({ blob, ino })?.n ?? 0) > 0;",
        "return (this.#blobIsNeeded.get({ blob, ino })?.n ?? 0) < 0;",
      ),
    ],
    aim: aim(
      undefined,
      deeds("save", "append", "link", "atomicSave"),
      paths("/a.txt", "/b.txt"),
      devices(2),
      busy,
    ),
  },
  {
    id: "versions-begin-anew",
    breaks: "a start gives versions again that were given before",
    rules: ["RECOVER-1", "PUSH-7"],
    kind: "loss",
    patches: [
      patch(
        "store/src/versions.ts",
        'const seq = Number(facts.get("seq_reserved") ?? "0");',
        'const seq = Number(facts.get("seq_start") ?? "0");',
      ),
    ],
    aim: aim(undefined, crashing),
  },
  {
    id: "two-owners",
    breaks: "a process that has lost the store to another one goes on settling",
    rules: ["PORT-2"],
    kind: "loss",
    patches: [
      patch(
        "store/src/port-server.ts",
        'if (this.#context.facts.get("owner") !== owner)',
        'if (this.#context.facts.get("owner") === owner + id)',
      ),
    ],
    aim: aim(
      undefined,
      deeds("save", "append", "double", "edit"),
      onePath,
      devices(2),
      busy,
      doubleStarts(10),
      net({ latencyMs: [50, 900] }),
      actions(40, 40_000),
    ),
  },
  {
    id: "replacing-keeps-old-bytes-version",
    breaks:
      "a file renamed over another leaves that one's entry with bytes that count as agreed on",
    rules: ["RENAME-2"],
    kind: "loss",
    patches: [
      patch(
        renaming,
        "inodes.update(ino, { nlink: from.inode.nlink + 1, bytes_ver: version });",
        "inodes.update(ino, { nlink: from.inode.nlink + 1 });",
      ),
      patch(
        renaming,
        "entries.bumpInode(ino, version);\n    orphans",
        "entries.update(target.entry.fid, { local_ver: target.entry.local_ver });\n    orphans",
      ),
    ],
    aim: aim(undefined, deeds("save", "atomicSave", "rename"), paths("/a", "/b")),
  },
  {
    id: "rename-not-sent",
    breaks: "a rename to a free name moves no version",
    rules: ["RENAME-1"],
    kind: "other",
    patches: [
      patch(
        renaming,
        "{ local_only: local }),\n      local_ver: version,",
        "{ local_only: local }),",
      ),
    ],
    aim: aim(undefined, deeds("save", "rename"), paths("/a", "/b")),
  },
  {
    id: "children-of-moved-directory-clean",
    breaks: "what is below a renamed directory is not sent under its new path",
    rules: ["MOVED-1", "W-12"],
    kind: "other",
    patches: [
      patch(
        renaming,
        "if (isDir) this.#moved.start(inode.ino, version);\n      this.#settleParents",
        "this.#settleParents",
      ),
    ],
    aim: aim(undefined, deeds("save", "moveDirectory"), paths("/d/a", "/d/b")),
  },
  {
    id: "deletion-not-sent",
    breaks: "a deleted entry is dropped although the server knows of it",
    rules: ["REMOVE-1"],
    kind: "other",
    patches: [
      patch(
        "store/src/removal.ts",
        "if (this.#isKnownRemotely(entry)) {",
        "if (this.#isKnownRemotely(entry) && version < 0) {",
      ),
    ],
    aim: aim(undefined, deeds("save", "unlink"), devices(1), noForeigners),
  },
  {
    id: "open-file-freed",
    breaks: "a file that loses its last name is freed while somebody has it open",
    rules: ["REMOVE-2", "W-40"],
    kind: "other",
    patches: [
      patch(
        "store/src/orphans.ts",
        "if (openFiles.isOpen(ino) || this.#held.has(ino)) return false;",
        "void openFiles;",
      ),
    ],
    aim: aim(
      undefined,
      deeds("save", "open", "open", "writeOpen", "writeOpen", "unlink", "atomicSave"),
      onePath,
      actions(40, 10_000),
    ),
  },
  {
    id: "last-link-takes-all",
    breaks: "removing one of several names removes the file's bytes",
    rules: ["W-9", "REMOVE-2"],
    kind: "loss",
    patches: [
      patch(
        "store/src/orphans.ts",
        "const nlink = isDir ? 0 : inode.nlink - 1;",
        "const nlink = 0;",
      ),
    ],
    aim: aim(undefined, deeds("save", "link", "unlink"), onePath),
  },
];
