import { fstatSync, mkdirSync, mkdtempSync, openSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { silentLogger } from "@smfs/core";
import type { SyncResult } from "@smfs/store";
import { afterEach, expect, test } from "vitest";
import { StoreSyncs } from "./store-syncs.ts";

const storeDir: string = mkdtempSync(join(tmpdir(), "smfs-syncs-"));
mkdirSync(join(storeDir, "work"));
afterEach(() => {
  told = [];
});
process.on("exit", () => rmSync(storeDir, { recursive: true, force: true }));

let told: SyncResult[] = [];

function syncs(log: () => Promise<void>): StoreSyncs {
  return new StoreSyncs({ storeDir, log: silentLogger }, { sync: log }, (result) => {
    told.push(result);
  });
}

function workFile(): number {
  writeFileSync(join(storeDir, "work/2"), "bytes");
  return openSync(join(storeDir, "work/2"), "r");
}

test("[FSYNC-3] a job's descriptor is synced and closed before the log is", async () => {
  const file = workFile();
  let wasClosed = false;
  const log = async (): Promise<void> => {
    expect(told).toEqual([]);
    expect(() => fstatSync(file)).toThrow("EBADF");
    wasClosed = true;
  };
  await syncs(log).begin({ id: 7, file, names: true, log: true });
  expect(told).toEqual([{ id: 7 }]);
  expect(wasClosed).toBe(true);
});

test("[FSYNC-3] what fails is told with what it was about, and nothing after it is done", async () => {
  let logs = 0;
  const log = async (): Promise<void> => {
    logs += 1;
    throw Object.assign(new Error("no"), { code: "EWEIRD" });
  };
  await syncs(log).begin({ id: 8, file: 9999, names: false, log: true });
  await syncs(log).begin({ id: 9, file: undefined, names: false, log: true });
  expect(logs).toBe(1);
  expect(told).toEqual([
    { id: 8, failure: { of: "bytes", code: "EBADF" } },
    { id: 9, failure: { of: "log", code: "EIO" } },
  ]);
});
