// Times as a mount shows them: what reading, writing and touching do to them.
import { execFileSync } from "node:child_process";
import { readdirSync, readFileSync, statSync, utimesSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { DaemonMount } from "./daemon-mount.ts";
import { isKernelSince } from "./kernel-version.ts";
import { shell } from "./memory-mount.ts";

/** Linux asks a FUSE file system for birth times from 6.6 on. */
const hasBirthTimes = isKernelSince(6, 6);

let mount: DaemonMount;

beforeAll(async () => {
  mount = await DaemonMount.start();
});

afterAll(async () => {
  await mount.stop();
});

test("[FUSE-25] reading changes no time: not of a file, not of a directory, not of a link", async () => {
  const path = join(mount.dir, "a");
  writeFileSync(path, "content");
  await shell(mount.dir, "mkdir d && touch d/x && ln -s a link");
  const times = () =>
    ["a", "d", "link"].map((name) =>
      execFileSync("stat", ["-c", "%X %Y %Z", join(mount.dir, name)], { encoding: "utf8" }),
    );
  await shell(mount.dir, "touch -d @1000000000.5 a d && touch -hd @1000000000.5 link");
  const before = times();
  readFileSync(path);
  readdirSync(join(mount.dir, "d"));
  await shell(mount.dir, "cat a > /dev/null && readlink link && ls -l d && cp a /dev/null");
  expect(times()).toEqual(before);
});

test("[FUSE-25] access times are kept as they are set, to the nanosecond, apart from the others", async () => {
  const path = join(mount.dir, "b");
  writeFileSync(path, "x");
  await shell(
    mount.dir,
    "touch -a -d @1234567890.123456789 b && touch -m -d @1000000000.987654321 b",
  );
  const { atimeNs, mtimeNs } = statSync(path, { bigint: true });
  expect(atimeNs).toBe(1_234_567_890_123_456_789n);
  expect(mtimeNs).toBe(1_000_000_000_987_654_321n);
  utimesSync(path, 5, 6);
  expect(statSync(path)).toMatchObject({ atimeMs: 5000, mtimeMs: 6000 });
});

/** As statx(2) has them, whichever way they came: in the kernel's cache or asked for. */
const birthsOf = (...names: readonly string[]) =>
  names.map((name) => statSync(join(mount.dir, name), { bigint: true }).birthtimeNs);

test.runIf(hasBirthTimes)(
  "[FUSE-25] a birth time is when the file was made, whatever is done to it later",
  async () => {
    const from = BigInt(Date.now() - 5) * 1_000_000n;
    await shell(mount.dir, "echo x > c; mkdir e; ln -s c s");
    const made = birthsOf("c", "e");
    for (const birth of made) {
      expect(birth >= from && birth <= BigInt(Date.now() + 5) * 1_000_000n).toBe(true);
    }
    await shell(
      mount.dir,
      "sleep 0.02; echo y >> c; touch -d @5 c e; chmod 600 c; mv c moved; ln moved linked; touch e/x",
    );
    expect(birthsOf("moved", "e")).toEqual(made);
    expect(birthsOf("linked")).toEqual(made.slice(0, 1));
    await shell(mount.dir, "sleep 0.02; cp moved new && mv new moved");
    expect((birthsOf("moved")[0] ?? 0n) > (made[0] ?? 0n)).toBe(true);
    const told = execFileSync("stat", ["-c", "%W", join(mount.dir, "s")], { encoding: "utf8" });
    expect(Number(told)).toBeGreaterThan(0);
  },
);

test.runIf(hasBirthTimes)("[FUSE-25] a birth time is there again after a new mount", async () => {
  await shell(mount.dir, "touch kept");
  const [before] = birthsOf("kept");
  await mount.remount();
  expect(birthsOf("kept")).toEqual([before]);
});
