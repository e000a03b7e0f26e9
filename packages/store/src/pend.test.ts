import { expect, test } from "vitest";
import { Database } from "./database.ts";
import { deletedElsewhere, Pend } from "./pend.ts";

test("[PULL-2] deciding what was seen decides nothing newer that was seen meanwhile", () => {
  const pend = new Pend(new Database(":memory:"));
  pend.put("doc", "changed here", 7);
  pend.drop("doc", 6);
  expect(pend.why("doc")).toBe("changed here");
  pend.put("doc", "changed here", 5);
  pend.drop("doc", 6);
  expect(pend.why("doc")).toBe("changed here");
  pend.drop("doc", 7);
  expect(pend.why("doc")).toBeUndefined();
});

test("[PULL-2] where nothing is counted, the last look decides", () => {
  const pend = new Pend(new Database(":memory:"));
  pend.put("doc", "gone", null);
  pend.drop("doc", null);
  expect(pend.list(10)).toEqual([]);
});

test("[PULL-2] that a deletion was told is known until something newer is seen", () => {
  const pend = new Pend(new Database(":memory:"));
  pend.put("doc", deletedElsewhere, 7);
  expect(pend.deletion("doc")).toEqual({ srev: 7 });
  // A look by its id finds nothing: that takes nothing back.
  pend.put("doc", "gone", null);
  pend.put("doc", "changed here", 6);
  expect(pend.deletion("doc")).toEqual({ srev: 7 });
  pend.put("doc", "changed here", 8);
  expect(pend.deletion("doc")).toBeUndefined();
});
