import { existsSync, readFileSync, unlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { Device } from "./device.ts";

test("[CLI-53] what a deletion elsewhere took can be put back, and goes only when somebody says so", async () => {
  const a = new Device();
  const b = new Device();
  const atA = await a.mount("shared");
  const text = "a long thought\n".repeat(500);
  writeFileSync(join(atA, "thought.md"), text);
  writeFileSync(join(atA, "other.md"), "stays\n");
  await a.ok(["sync", atA]);
  const atB = await b.mount("shared", ...a.serverFlags());
  expect(readFileSync(join(atB, "thought.md"), "utf8")).toBe(text);
  await b.ok(["sync", atB]);
  unlinkSync(join(atA, "thought.md"));
  await a.ok(["sync", atA]);
  await b.ok(["sync", atB]);
  await expect.poll(() => existsSync(join(atB, "thought.md"))).toBe(false);

  const [item, ...more] = JSON.parse(await b.ok(["trash", "--json"])) as {
    readonly id: number;
    readonly path: string;
    readonly size: number;
  }[];
  expect(more).toEqual([]);
  expect(item).toMatchObject({ path: "/thought.md", size: text.length, isHere: true });
  expect(await b.ok(["trash", atB])).toContain("deleted on another device");
  const number = String(item?.id);
  const taken = await b.smfs(["trash", "restore", number, "--to", join(atB, "other.md")]);
  expect(taken.code).toBe(5);
  expect(readFileSync(join(atB, "other.md"), "utf8")).toBe("stays\n");
  await b.ok(["trash", "restore", number]);
  expect(readFileSync(join(atB, "thought.md"), "utf8")).toBe(text);
  await b.ok(["trash", "restore", number]);
  expect(readFileSync(join(atB, "thought (restored).md"), "utf8")).toBe(text);
  await b.ok(["sync", atB]);
  await a.ok(["sync", atA]);
  expect(readFileSync(join(atA, "thought.md"), "utf8")).toBe(text);

  expect(await b.ok(["trash", "empty"])).toContain("0 items");
  expect((await b.smfs(["trash", "restore", "4711"])).code).toBe(4);
  // Its time is told in whole seconds, and it is some old by now.
  expect(await b.ok(["trash", "empty", "--older-than", "1s"])).toContain("1 item gone");
  expect(JSON.parse(await b.ok(["trash", "--json"]))).toEqual([]);
});
