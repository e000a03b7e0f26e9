// However a mount ends: by another tool, with files open, with its daemon killed, with its connection cut.
import { execFileSync } from "node:child_process";
import {
  closeSync,
  existsSync,
  fstatSync,
  openSync,
  readdirSync,
  readFileSync,
  readSync,
  renameSync,
  statfsSync,
  statSync,
  writeFileSync,
  writeSync,
} from "node:fs";
import { join } from "node:path";
import { listMounts } from "@smfs/fuse";
import { expect, onTestFinished, test } from "vitest";
import { Device, kill } from "./device.ts";
import { serverTree } from "./server-view.ts";

const soon = { timeout: 60_000, interval: 50 };

const hasEnded = (device: Device) => device.recordNames().length === 0;

test("[CLI-27] a mount that another tool unmounts sends what is left, and ends in peace", async () => {
  const device = new Device();
  const mount = await device.mount("notes");
  writeFileSync(join(mount, "a.md"), "written just before\n");
  execFileSync("fusermount3", ["-u", mount]);
  await expect.poll(() => hasEnded(device), soon).toBe(true);
  expect(readdirSync(mount)).toEqual([]);
  expect((await serverTree(device, "notes")).has("a.md")).toBe(true);
  expect(await device.ok(["list"])).toContain("nothing is mounted");
});

test("[CLI-27] taken out of the tree, a mount serves who has it open until they are done", async () => {
  const device = new Device();
  const mount = await device.mount("notes");
  const path = join(mount, "a.md");
  writeFileSync(path, "one\n");
  const fd = openSync(path, "r+");
  execFileSync("fusermount3", ["-u", "-z", mount]);
  expect(existsSync(path)).toBe(false);
  writeSync(fd, "two\n", 4);
  const into = Buffer.alloc(8);
  expect(readSync(fd, into, 0, 8, 0)).toBe(8);
  expect(into.toString()).toBe("one\ntwo\n");
  expect(hasEnded(device)).toBe(false);
  closeSync(fd);
  await expect.poll(() => hasEnded(device), soon).toBe(true);
  await device.mount("notes");
  expect(readFileSync(path, "utf8")).toBe("one\ntwo\n");
});

test("[CLI-27] a daemon that is killed leaves errors, no hanging programs, and everything acknowledged", async () => {
  const device = new Device();
  const mount = await device.mount("notes");
  const path = join(mount, "a.md");
  writeFileSync(path, "one\n");
  const fd = openSync(path, "r+");
  writeSync(fd, "two\n", 4);
  for (const pid of device.daemonPids()) kill(pid);
  await expect.poll(() => code(() => statfsSync(mount)), soon).toBe("ENOTCONN");
  expect(code(() => writeFileSync(join(mount, "b.md"), "x"))).toBe("ENOTCONN");
  // What was open before answers, too: with what the kernel has, or with an error.
  expect(["ENOTCONN", "EIO", "ECONNABORTED", undefined]).toContain(code(() => fstatSync(fd)));
  await device.ok(["mount", "notes", "--path", mount]);
  expect(readFileSync(path, "utf8")).toBe("one\ntwo\n");
  code(() => closeSync(fd));
  await device.ok(["sync", mount]);
  expect((await serverTree(device, "notes")).has("a.md")).toBe(true);
});

test("[CLI-27] a mount whose connection is cut is named, cleared by the next mount, and has lost nothing", async () => {
  const device = new Device();
  const mount = await device.mount("notes");
  writeFileSync(join(mount, "a.md"), "x\n");
  const control = "/sys/fs/fuse/connections";
  if (!existsSync(control) || readdirSync(control).length === 0) {
    execFileSync("mount", ["-t", "fusectl", "fusectl", control]);
    onTestFinished(() => {
      execFileSync("umount", ["-l", control]);
    });
  }
  writeFileSync(join(control, String(statSync(mount).dev & 0xff), "abort"), "1");
  await expect
    .poll(() => code(() => statfsSync(mount)), soon)
    .toMatch(/ENOTCONN|ECONNABORTED|ENOENT/);
  await expect
    .poll(() => device.daemonPids().every((pid) => !existsSync(`/proc/${pid}`)), soon)
    .toBe(true);
  await device.ok(["mount", "notes", "--path", mount]);
  expect(readFileSync(join(mount, "a.md"), "utf8")).toBe("x\n");
  expect(listMounts().filter(({ mountPoint }) => mountPoint === mount)).toHaveLength(1);
});

test("[CLI-27] a mount point that is moved with its directory can still be unmounted", async () => {
  const device = new Device();
  const mount = await device.mount("notes");
  writeFileSync(join(mount, "a.md"), "x\n");
  renameSync(join(device.dir, "mounts"), join(device.dir, "moved"));
  expect(readFileSync(join(device.dir, "moved/notes/a.md"), "utf8")).toBe("x\n");
  await device.ok(["unmount", "notes"]);
  await expect.poll(() => hasEnded(device), soon).toBe(true);
  expect(readdirSync(join(device.dir, "moved/notes"))).toEqual([]);
});

function code(action: () => unknown): string | undefined {
  try {
    action();
    return undefined;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code;
  }
}
