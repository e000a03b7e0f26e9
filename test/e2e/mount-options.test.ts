import { execFileSync } from "node:child_process";
import { randomBytes } from "node:crypto";
import {
  appendFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import SqliteDatabase from "better-sqlite3";
import { expect, test } from "vitest";
import { Device, kill } from "./device.ts";
import { serverTree } from "./server-view.ts";

const soon = { timeout: 60_000, interval: 50 };

function storeDirs(device: Device): string[] {
  const dir = join(device.dir, "data/smfs/stores");
  return existsSync(dir) ? readdirSync(dir).map((name) => join(dir, name)) : [];
}

/** Bytes that a directory's files take on the disk. */
function diskBytes(dir: string): number {
  return readdirSync(dir).reduce((sum, name) => sum + statSync(join(dir, name)).blocks * 512, 0);
}

test("[CLI-23] a read-only mount shows what there is and lets nothing be changed", async () => {
  const one = new Device();
  const here = await one.mount("notes");
  writeFileSync(join(here, "a.md"), "one\n");
  await one.ok(["sync", here]);
  const two = new Device();
  const there = await two.mount("notes", "--read-only", ...one.serverFlags());
  expect(readFileSync(join(there, "a.md"), "utf8")).toBe("one\n");
  const refused = [
    () => writeFileSync(join(there, "b.md"), "x"),
    () => appendFileSync(join(there, "a.md"), "x"),
    () => mkdirSync(join(there, "d")),
    () => execFileSync("rm", [join(there, "a.md")], { stdio: "pipe" }),
    () => execFileSync("touch", [join(there, "a.md")], { stdio: "pipe" }),
  ];
  for (const change of refused) expect(change).toThrow(/EROFS|Read-only file system/);
  writeFileSync(join(here, "a.md"), "two\n");
  await expect.poll(() => readFileSync(join(there, "a.md"), "utf8"), soon).toBe("two\n");
  expect(await two.ok(["unmount", there])).toContain("unmounted");
});

test("[CLI-23] --durability close and write make durable what is closed", async () => {
  const device = new Device();
  for (const when of ["fsync", "close", "write"]) {
    const mount = await device.mount(when, "--durability", when);
    writeFileSync(join(mount, "a.bin"), randomBytes(600_000));
    expect(readFileSync(join(mount, "a.bin")).length).toBe(600_000);
    await device.ok(["unmount", mount]);
    const dir = storeDirs(device).find((path) => path.includes(`/${when}-`)) ?? "";
    const db = new SqliteDatabase(join(dir, "store.db"), { readonly: true });
    const synced = db.prepare("SELECT synced_ver > 0 FROM inode WHERE ino <> 1").pluck().get();
    db.close();
    expect([when, synced]).toEqual([when, when === "fsync" ? 0 : 1]);
  }
  const wrong = await device.smfs(["mount", "x", "--durability", "never"]);
  expect(wrong).toMatchObject({ code: 2 });
});

test("[CLI-24] a mount with a budget keeps it, and every file can be read", async () => {
  const device = new Device();
  const mount = await device.mount("big", "--cache-size", "1M");
  const files = Array.from({ length: 12 }, (_, n) => ({
    name: `f${n}.bin`,
    bytes: randomBytes(300_000),
  }));
  for (const { name, bytes } of files) writeFileSync(join(mount, name), bytes);
  await device.ok(["sync", mount]);
  const work = join(storeDirs(device)[0] ?? "", "work");
  const used = async () => (await device.status(mount)).cacheUsed;
  await expect.poll(() => diskBytes(work), soon).toBeLessThanOrEqual(1 << 20);
  await expect.poll(used, soon).toBeLessThanOrEqual(1 << 20);
  expect(await device.status(mount)).toMatchObject({ cacheSize: 1 << 20 });
  expect((await device.status(mount)).stubs).toBeGreaterThan(6);
  for (const { name, bytes } of files)
    expect(readFileSync(join(mount, name)).equals(bytes)).toBe(true);
  await expect.poll(() => diskBytes(work), soon).toBeLessThanOrEqual(1 << 20);
  // What is only here stays, whatever the budget.
  kill(device.server()?.pid ?? 0);
  await device.ok(["unmount", mount, "--force"]);
  await device.mount("big", "--cache-size", "1M", "--offline");
  for (const { name, bytes } of files) writeFileSync(join(mount, name), bytes.subarray(1));
  for (const { name, bytes } of files)
    expect(readFileSync(join(mount, name)).equals(bytes.subarray(1))).toBe(true);
  const wrong = await device.smfs(["mount", "x", "--cache-size", "12"]);
  expect(wrong).toMatchObject({ code: 2 });
});

test("[CLI-25] an ephemeral mount leaves nothing behind, once everything is safe", async () => {
  const device = new Device();
  const mount = await device.mount("notes", "--ephemeral");
  writeFileSync(join(mount, "a.md"), "one\n");
  expect(storeDirs(device)).toHaveLength(1);
  expect(await device.ok(["unmount", mount])).toContain("unmounted");
  expect(storeDirs(device)).toEqual([]);
  expect(device.logs()).not.toContain("a.md");
  expect((await serverTree(device, "notes")).get("a.md")).toBeDefined();
});

test("[CLI-25] an ephemeral mount is not taken away while something is only here; forced, it is kept", async () => {
  const one = new Device();
  await one.mount("notes");
  const two = new Device();
  const mount = await two.mount("notes", "--ephemeral", ...one.serverFlags());
  writeFileSync(join(mount, "a.md"), "one\n");
  await two.ok(["sync", mount]);
  await one.ok(["unmount", "notes"]);
  kill(one.server()?.pid ?? 0);
  writeFileSync(join(mount, "a.md"), "two\n");
  const refused = await two.smfs(["unmount", mount]);
  expect(refused.code).toBe(3);
  expect(refused.out + refused.err).toContain("a.md");
  expect(readFileSync(join(mount, "a.md"), "utf8")).toBe("two\n");

  const forced = await two.smfs(["unmount", mount, "--force"]);
  expect(forced.code).toBe(0);
  expect(forced.err).toContain(storeDirs(two)[0] ?? "nothing is kept");
  await one.mount("notes");
  await two.mount("notes", "--ephemeral", ...one.serverFlags());
  expect(readFileSync(join(mount, "a.md"), "utf8")).toBe("two\n");
  await two.ok(["unmount", mount]);
  expect(storeDirs(two)).toEqual([]);
  expect((await serverTree(one, "notes")).get("a.md")).toBeDefined();
  expect((await two.smfs(["mount", "notes", "--ephemeral", "--offline"])).code).toBe(2);
});
