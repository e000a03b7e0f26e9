import { spawn } from "node:child_process";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { request } from "node:http";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { root } from "../workspace-files.ts";
import { Device, launcher } from "./device.ts";

const soon = { timeout: 15_000, interval: 50 };

test("[CLI-21] status --json has the documented fields, and says what is not sent", async () => {
  const device = new Device();
  const mount = await device.mount("notes", "--drain-timeout", "1");
  const documented = [
    ...(readFileSync(join(root, "docs/cli.md"), "utf8")
      .split("`status --json` is an object:")[1]
      ?.split("`list --json`")[0]
      ?.matchAll(/^\| (`[^|]*)\|/gm) ?? []),
  ].flatMap(([, cell = ""]) => cell.match(/[a-zA-Z_]+/g) ?? []);
  const status = await device.status(mount);
  expect(Object.keys(status).sort()).toEqual(documented.sort());
  expect(status).toMatchObject({
    tag: "notes",
    mount_path: mount,
    keyFile: device.keyFile,
    apiUrl: device.server()?.apiUrl,
    connectivity: "online",
    queue_len: 0,
    pull_enabled: true,
  });
  process.kill(device.server()?.pid ?? 0, "SIGSTOP");
  writeFileSync(join(mount, "a.md"), "text\n");
  const asked = JSON.parse((await device.smfs(["sync", mount, "--json"])).out) as object;
  expect(asked).toMatchObject({ safe: false, left: 1 });
  expect(await device.status(mount)).toMatchObject({ queue_len: 1 });
  process.kill(device.server()?.pid ?? 0, "SIGCONT");
  await expect.poll(() => device.smfs(["sync", mount]).then(({ code }) => code), soon).toBe(0);
});

test("[CLI-21] list, logs and version say what scripts need", async () => {
  const device = new Device();
  const mount = await device.mount("notes");
  const [listed] = JSON.parse(await device.ok(["list", "--json"])) as Record<string, unknown>[];
  expect(listed).toMatchObject({ tag: "notes", mount_path: mount, state: "running", stale: false });
  expect(await device.ok(["logs", "notes", "-n", "5"])).toContain("mounted");
  expect(await device.ok(["logs", "notes", "--json", "-n", "1"])).toMatch(/^\{"level":/);
  expect(JSON.parse(await device.ok(["version", "--json"]))).toMatchObject({ platform: "linux" });
});

test("[CLI-21] serve runs the server in the foreground; a container in it is searched without a mount", async () => {
  const device = new Device();
  const data = join(device.dir, "served");
  const serving = spawn(process.execPath, [launcher, "serve", "--port", "0", "--data", data], {
    env: device.env,
    stdio: ["ignore", "pipe", "inherit"],
  });
  onTestFinished(() => {
    serving.kill("SIGKILL");
  });
  let said = "";
  serving.stdout.setEncoding("utf8").on("data", (part: string) => {
    said += part;
  });
  await expect.poll(() => said, soon).toContain("Ctrl-C");
  const apiUrl = /http:\/\/127\.0\.0\.1:\d+/.exec(said)?.[0] ?? "";
  const flags = ["--api-url", apiUrl, "--key-file", join(data, "key")];
  const mount = await device.mount("notes", ...flags);
  mkdirSync(join(mount, "plans"));
  writeFileSync(join(mount, "plans/trip.md"), "We fly to Lisbon on the third of May.\n");
  await device.ok(["sync", mount]);
  await device.ok(["unmount", mount]);
  const found = await device.ok([
    "grep",
    "when does the journey to Portugal begin",
    "--tag",
    "notes",
    ...flags,
  ]);
  expect(found.split("\n")[0]).toMatch(/^\/plans\/trip\.md:1 /);
  const nothing = await device.smfs(["grep", "when", "/absent/", "--tag", "notes", ...flags]);
  expect(nothing).toMatchObject({ code: 1, out: "" });
  const ended = new Promise((resolve) => serving.once("exit", resolve));
  serving.kill("SIGINT");
  expect(await ended).toBe(0);
});

test("[CLI-18] two first mounts at one time start one server", async () => {
  const device = new Device();
  const [a, b] = await Promise.all([device.mount("a"), device.mount("b")]);
  const urls = await Promise.all([device.status(a), device.status(b)]);
  expect(new Set(urls.map(({ apiUrl }) => apiUrl)).size).toBe(1);
});

test("[CLI-18] a server that was killed is started again by the daemon, and nothing waits for ever", async () => {
  const device = new Device();
  const mount = await device.mount("notes");
  const { pid = 0 } = device.server() ?? {};
  process.kill(pid, "SIGKILL");
  writeFileSync(join(mount, "a.md"), "written while the server was dead\n");
  await expect
    .poll(() => device.smfs(["sync", mount]).then(({ code }) => code), { timeout: 60_000 })
    .toBe(0);
  expect(device.server()?.pid).not.toBe(pid);
});

test("[CLI-8] metrics are there for who owns the socket", async () => {
  const device = new Device();
  const mount = await device.mount("notes");
  writeFileSync(join(mount, "a.md"), "text\n");
  await device.ok(["sync", mount]);
  const record = JSON.parse(
    readFileSync(join(device.dir, "state/smfs/mounts", device.recordNames()[0] ?? ""), "utf8"),
  ) as { socket: string };
  const text = await new Promise<string>((resolve, reject) => {
    const asking = request({ socketPath: record.socket, path: "/metrics" }, (response) => {
      let body = "";
      response.setEncoding("utf8");
      response.on("data", (part: string) => {
        body += part;
      });
      response.on("end", () => resolve(body));
    });
    asking.on("error", reject);
    asking.end();
  });
  expect(text).toMatch(/^# HELP smfs_uptime_seconds /);
  expect(text).toContain('smfs_unsent_entries{container="notes"} 0\n');
  expect(text).toContain('smfs_online{container="notes"} 1\n');
});
