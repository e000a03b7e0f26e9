import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { Device } from "./device.ts";
import { serverTree } from "./server-view.ts";

test("[W-48] mounting over a directory that has files sends none of them", async () => {
  const device = new Device();
  const dir = join(device.dir, "project");
  mkdirSync(join(dir, ".git"), { recursive: true });
  writeFileSync(join(dir, ".env"), "SECRET=1\n");
  const refused = await device.smfs(["mount", "notes", "--path", dir]);
  expect(refused.code).not.toBe(0);
  expect(refused.out + refused.err).toContain("--no-import");
  expect(readdirSync(dir).sort()).toEqual([".env", ".git"]);

  await device.ok(["mount", "notes", "--path", dir, "--no-import"]);
  expect(readdirSync(dir)).toEqual([]);
  writeFileSync(join(dir, "a.md"), "text\n");
  await device.ok(["sync", dir]);
  expect([...(await serverTree(device, "notes")).keys()]).toEqual(["a.md"]);
  await device.ok(["unmount", dir]);
  expect(readFileSync(join(dir, ".env"), "utf8")).toBe("SECRET=1\n");
  expect(readdirSync(dir).sort()).toEqual([".env", ".git"]);
});
