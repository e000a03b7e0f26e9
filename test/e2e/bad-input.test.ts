import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { type AddressInfo, createServer } from "node:net";
import { join } from "node:path";
import { listMounts } from "@smfs/fuse";
import { expect, onTestFinished, test } from "vitest";
import { Device, kill, scratch } from "./device.ts";

const soon = { timeout: 10_000, interval: 20 };

/** What every failure has in common: a sentence, no stack trace, nothing mounted. */
function expectSentence(
  ran: { err: string; code: number | null },
  code: number,
  sentence: RegExp,
): void {
  expect(ran.err).toMatch(sentence);
  expect(ran.err).not.toMatch(/\n\s+at |node:internal|Error:/);
  expect(ran.code).toBe(code);
}

test("[CLI-6] a mount point that is a file, full, or in use is refused by name", async () => {
  const device = new Device();
  writeFileSync(join(device.dir, "file"), "text");
  mkdirSync(join(device.dir, "full"));
  writeFileSync(join(device.dir, "full/kept"), "text");
  expectSentence(
    await device.smfs(["mount", "a", "--path", "file"]),
    1,
    /file: it is not a directory/,
  );
  expectSentence(await device.smfs(["mount", "a", "--path", "full"]), 1, /full is not empty/);
  expect(readFileSync(join(device.dir, "full/kept"), "utf8")).toBe("text");

  const mount = await device.mount("first");
  expectSentence(
    await device.smfs(["mount", "b", "--path", mount]),
    1,
    /in use: another smfs mount/,
  );
  expectSentence(
    await device.smfs(["mount", "b", "--path", join(mount, "in")]),
    1,
    /inside another smfs mount/,
  );
  expectSentence(await device.smfs(["mount", "first", "--path", "other"]), 1, /already mounted at/);
});

test("[FUSE-26] a capability to leave unused that is none is refused by name, and nothing is started", async () => {
  const device = new Device();
  const env = { SMFS_FUSE_WITHOUT: "passthrough, splice" };
  const ran = await device.smfs(["mount", "a"], { env });
  expectSentence(ran, 2, /SMFS_FUSE_WITHOUT: "splice" is not the name of a capability/);
  expect(ran.err).toMatch(/these are: .*passthrough, .*readdirplus/);
  expect([device.server(), device.recordNames(), existsSync(join(device.dir, "a"))]).toEqual([
    undefined,
    [],
    false,
  ]);
});

test("[CLI-12] a wrong key and a server that is away have their own sentence and exit code", async () => {
  const device = new Device();
  await device.mount("notes");
  const url = device.server()?.apiUrl ?? "";
  const other = new Device();
  writeFileSync(join(other.dir, "key"), "sm_wrong_key_0123456789\n", { mode: 0o600 });
  const flags = ["--api-url", url, "--key-file", "key"];
  expectSentence(await other.smfs(["mount", "notes", ...flags]), 6, /does not accept the key/);
  const free = await freePort();
  const away = ["--api-url", `http://127.0.0.1:${free}`, "--key-file", "key"];
  expectSentence(await other.smfs(["mount", "notes", ...away]), 7, /nothing listens there/);
  expectSentence(await other.smfs(["mount", "notes", "--api-url", url]), 6, /there is no key for/);
  expect(listMounts().filter(({ mountPoint }) => mountPoint.startsWith(other.dir))).toEqual([]);
});

test("[CLI-18] a port that is taken is no obstacle to the first mount", async () => {
  const busy = createServer();
  await new Promise<void>((resolve, reject) => {
    busy.once("error", reject);
    busy.listen(0, "127.0.0.1", resolve);
  });
  onTestFinished(() => {
    busy.close();
  });
  const { port } = busy.address() as AddressInfo;
  const device = new Device();
  // The server of last time had this port; meanwhile it is another program's.
  const dir = join(device.dir, "data/smfs/server");
  mkdirSync(dir, { recursive: true, mode: 0o700 });
  const record = { pid: 1, started: "", apiUrl: `http://127.0.0.1:${port}`, port };
  writeFileSync(join(dir, "server.json"), JSON.stringify(record), { mode: 0o600 });
  await device.mount("notes");
  expect(device.server()?.apiUrl).toMatch(/^http:\/\/127\.0\.0\.1:\d+$/);
  expect(device.server()?.apiUrl).not.toBe(record.apiUrl);
  expect((await device.fetch("/")).ok).toBe(true);
});

