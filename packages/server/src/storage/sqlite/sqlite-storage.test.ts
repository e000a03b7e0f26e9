import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { silentLogger, systemClock, systemRandom } from "@smfs/core";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { draft, storageContract } from "../testing/storage-contract.ts";
import { openSqliteStorage } from "./sqlite-storage.ts";

let dataDir: string;
beforeEach(async () => {
  dataDir = await mkdtemp(join(tmpdir(), "smfs-storage-"));
});
afterEach(() => rm(dataDir, { recursive: true, force: true }));

const open = (dir: string = dataDir) =>
  openSqliteStorage({
    dataDir: dir,
    // A clock that stands still: nothing may depend on it moving.
    clock: { ...systemClock, now: () => 1_790_000_000_000 },
    random: systemRandom,
    logger: silentLogger,
  });

describe("sqlite storage", () => storageContract(open));

describe("sqlite storage on its own", () => {
  test("[SERVER-19] a second server on the same data directory is refused", async () => {
    const storage = await open();
    await expect(open()).rejects.toThrow("another server");
    await storage.close();
    await (await open()).close();
  });

  test("[SERVER-20] a backup made while writing is a whole storage", async () => {
    const storage = await open();
    const blob = await storage.receiveBlob();
    await blob.write(Buffer.alloc(100_000, "x"));
    const content = await blob.finish();
    await storage.write((tx) => tx.create(draft("", { content, filepath: "/big" })));
    const target = join(dataDir, "backup");
    const writes = Array.from({ length: 300 }, (_, i) =>
      storage.write((tx) => tx.create(draft(`${i}`, { filepath: `/w/${i}` }))),
    );
    await Promise.all([storage.backup(target), ...writes]);
    await storage.close();
    const copy = await open(target);
    expect(await copy.check()).toEqual([]);
    const big = await copy.documentByPath("work", "/big");
    expect((await copy.readContent(big!.content)).length).toBe(100_000);
    await copy.close();
  });
});
