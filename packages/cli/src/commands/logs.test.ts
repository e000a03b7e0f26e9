import { appendFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { scratchDir } from "../testing/scratch.ts";
import { lastLines, linesAfter } from "./logs.ts";

test("[CLI-15] the last lines are found from the end, however long the log", () => {
  const file = join(scratchDir(), "log");
  const all = Array.from({ length: 20_000 }, (_, i) => `line ${i}`);
  writeFileSync(file, `${all.join("\n")}\nunfinished`);
  expect(lastLines(file, 3).lines).toEqual(all.slice(-3));
  expect(lastLines(file, 0).lines).toEqual([]);
  expect(lastLines(file, 15_000).lines).toEqual(all.slice(-15_000));
  expect(lastLines(file, 100_000).lines).toEqual(all);
  writeFileSync(file, "");
  expect(lastLines(file, 3)).toEqual({ lines: [], end: 0 });
});

test("[CLI-15] lines that follow are shown once, when they are whole, also after a rotation", () => {
  const file = join(scratchDir(), "log");
  writeFileSync(file, "a\nb");
  const { end } = lastLines(file, 10);
  expect(linesAfter(file, end)).toEqual({ lines: [], end });
  appendFileSync(file, "c\nd\n");
  const more = linesAfter(file, end);
  expect(more.lines).toEqual(["bc", "d"]);
  expect(linesAfter(file, more.end).lines).toEqual([]);
  writeFileSync(file, "x\n");
  expect(linesAfter(file, more.end).lines).toEqual(["x"]);
  expect(linesAfter(`${file}.absent`, 5)).toEqual({ lines: [], end: 0 });
});
