import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { silentLogger, systemClock, systemRandom } from "@smfs/core";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { storageContract } from "../testing/storage-contract.ts";
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
});