test("[E2E-5] a stale mount of a killed daemon is said, cleared, and nothing of it is lost", async () => {
  const device = new Device();
  const mount = await device.mount("notes");
  writeFileSync(join(mount, "a.md"), "written just before\n");
  for (const pid of device.daemonPids()) kill(pid);
  await expect
    .poll(() => device.smfs(["list", "--json"]).then(({ out }) => out), soon)
    .toContain('"dead"');
  expectSentence(await device.smfs(["status", mount]), 1, /the daemon of notes at .* is gone/);
  const again = await device.ok(["mount", "notes", "--path", mount]);
  expect(again).toContain("is mounted at");
  expect(readFileSync(join(mount, "a.md"), "utf8")).toBe("written just before\n");
  await device.ok(["sync", mount]);

  for (const pid of device.daemonPids()) kill(pid);
  await expect
    .poll(() => device.smfs(["list", "--json"]).then(({ out }) => out), soon)
    .toContain('"dead"');
  expect(await device.ok(["unmount", mount])).toContain("its daemon had ended before");
  expect(await device.ok(["list"])).toContain("nothing is mounted");
  expect(listMounts().filter(({ mountPoint }) => mountPoint === mount)).toEqual([]);
});

test("[E2E-6] a full disk is ENOSPC at the write, a sentence at the command, and costs nothing acknowledged", async () => {
  const dir = scratch();
  const disk = join(dir, "device");
  mkdirSync(disk);
  execFileSync("mount", ["-t", "tmpfs", "-o", "size=24m,mode=700", "tmpfs", disk]);
  onTestFinished(() => {
    execFileSync("umount", ["-l", disk]);
  });
  const device = new Device(disk);
  const outside = join(dir, "mnt");
  await device.ok(["mount", "notes", "--path", outside]);
  onTestFinished(() => device.killAll());
  writeFileSync(join(outside, "kept.md"), "kept\n");
  const block = Buffer.alloc(1 << 20, 1);
  const fill = () => {
    for (let i = 0; i < 40; i += 1) writeFileSync(join(outside, `fill-${i}`), block);
  };
  expect(fill).toThrow(/ENOSPC/);
  expect(readFileSync(join(outside, "kept.md"), "utf8")).toBe("kept\n");

  const mountAgain = await device.smfs(["mount", "other", "--path", join(dir, "mnt2")]);
  expectSentence(mountAgain, 1, /disk is full|database or disk is full/);
  for (let i = 0; i < 40; i += 1) execFileSync("rm", ["-f", join(outside, `fill-${i}`)]);
  writeFileSync(join(outside, "after.md"), "after\n");
  expect(readFileSync(join(outside, "after.md"), "utf8")).toBe("after\n");
});

test("[CLI-17] a mount that is in use stays, and says who uses it; --force takes it away", async () => {
  const device = new Device();
  const mount = await device.mount("notes");
  mkdirSync(join(mount, "d"));
  const { spawn } = await import("node:child_process");
  const shell = spawn("sleep", ["600"], { cwd: join(mount, "d") });
  onTestFinished(() => {
    shell.kill("SIGKILL");
  });
  await new Promise((resolve) => shell.once("spawn", resolve));
  const refused = await device.smfs(["unmount", mount]);
  expect(refused.code).toBe(1);
  expect(refused.out).toContain(`sleep (pid ${shell.pid})`);
  expect(await device.ok(["list"])).toContain("running");
  expect(await device.ok(["unmount", mount, "--force"])).toContain("unmounted");
});

/** A port on which nothing listens. */
async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as { port: number };
  await new Promise((resolve) => server.close(resolve));
  return port;
}
