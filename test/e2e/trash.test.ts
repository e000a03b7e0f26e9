import { existsSync, readdirSync, readFileSync, unlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { Device } from "./device.ts";

test("[CLI-53] what a deletion elsewhere took can be put back, and goes when somebody says so", async () => {
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

test("[TRASH-2] a trash that is full takes nothing more: files stay, status says what to do, and with room it goes on", async () => {
  const a = new Device();
  const b = new Device();
  const atA = await a.mount("shared");
  const names = ["1.txt", "2.txt", "3.txt"];
  for (const name of names) writeFileSync(join(atA, name), name.repeat(140_000));
  await a.ok(["sync", atA]);
  const atB = await b.mount("shared", "--trash-size", "1M", ...a.serverFlags());
  for (const name of names) expect(readFileSync(join(atB, name), "utf8")).toHaveLength(700_000);
  await b.ok(["sync", atB]);
  for (const name of names) unlinkSync(join(atA, name));
  await a.ok(["sync", atA]);
  await expect.poll(() => readdirSync(atB), { timeout: 30_000 }).toHaveLength(1);
  const held = await b.smfs(["sync", atB]);
  expect(held.code).toBe(3);
  expect(held.out + held.err).toContain("the trash is full");
  const [left = ""] = readdirSync(atB);
  expect(readFileSync(join(atB, left), "utf8")).toHaveLength(700_000);
  const told = await b.ok(["status", atB]);
  expect(told).toMatch(/trash +1\.3 MiB of 1\.0 MiB/);
  expect(told).toMatch(/the trash is full: .*smfs trash empty/);
  // Its time is told in whole seconds.
  await expect
    .poll(() => b.ok(["trash", "empty", "--older-than", "1s", atB]), { timeout: 10_000 })
    .toContain("2 items gone");
  await b.ok(["sync", atB]);
  await expect.poll(() => readdirSync(atB), { timeout: 30_000 }).toEqual([]);
  expect(JSON.parse(await b.ok(["trash", atB, "--json"]))).toMatchObject([{ path: `/${left}` }]);
});
