import { expect, test } from "vitest";
import { IgnoreRules } from "./ignore-rules.ts";

test("[IGNORE-1] patterns mean what they mean in gitignore", () => {
  const rules = new IgnoreRules(["# comment\n\n*.log\n!keep.log\n/build/\ndoc/**/draft.md\n"]);
  const matched = (path: string, isDirectory = false) => rules.matches(path, isDirectory);
  expect(matched("/a.log")).toBe(true);
  expect(matched("/deep/b.log")).toBe(true);
  expect(matched("/keep.log")).toBe(false);
  expect(matched("/build", true)).toBe(true);
  expect(matched("/build")).toBe(false);
  expect(matched("/build/x/y.md")).toBe(true);
  expect(matched("/src/build/x")).toBe(false);
  expect(matched("/doc/a/b/draft.md")).toBe(true);
  expect(matched("/#comment")).toBe(false);
  expect(new IgnoreRules(["*.log", "!a.log"]).matches("/a.log", false)).toBe(false);
});

test("[IGNORE-4] a pattern that could take long is not followed, and is told", () => {
  const costly = "*a*a*a*a*a*a*a*a*b";
  const rules = new IgnoreRules([`${costly}\n**/a/**/b/**/c\n*.tmp`]);
  expect(rules.matches(`/${"a".repeat(255)}`, false)).toBe(false);
  expect(rules.matches("/x.tmp", false)).toBe(true);
  expect(rules.problems).toHaveLength(2);
  expect(rules.problems[0]).toContain(costly);
  expect(new IgnoreRules(["x\n".repeat(1001)]).problems).toEqual([
    "only the first 1000 patterns are followed",
  ]);
});
