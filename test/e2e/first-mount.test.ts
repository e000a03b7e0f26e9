import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { Device } from "./device.ts";
import { serverTree } from "./server-view.ts";
import { differences, readTree } from "./trees.ts";

const soon = { timeout: 10_000, interval: 20 };

test("[E2E-1] the first mount needs no account: mount, write, sync, find, unmount", async () => {
  const device = new Device();
  const out = await device.ok(["mount", "notes"]);
  const mount = join(device.dir, "notes");
  expect(out).toContain(`notes is mounted at ${mount}`);
  expect(out).toContain(`unmount ${mount}`);

  mkdirSync(join(mount, "house"));
  writeFileSync(
    join(mount, "house/heating.md"),
    "# Heating\n\nThe boiler is serviced every October.\n",
  );
  writeFileSync(join(mount, "garden.md"), "The roses are cut back in March.\n");
  expect(await device.ok(["sync", mount])).toContain("in sync");
  expect(differences(readTree(mount), await serverTree(device, "notes"))).toEqual([]);

  const found = await device.ok(["grep", "when does the furnace get its yearly check", "notes"]);
  expect(found.split("\n")[0]).toMatch(/^notes\/house\/heating\.md:\d/);
  const asked = await device.ok(["grep", "--json", "pruning flowers", "."], { cwd: mount });
  expect((JSON.parse(asked) as { path: string }[])[0]?.path).toBe("garden.md");

  expect(await device.ok(["unmount", "notes"])).toContain("unmounted");
  expect(readdirSync(mount)).toEqual([]);
  expect(await device.ok(["list"])).toContain("nothing is mounted");
});

test("[E2E-2] what was mounted before is there again after the next mount, also offline", async () => {
  const device = new Device();
  const mount = await device.mount("notes");
  writeFileSync(join(mount, "a.md"), "one\n");
  await device.ok(["sync", mount]);
  await device.ok(["unmount", mount]);
  await device.mount("notes", "--offline");
  expect(readFileSync(join(mount, "a.md"), "utf8")).toBe("one\n");
  writeFileSync(join(mount, "a.md"), "two\n");
  const refused = await device.smfs(["unmount", mount]);
  expect(refused.code).toBe(3);
  expect(refused.out + refused.err).toContain("a.md");
  await device.ok(["unmount", mount, "--force"]);
  await device.mount("notes");
  await device.ok(["sync", mount]);
  expect(differences(readTree(mount), await serverTree(device, "notes"))).toEqual([]);
  expect(readFileSync(join(mount, "a.md"), "utf8")).toBe("two\n");
});

test("[E2E-3] two devices see each other's files, changes and deletions", async () => {
  const one = new Device();
  const here = await one.mount("shared");
  const two = new Device();
  writeFileSync(join(here, "a.md"), "from one\n");
  await one.ok(["sync", here]);
  const there = await two.mount("shared", ...one.serverFlags());
  expect(readFileSync(join(there, "a.md"), "utf8")).toBe("from one\n");

  writeFileSync(join(here, "a.md"), "changed by one\n");
  await expect.poll(() => readFileSync(join(there, "a.md"), "utf8"), soon).toBe("changed by one\n");
  rmSync(join(there, "a.md"));
  await expect.poll(() => existsSync(join(here, "a.md")), soon).toBe(false);
  mkdirSync(join(there, "d/e"), { recursive: true });
  writeFileSync(join(there, "d/e/b.bin"), Buffer.from([0, 255, 128, 10]));
  await expect.poll(() => existsSync(join(here, "d/e/b.bin")), soon).toBe(true);
  expect(readFileSync(join(here, "d/e/b.bin"))).toEqual(Buffer.from([0, 255, 128, 10]));
  await two.ok(["sync", there]);
  await one.ok(["sync", here]);
  expect(differences(readTree(here), readTree(there))).toEqual([]);
});

test("[CLI-3] the key is in no command line, environment, log or record of ours", async () => {
  const device = new Device();
  const mount = await device.mount("notes");
  writeFileSync(join(mount, "a.md"), "text\n");
  await device.ok(["sync", mount]);
  const key = readFileSync(device.keyFile, "utf8").trim();
  const pids = [...device.daemonPids(), device.server()?.pid ?? 0];
  expect(pids).toHaveLength(2);
  for (const pid of pids) {
    expect(readFileSync(`/proc/${pid}/cmdline`, "utf8")).not.toContain(key);
    expect(readFileSync(`/proc/${pid}/environ`, "utf8")).not.toContain(key);
  }
  expect(device.logs()).not.toContain(key);
  const kept = readTree(join(device.dir, "state"));
  expect(kept.size).toBeGreaterThan(2);
  for (const path of kept.keys()) {
    const full = join(device.dir, "state", path);
    expect(readFileSync(full, "utf8"), path).not.toContain(key);
    expect(statSync(full).mode & 0o077, path).toBe(0);
  }
});

test("[E2E-4] a daemon in the foreground ends with its signal, and unmounts", async () => {
  const device = new Device();
  const mount = join(device.dir, "mounts/fg");
  const running = device.smfs(["mount", "fg", "--path", mount, "--foreground"]);
  await expect.poll(() => device.daemonPids().length, soon).toBe(1);
  await expect.poll(async () => (await device.smfs(["status", mount])).code, soon).toBe(0);
  writeFileSync(join(mount, "a.md"), "text\n");
  process.kill(device.daemonPids()[0] ?? 0, "SIGTERM");
  expect((await running).code).toBe(0);
  expect(existsSync(join(mount, "a.md"))).toBe(false);
  expect((await serverTree(device, "fg")).has("a.md")).toBe(true);
});
