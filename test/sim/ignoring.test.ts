/** Patterns that come, change and go: what they keep on a device is not sent, and is when they are gone. */
import { expect, test } from "vitest";
import { actions, adversary, aim, deeds, devices, paths, textOnly } from "./mutants/aims.ts";
import { productDevice } from "./product-device.ts";
import { aimedRecipe, run } from "./run.ts";
import { patternLine, Tokens } from "./tokens.ts";

const patterned = aim(
  undefined,
  deeds("ignore", "save", "append", "unlink", "rename"),
  paths("/a~", "/b~", "/c~", "/d~", "/a"),
  textOnly,
  devices(2),
  adversary(0.1),
  actions(16, 20_000),
);
const seedCount = 12;

test("[IGNORE-1] no simulated run sends what a pattern keeps on a device, or keeps it without one", async () => {
  let ignoredCount = 0;
  for (let seed = 1; seed <= seedCount; seed += 1) {
    const { violation, coverage } = await run(aimedRecipe(seed, patterned), productDevice);
    expect({ seed, violation }).toEqual({ seed, violation: undefined });
    ignoredCount += coverage.get("deed ignore") ?? 0;
  }
  expect(ignoredCount).toBeGreaterThan(seedCount);
});

test("[SIM-6] the line of a pattern is no token and nothing strange; a part of it is", () => {
  const tokens = new Tokens();
  const info = { device: "d0", at: 0, path: "/.smfsignore" };
  const line = tokens.line(tokens.make([], info));
  const parse = (text: string) => tokens.content(text, () => Buffer.from(text));
  expect(parse(`${line}${patternLine}`)).toMatchObject({ lines: [0], hasPattern: true });
  expect(parse(`${line}${patternLine}`)?.strange).toBeUndefined();
  expect(parse(`${line}*`)).toMatchObject({ lines: [0], hasPattern: false });
  expect(parse(`${line}*`)?.strange).toBeDefined();
});
