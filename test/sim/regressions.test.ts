/** Runs that once broke a rule, each shrunk to its essence and kept under the name of what went wrong. */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { productDevice } from "./product-device.ts";
import { type Recipe, run } from "./run.ts";

const dir = join(import.meta.dirname, "regressions");

for (const name of readdirSync(dir).sort()) {
  test(`[SIM-8] ${name.replace(/\.json$/, "").replaceAll("-", " ")}`, async () => {
    const recipe = JSON.parse(readFileSync(join(dir, name), "utf8")) as Recipe;
    const { violation } = await run(recipe, productDevice);
    expect(violation).toBeUndefined();
  });
}
