import { expect, test } from "vitest";
import { Database } from "./database.ts";
import { Revisions } from "./revisions.ts";

test("[STAMP-3] a chain names what was tried and given up, too, the latest first", () => {
  const revisions = new Revisions(new Database(":memory:"));
  for (const seq of [8, 9, 10, 11]) revisions.note(`me:${seq}`, "f", null, "");
  revisions.note("me:12", "g", null, "");
  // Base is another device's: ours before it were refused, or overtaken.
  const base = { rev: "you:3", chain: ["me:8", "you:1"] };
  expect(revisions.chain("f", base)).toEqual(["you:3", "me:11", "me:10", "me:9", "me:8", "you:1"]);
  expect(revisions.chain("g", null)).toEqual(["me:12"]);
  expect(revisions.chain("h", null)).toEqual([]);
});
