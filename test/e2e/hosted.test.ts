// The race this project began with, on a real mount: the hosted API takes its time until a document is done.
import { spawn } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { listMounts } from "@smfs/fuse";
import { expect, onTestFinished, test } from "vitest";
import { HttpShell } from "../hosted-model/http-shell.ts";
import { Device, launcher } from "./device.ts";

const key = "sm_model_0123456789abcdef";
const soon = { timeout: 30_000, interval: 50 };

async function hosted(): Promise<{ shell: HttpShell; device: Device; mount: string }> {
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
