import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { Database } from "./database.ts";
import { LogSync } from "./log-sync.ts";

function databaseOnDisk(): { path: string; db: Database } {
  const dir = mkdtempSync(join(tmpdir(), "smfs-log-"));
  const path = join(dir, "store.db");
  const db = new Database(path);
  onTestFinished(() => {
    db.close();
    rmSync(dir, { recursive: true });
  });
  return { path, db };
}

test("[PORT-1] commits are synced from outside, also while another sync runs", async () => {
  const { path, db } = databaseOnDisk();
  const log = new LogSync(path);
  const waits: Promise<void>[] = [];
  for (let count = 0; count < 20; count += 1) {
    db.transaction(() => db.sql.exec(`INSERT INTO store VALUES ('k${count}', 'v')`));
    waits.push(log.sync());
  }
  // Twenty waits, two syncs: the one that ran, and the one for all who came meanwhile.
  expect(new Set(waits).size).toBe(2);
  await Promise.all(waits);
  await log.sync();
  await log.close();
});

test("[PORT-1] a disk that fails is told to every waiter, and the next sync tries again", async () => {
  const { path } = databaseOnDisk();
  const log = new LogSync(`${path}-missing`);
  const first = log.sync();
  const second = log.sync();
  await expect(first).rejects.toThrow("ENOENT");
  await expect(second).rejects.toThrow("ENOENT");
  await expect(log.sync()).rejects.toThrow("ENOENT");
});
