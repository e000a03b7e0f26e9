import { readdirSync, readFileSync } from "node:fs";
import { expect, test } from "vitest";

test("no statement has a bare parameter as its limit: the engine would compile it anew at each run", () => {
  const directory = new URL(".", import.meta.url);
  const sources = readdirSync(directory).filter((name) => /(?<!\.test)\.ts$/.test(name));
  const limits = sources.flatMap((name) =>
    [...readFileSync(new URL(name, directory), "utf8").matchAll(/LIMIT \?.{0,4}/g)].map(
      ([text]) => `${name}: ${text}`,
    ),
  );
  expect(limits.length).toBeGreaterThan(15);
  expect(limits.filter((text) => !text.includes("LIMIT ? + 0"))).toEqual([]);
});
