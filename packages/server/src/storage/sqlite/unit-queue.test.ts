import { systemClock } from "@smfs/core";
import Sqlite from "better-sqlite3";
import { expect, test } from "vitest";
import { StorageFullError } from "../storage-error.ts";
import { UnitQueue } from "./unit-queue.ts";

test("[SERVER-215] units without room fail, and later ones go on", async () => {
  const db = new Sqlite(":memory:");
  db.exec("CREATE TABLE a (x)");
  const hooks = { beforeCommit: () => {}, afterCommit: () => {}, failed: () => {} };
  const units = new UnitQueue(db, systemClock, hooks);
  const put = (bytes: number) =>
    units.run(async () => db.prepare("INSERT INTO a VALUES (zeroblob(?))").run(bytes).changes);
  db.pragma("max_page_count = 20");
  await expect(put(200_000)).rejects.toBeInstanceOf(StorageFullError);
  expect(await put(10)).toBe(1);
  db.pragma("max_page_count = 1000");
  expect(await put(200_000)).toBe(1);
  expect(db.prepare("SELECT count(*) FROM a").pluck().get()).toBe(2);
  await units.close();
  db.close();
});
