import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type DirEntry, rootIno, silentLogger, systemClock, systemRandom } from "@smfs/core";
import { lookup } from "@smfs/core/testing";
import { expect, onTestFinished, test } from "vitest";
import { RealByteStore } from "./real-byte-store.ts";
import { Store } from "./store.ts";
import { filesPerDirectory, growStore } from "./testing/large-store.ts";
import { Transitions } from "./transitions.ts";

// The full size, with figures: `npm run bench store 1000000` (docs/performance.md).
const inodes = 30_000;

test("[STORE-16] a store of many inodes is whole after a start, and finds, lists and counts each", () => {
  const dir = mkdtempSync(join(tmpdir(), "smfs-large-"));
  onTestFinished(() => rmSync(dir, { recursive: true, force: true }));
  const open = () =>
    Store.open({
      database: join(dir, "store.db"),
      bytes: new RealByteStore(dir),
      clock: systemClock,
      random: systemRandom,
      logger: silentLogger,
      owner: { uid: 0, gid: 0 },
      emit: () => undefined,
    });
  const first = open();
  growStore(first, inodes);
  first.close();
  const store = open();
  onTestFinished(() => store.close());
  const directories = Math.ceil(inodes / (filesPerDirectory + 1));
  const seen = new Set<number>();
  for (let d = 0; d < directories; d += 1) {
    const { ino } = lookup(store, rootIno, `d${d}`);
    const fh = store.opendir(ino);
    let count = 0;
    store.readdir(fh, 0, (entry: DirEntry) => {
      count += 1;
      if (count > 2) seen.add(entry.ino);
      return true;
    });
    store.releasedir(fh);
    expect(count).toBe(filesPerDirectory + 2);
    const at = (d * 37) % filesPerDirectory;
    expect(lookup(store, ino, `f${at}`)).toMatchObject({ size: at, nlink: 1 });
  }
  expect(seen.size).toBe(directories * filesPerDirectory);
  const status = store.context.db.transaction(() => new Transitions(store.context).status());
  expect(status).toMatchObject({
    entryCount: directories * (filesPerDirectory + 1),
    stubCount: directories * filesPerDirectory,
    dirtyCount: directories,
  });
  expect(store.getattr(rootIno).nlink).toBe(2 + directories);
});
