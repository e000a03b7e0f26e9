import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { Device } from "./device.ts";
import { serverTree } from "./server-view.ts";

const soon = { timeout: 60_000, interval: 50 };

test("[CLI-54] .smfsignore and --ignore-file keep files here, and status says which", async () => {
  const one = new Device();
  const patterns = join(one.dir, "patterns");
  writeFileSync(patterns, "*.tmp\n");
  const here = await one.mount("notes", "--ignore-file", patterns);
  writeFileSync(join(here, ".smfsignore"), "node_modules/\n.env\n");
  mkdirSync(join(here, "node_modules/left-pad"), { recursive: true });
  writeFileSync(join(here, "node_modules/left-pad/index.js"), "module.exports = 1;\n");
  writeFileSync(join(here, ".env"), "TOKEN=secret\n");
  writeFileSync(join(here, "x.tmp"), "x\n");
  writeFileSync(join(here, "a.md"), "one\n");
  await one.ok(["sync", here]);
  expect([...(await serverTree(one, "notes")).keys()].sort()).toEqual([".smfsignore", "a.md"]);
  const status = JSON.parse(await one.ok(["status", here, "--json"])) as {
    ignored: { count: number; examples: string[] };
    queue_len: number;
  };
  expect(status.queue_len).toBe(0);
  expect(status.ignored.count).toBe(5);
  expect(status.ignored.examples).toContain("/node_modules/left-pad/index.js");
  expect(await one.ok(["status", here])).toContain("only on this machine");

  const two = new Device();
  const there = await two.mount("notes", ...one.serverFlags());
  writeFileSync(join(there, ".env"), "TOKEN=other\n");
  renameSync(join(there, "a.md"), join(there, ".env.md"));
  await two.ok(["sync", there]);
  expect(readFileSync(join(here, ".env"), "utf8")).toBe("TOKEN=secret\n");
  await expect.poll(() => existsSync(join(here, ".env.md")), soon).toBe(true);

  // Unmounted and mounted again without the file, what only that kept here is sent.
  await one.ok(["unmount", here]);
  await one.mount("notes");
  await one.ok(["sync", here]);
  expect([...(await serverTree(one, "notes")).keys()].sort()).toEqual([
    ".env.md",
    ".smfsignore",
    "x.tmp",
  ]);
  expect(readFileSync(join(here, ".env"), "utf8")).toBe("TOKEN=secret\n");
});

test("[CLI-54] a file of patterns that cannot be followed is refused before anything is mounted", async () => {
  const device = new Device();
  const missing = await device.smfs(["mount", "notes", "--ignore-file", "nowhere"]);
  expect(missing).toMatchObject({ code: 2 });
  expect(missing.err).toContain("nowhere");
  const patterns = join(device.dir, "patterns");
  writeFileSync(patterns, "*a*b*c*d*\n");
  const costly = await device.smfs(["mount", "notes", "--ignore-file", patterns]);
  expect(costly).toMatchObject({ code: 2 });
  expect(costly.err).toContain("wildcards");
});
