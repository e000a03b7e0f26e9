// Times as a mount shows them: what reading, writing and touching do to them.
import { execFileSync } from "node:child_process";
import { readdirSync, readFileSync, statSync, utimesSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { DaemonMount } from "./daemon-mount.ts";
import { shell } from "./memory-mount.ts";

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

test("[FUSE-25] a birth time is not kept, and statx says so", async () => {
  writeFileSync(join(mount.dir, "c"), "x");
  const shown = execFileSync("stat", ["-c", "%W %w", join(mount.dir, "c")], { encoding: "utf8" });
  expect(shown.trim()).toBe("0 -");
});
