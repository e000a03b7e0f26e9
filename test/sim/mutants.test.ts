/** The simulator must see: a sample of the mutants in each test run, all of them with `npm run sim:mutate`. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { root, workspaceFiles } from "../workspace-files.ts";
import { mutants } from "./mutants/catalogue.ts";
import { hunt, preparePair } from "./mutants/hunt.ts";
import type { Patch } from "./mutants/mutant.ts";
import { probes } from "./mutants/probes.ts";
import { bounds, judge, median } from "./mutants/table.ts";
import { applyPatches } from "./mutants/workshop.ts";

/** One of each part of the product, of those that are caught within a few seeds. */
const sample = [
  "clear-unconditionally",
  "clock-compared-pull-guard",
  "millisecond-compare-and-swap",
  "attempts-stranded-by-a-crash",
  "queue-forgotten-by-a-crash",
  "emptying-never-sent",
  "creation-repeated-unlooked",
  "foreign-document-overwritten",
  "no-conflict-version",
  "pull-ignores-attempts",
  "partial-content-applied",
  "bit-not-set-by-open",
];
/** Seeds in which one of the sample must be caught. */
const sampleSeedsMax = 100;

test("[SIM-11] every snippet that a mutant or a probe replaces is in the product exactly once", () => {
  const byFile = (patches: readonly Patch[]): Map<string, Patch[]> => {
    const files = new Map<string, Patch[]>();
    for (const one of patches) files.set(one.file, [...(files.get(one.file) ?? []), one]);
    return files;
  };
  const sets = mutants.flatMap(({ patches, without = [] }) => [
    without.flatMap((layer) => layer.patches),
    [...without.flatMap((layer) => layer.patches), ...patches],
  ]);
  for (const set of [...sets, probes])
    for (const [file, patches] of byFile(set)) {
      const text = readFileSync(join(root, file), "utf8");
      expect(applyPatches(text, patches)).not.toBe(text);
    }
});

test("[SIM-11] a snippet that is not there, or there twice, is an error", () => {
  const one = { file: "f.ts", find: "once", replace: "x" };
  expect(() => applyPatches("never", [one])).toThrow("0 times");
  expect(() => applyPatches("once and once", [one])).toThrow("2 times");
  expect(applyPatches("at once", [one])).toBe("at x");
});

test("[SIM-12] mutants have names of their own, and break rules that are written down", () => {
  expect(new Set(mutants.map(({ id }) => id)).size).toBe(mutants.length);
  const specs = workspaceFiles(/^docs\/spec\/.*\.md$/).map(({ text }) => text);
  const known = new Set(specs.flatMap((text) => text.match(/(?<=\*\*)[A-Z]+-\d+[a-z]?(?=\*\*)/g)));
  const isLoss = (rule: string): boolean => /^M-([1-9]|1\d)$/.test(rule);
  const unknown = mutants.flatMap(({ id, rules }) =>
    rules.filter((rule) => !known.has(rule) && !isLoss(rule)).map((rule) => `${id}: ${rule}`),
  );
  expect(unknown).toEqual([]);
  expect(mutants.length).toBeGreaterThanOrEqual(60);
});

test("[SIM-12] of each loss that other clients had, but those of the disk, there is a mutant", () => {
  const stoodFor = new Set(mutants.flatMap(({ rules }) => rules));
  // M-18 is about what survives a power loss: commits of the simulator are in memory.
  const losses = Array.from({ length: 19 }, (_, index) => `M-${index + 1}`);
  expect(losses.filter((loss) => !stoodFor.has(loss))).toEqual(["M-18"]);
});

test("[SIM-12] a mutant that is caught late, or not in every repeat, misses its bound", () => {
  const [mutant] = mutants.filter(({ kind }) => kind === "loss");
  const caught = (seedCount: number) => ({
    seedCount,
    isCaught: true,
    seed: 1,
    rule: "INV-1",
    message: "",
  });
  const escaped = { ...caught(1000), isCaught: false };
  expect(median([1, 9, 2])).toBe(2);
  expect(judge({ mutant: mutant!, catches: [caught(1), caught(bounds.loss)] })).toEqual([]);
  expect(judge({ mutant: mutant!, catches: [caught(bounds.loss + 1)] })).toHaveLength(1);
  expect(judge({ mutant: mutant!, catches: [caught(1), caught(2), escaped] })).toHaveLength(1);
});

for (const mutant of mutants.filter(({ id }) => sample.includes(id))) {
  test(`[SIM-9] the simulator sees a client in which ${mutant.breaks}`, async () => {
    const caught = await hunt(mutant, await preparePair(mutant), 0, sampleSeedsMax);
    expect(caught).toMatchObject({ isCaught: true });
  });
}
