import { cpSync, existsSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import SqliteDatabase from "better-sqlite3";
import { expect, test } from "vitest";
import { Device, kill } from "./device.ts";
import { serverTree } from "./server-view.ts";

interface Finding {
  readonly about: string;
  readonly level: string;
  readonly message: string;
  readonly advice: string | null;
}

async function doctor(
  device: Device,
  ...args: string[]
): Promise<{ code: number | null; found: Finding[] }> {
  const { code, out, err } = await device.smfs(["doctor", "--json", ...args]);
  expect(err).not.toContain("Error:");
  return { code, found: JSON.parse(out) as Finding[] };
}

function storeDir(device: Device): string {
  const stores = join(device.dir, "data/smfs/stores");
  return join(stores, readdirSync(stores)[0] ?? "none");
}

/** A device with one file on the server, and one that is only here; nothing is mounted. */
async function withUnsent(): Promise<{ device: Device; mount: string }> {
  const device = new Device();
  const mount = await device.mount("notes");
  writeFileSync(join(mount, "a.md"), "on the server\n");
  await device.ok(["sync", mount]);
  await device.ok(["unmount", mount]);
  await device.mount("notes", "--offline");
  writeFileSync(join(mount, "b.md"), "only here\n");
  await device.ok(["unmount", mount, "--force"]);
  return { device, mount };
}

/** Overwrites the first page of a table or an index. */
function ruin(dir: string, name: string): void {
  const path = join(dir, "store.db");
  const db = new SqliteDatabase(path);
  db.pragma("wal_checkpoint(TRUNCATE)");
  const pageSize = db.pragma("page_size", { simple: true }) as number;
  const page = db.prepare("SELECT rootpage FROM sqlite_schema WHERE name = ?").pluck().get(name);
  db.close();
  const bytes = readFileSync(path);
  bytes.fill(0x77, (Number(page) - 1) * pageSize, Number(page) * pageSize);
  writeFileSync(path, bytes);
}

test("[CLI-26] doctor finds nothing wrong before, during and after a mount", async () => {
  const device = new Device();
  expect(await doctor(device)).toMatchObject({ code: 0 });
  const mount = await device.mount("notes");
  writeFileSync(join(mount, "a.md"), "x\n");
  await device.ok(["sync", mount]);
  const { code, found } = await doctor(device);
  expect(code).toBe(0);
  expect(found.map(({ about }) => about)).toEqual([
    "machine",
    "directories",
    "server",
    "mount",
    "store",
  ]);
  await device.ok(["unmount", mount]);
  const after = await doctor(device, "--deep");
  expect(after.code).toBe(0);
  expect(after.found.find(({ about }) => about === "store")?.message).toContain("whole");
  expect(await device.ok(["doctor"])).toContain("store: notes-");
});

test("[CLI-26] a damaged store is mounted to be read, says so, and is repaired from the server with nothing lost", async () => {
  const { device, mount } = await withUnsent();
  ruin(storeDir(device), "store");
  const mounted = await device.smfs(["mount", "notes", "--path", mount]);
  expect(mounted).toMatchObject({ code: 0 });
  expect(mounted.err).toMatch(/damaged.*read only/);
  expect(readFileSync(join(mount, "a.md"), "utf8")).toBe("on the server\n");
  expect(readFileSync(join(mount, "b.md"), "utf8")).toBe("only here\n");
  expect(readdirSync(mount).sort()).toEqual(["a.md", "b.md"]);
  expect(() => writeFileSync(join(mount, "c.md"), "x")).toThrow(/EROFS/);
  const status = await device.status(mount);
  expect(status).toMatchObject({ readOnly: true, connectivity: "paused" });
  expect(JSON.stringify(status.problems)).toContain("damaged");
  expect((await doctor(device)).code).toBe(1);
  await device.ok(["unmount", mount]);

  const sick = await doctor(device);
  expect(sick.code).toBe(1);
  expect(sick.found.find(({ about }) => about === "store")).toMatchObject({
    level: "problem",
    advice: expect.stringContaining("--repair") as unknown,
  });
  const repaired = await doctor(device, "--repair");
  expect(repaired.code).toBe(0);
  const told = repaired.found.find(({ about }) => about === "store")?.message ?? "";
  const [, saved = ""] = /may not have: ([^,]+)/.exec(told) ?? [];
  expect(readFileSync(join(saved, "b.md"), "utf8")).toBe("only here\n");
  await device.mount("notes");
  expect(readFileSync(join(mount, "a.md"), "utf8")).toBe("on the server\n");
  expect(existsSync(join(mount, "b.md"))).toBe(false);
  cpSync(saved, mount, { recursive: true });
  await device.ok(["sync", mount]);
  expect([...(await serverTree(device, "notes")).keys()].sort()).toEqual(["a.md", "b.md"]);
  expect((await doctor(device)).code).toBe(0);
});

test("[CLI-26] a store of which nothing can be read is refused, and set aside with all its bytes", async () => {
  const { device, mount } = await withUnsent();
  const path = join(storeDir(device), "store.db");
  writeFileSync(path, Buffer.alloc(statSync(path).size, 0x55));
  const refused = await device.smfs(["mount", "notes", "--path", mount]);
  expect(refused).toMatchObject({ code: 1 });
  expect(refused.err).toContain("smfs doctor --repair");
  expect(refused.err).not.toMatch(/ at .*:\d+:\d+/);
  expect((await doctor(device, "--repair")).code).toBe(0);
  const [aside = ""] = readdirSync(join(device.dir, "data/smfs/salvage"));
  const kept = join(device.dir, "data/smfs/salvage", aside, "files/without-a-name");
  const texts = readdirSync(kept).map((name) => readFileSync(join(kept, name), "utf8"));
  expect(texts.sort()).toEqual(["on the server\n", "only here\n"]);
  await device.mount("notes");
  expect(readFileSync(join(mount, "a.md"), "utf8")).toBe("on the server\n");
});

test("[CLI-26] bytes that the disk has damaged are found, and fetched again", async () => {
  const { device, mount } = await withUnsent();
  const work = join(storeDir(device), "work");
  const [name = ""] = readdirSync(work).filter((file) =>
    readFileSync(join(work, file), "utf8").startsWith("on"),
  );
  writeFileSync(join(work, name), "ON the server\n");
  expect((await doctor(device, "--deep")).code).toBe(1);
  expect((await doctor(device, "--deep", "--repair")).code).toBe(0);
  await device.mount("notes");
  expect(readFileSync(join(mount, "a.md"), "utf8")).toBe("on the server\n");
  expect(readFileSync(join(mount, "b.md"), "utf8")).toBe("only here\n");
  await device.ok(["sync", mount]);
  await device.ok(["unmount", mount]);
  expect((await doctor(device, "--deep")).code).toBe(0);
});

test("[CLI-26] a mount whose daemon is gone is named, and cleared on request", async () => {
  const device = new Device();
  const mount = await device.mount("notes");
  writeFileSync(join(mount, "a.md"), "x\n");
  for (const pid of device.daemonPids()) kill(pid);
  await expect.poll(async () => (await doctor(device)).code).toBe(1);
  const { found } = await doctor(device);
  expect(found.find(({ about }) => about === "mount")?.message).toContain("is gone");
  expect((await doctor(device, "--repair")).code).toBe(0);
  expect(readdirSync(mount)).toEqual([]);
  await device.mount("notes");
  expect(readFileSync(join(mount, "a.md"), "utf8")).toBe("x\n");
});
