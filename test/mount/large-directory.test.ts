// 100,000 names in one directory of the daemon's mount: every one is there, once, and goes; what the daemon takes for it is
// bounded.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { DaemonMount } from "./daemon-mount.ts";
import { shell } from "./memory-mount.ts";

const count = 100_000;
/** A minute on a quiet machine. */
const timeoutMs = 1_200_000;
/** MiB that the daemon may take at any moment: the kernel is told of all these names, and of each a number is held. */
const memoryMiBMax = 400;

let mount: DaemonMount;

beforeAll(async () => {
  mount = await DaemonMount.start();
});

afterAll(async () => {
  await mount.stop();
});

/** MiB of memory that the daemon has taken at most. */
function peakMiB(): number {
  const status = readFileSync(`/proc/${mount.pid}/status`, "utf8");
  return Number(/^VmHWM:\s+(\d+)/m.exec(status)?.[1] ?? Number.NaN) / 1024;
}

const inside = (script: string) => shell(join(mount.dir, "large"), script, timeoutMs);

const make = `
import os
for n in range(${count}):
    os.close(os.open("a file of a large directory %06d" % n, os.O_CREAT | os.O_WRONLY | os.O_EXCL, 0o644))`;

test("[POSIX-5] 100,000 names are made, listed once each, and removed, within bounded memory", {
  timeout: timeoutMs,
}, async () => {
  await shell(mount.dir, "mkdir large");
  await inside(`python3 -c '${make}'`);
  expect(Number(await inside("ls -f | wc -l"))).toBe(count + 2);
  expect(Number(await inside("ls -f | sort -u | wc -l"))).toBe(count + 2);
  // With the attributes of each, which the kernel is told.
  const found = "find . -type f -size 0 -name '*[0-9]' | sort -u | wc -l";
  expect(Number(await inside(found))).toBe(count);
  expect((await inside("ls -f | sort | sed -n '3p;$p'")).trim().split("\n")).toEqual([
    "a file of a large directory 000000",
    "a file of a large directory 099999",
  ]);
  await inside("cd .. && rm -rf large && test ! -e large && mkdir large");
  expect(await inside("ls -A")).toBe("");
  expect(peakMiB()).toBeLessThan(memoryMiBMax);
});
