import { expect, test } from "vitest";
import { Database } from "./database.ts";
import { SinceCommit } from "./since-commit.ts";

test("the database is asked once after each commit", () => {
  const db = new Database(":memory:");
  let asked = 0;
  const since = new SinceCommit(db, () => {
    asked += 1;
    return asked;
  });
  expect([since.value, since.value]).toEqual([1, 1]);
  db.transaction(() => undefined);
  expect([since.value, since.value]).toEqual([2, 2]);
  expect(() =>
    db.transaction(() => {
      throw new Error("not done");
    }),
  ).toThrow("not done");
  expect(since.value).toBe(2);
  db.close();
});
