// The race this project began with, on a real mount: the hosted API takes its time until a document is done.
import { spawn } from "node:child_process";
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { listMounts } from "@smfs/fuse";
import { expect, onTestFinished, test } from "vitest";
import { HttpShell } from "../hosted-model/http-shell.ts";
import { Device, launcher } from "./device.ts";

const key = "sm_model_0123456789abcdef";
const soon = { timeout: 30_000, interval: 50 };

async function hosted(
  ...more: string[]
): Promise<{ shell: HttpShell; device: Device; mount: string }> {
  const shell = await HttpShell.listen({ key });
  onTestFinished(() => shell.close());
  const device = new Device();
  writeFileSync(join(device.dir, "key"), `${key}\n`, { mode: 0o600 });
  const flags = [
    "--api-url",
    shell.url,
    "--key-file",
    join(device.dir, "key"),
    "--sync-interval",
    "1",
    "--drain-timeout",
    "3",
    ...more,
  ];
  const mount = await device.mount("notes", ...flags);
  return { shell, device, mount };
}

const writes = (shell: HttpShell) =>
  shell.seen.filter(
    ({ method, path }) => method !== "GET" && /^\/v3\/documents(?!\/list)/.test(path),
  ).length;

test("[E2E-12] a write while the server still works on the one before it survives, here and there", async () => {
  const { shell, device, mount } = await hosted();
  shell.hold();
  writeFileSync(join(mount, "a.md"), "the first version\n");
  await expect.poll(() => writes(shell), soon).toBe(1);
  writeFileSync(join(mount, "a.md"), "the second version\n");
  shell.release();
  await expect.poll(() => device.smfs(["sync", mount]).then(({ code }) => code), soon).toBe(0);
  expect(readFileSync(join(mount, "a.md"), "utf8")).toBe("the second version\n");
  const contents = [...shell.model.table.all()].map(({ bytes }) => Buffer.from(bytes).toString());
  expect(contents).toEqual(["the second version\n"]);
});

test("[E2E-12] without a second write it ends clean, and not before the server has confirmed", async () => {
  const { shell, device, mount } = await hosted();
  shell.hold();
  writeFileSync(join(mount, "a.md"), "the only version\n");
  await expect.poll(() => writes(shell), soon).toBe(1);
  const asked = await device.smfs(["sync", mount, "--json"]);
  expect(asked.code).toBe(3);
  expect(JSON.parse(asked.out)).toMatchObject({ safe: false, left: 1 });
  shell.release();
  await expect.poll(() => device.smfs(["sync", mount]).then(({ code }) => code), soon).toBe(0);
});

test("[CLI-22] a mount that is given up while it starts leaves nothing mounted", async () => {
  const shell = await HttpShell.listen({ key });
  onTestFinished(() => shell.close());
  const device = new Device();
  writeFileSync(join(device.dir, "key"), `${key}\n`, { mode: 0o600 });
  shell.trouble({
    match: "POST /v3/documents/list",
    times: 100,
    what: { kind: "delay", ms: 20_000 },
  });
  const mount = join(device.dir, "mounts/notes");
  const starting = spawn(
    process.execPath,
    [launcher, "mount", "notes", "--path", mount, "--api-url", shell.url, "--key-file", "key"],
    { cwd: device.dir, env: device.env, stdio: "ignore" },
  );
  const isMounted = () => listMounts().some(({ mountPoint }) => mountPoint === mount);
  await expect.poll(isMounted, soon).toBe(true);
  starting.kill("SIGINT");
  await expect.poll(isMounted, soon).toBe(false);
  await expect.poll(() => device.daemonPids(), soon).toEqual([]);
});

test("[PUSH-12] a binary that is saved again is one document with its last bytes", async () => {
  const { shell, device, mount } = await hosted();
  const photo = (seed: number) =>
    Buffer.from(Array.from({ length: 5000 }, (_, at) => (at * seed) & 0xff));
  for (const seed of [131, 137, 151]) {
    writeFileSync(join(mount, "photo.jpg"), photo(seed));
    await expect.poll(() => device.smfs(["sync", mount]).then(({ code }) => code), soon).toBe(0);
    const bytes = [...shell.model.table.all()].map((doc) => Buffer.from(doc.bytes));
    expect(bytes).toEqual([photo(seed)]);
  }
  expect(readFileSync(join(mount, "photo.jpg"))).toEqual(photo(151));
});

test("[CLI-51, CLI-55] files that are gone from the server in great number are shown, and deleted when that is confirmed", async () => {
  const { shell, device, mount } = await hosted("--deletion-scan-interval", "1");
  const names = Array.from({ length: 12 }, (_, at) => `note-${String(at).padStart(2, "0")}.md`);
  for (const name of names) writeFileSync(join(mount, name), `${name}\n`);
  await expect.poll(() => device.smfs(["sync", mount]).then(({ code }) => code), soon).toBe(0);
  const dryRun = ["sync", mount, "--confirm-deletes", "--dry-run"];
  expect(JSON.parse(await device.ok([...dryRun, "--json"]))).toMatchObject({ count: 0, paths: [] });
  const { table } = shell.model;
  for (const doc of [...table.all()].filter(({ filepath }) => filepath !== "/note-11.md"))
    table.remove(doc, 0, 0, null, "request");
  // It takes two listings, a minute apart, to believe that something is gone.
  const isHeld = async () => (await device.status(mount)).heldDeletions !== null;
  await expect.poll(isHeld, { timeout: 120_000, interval: 500 }).toBe(true);
  const shown = await device.ok(dryRun);
  expect(shown).toContain("11 of 12 documents are gone");
  for (const name of names.slice(0, 11)) expect(shown).toContain(`  /${name}\n`);
  expect(shown).not.toContain("note-11.md");
  const held = await device.smfs(["sync", mount]);
  expect(held.code).toBe(3);
  expect(held.out + held.err).toContain("--dry-run");
  expect(readdirSync(mount).sort()).toEqual(names);
  const confirmed = await device.smfs(["sync", mount, "--confirm-deletes"]);
  expect(confirmed.err).toContain("  /note-00.md\n");
  await expect.poll(() => readdirSync(mount), soon).toEqual(["note-11.md"]);
});
