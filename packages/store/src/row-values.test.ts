import { expect, test } from "vitest";
import {
  type EntryValues,
  entryColumns,
  type InodeValues,
  inodeColumns,
  toEntryRow,
  toInodeRow,
} from "./row-values.ts";
import { StoreFixture } from "./testing/store-fixture.ts";

test("[STORE-6] a row made of its values is the row, with every column of its table", () => {
  const f = new StoreFixture();
  f.write("/a", "text");
  f.settle();
  f.makeClean("/a");
  const { sql } = f.db;
  const entries = sql.prepare<[], EntryValues>(`SELECT ${entryColumns} FROM entry`).raw().all();
  expect(entries.map(toEntryRow)).toEqual(sql.prepare("SELECT * FROM entry").all());
  const inodes = sql.prepare<[], InodeValues>(`SELECT ${inodeColumns} FROM inode`).raw().all();
  expect(inodes.map(toInodeRow)).toEqual(sql.prepare("SELECT * FROM inode").all());
});
