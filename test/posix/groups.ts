// The cases by group, and what one case sees on a file system.
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { attributeCases } from "./attributes.ts";
import { dataCases } from "./data.ts";
import { differences } from "./differences.ts";
import { errorCases } from "./errors.ts";
import { nameCases } from "./names.ts";
import { processCases } from "./processes.ts";
import { type Case, World } from "./world.ts";

export interface Group {
  readonly name: string;
  readonly cases: Readonly<Record<string, Case>>;
}

/** Groups that every user can run. */
export const groups: readonly Group[] = [
  { name: "errors", cases: errorCases },
  { name: "names", cases: nameCases },
  { name: "data", cases: dataCases },
  { name: "attributes", cases: attributeCases },
  { name: "processes", cases: processCases },
];

let next = 0;

/** What a case sees in a fresh directory below. */
export function observe(below: string, run: Case): readonly string[] {
  next += 1;
  const dir = join(below, `case${next}`);
  mkdirSync(dir);
  const world = new World(dir);
  try {
    run(world);
  } finally {
    world.end();
  }
  return world.seen;
}

/** What a mount must see of what the oracle saw. */
export function allowing(title: string, seen: readonly string[]): readonly string[] {
  const allowed = differences[title] ?? {};
  return seen.map((line) => allowed[line]?.instead ?? line);
}
