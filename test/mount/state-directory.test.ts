// Where the daemon keeps its state must not matter: the cases of test/posix with it on tmpfs and on overlayfs, where
// working files lie on a file system without fallocate's zeroes, or stacked one layer deeper.
import { execFileSync } from "node:child_process";
import { randomBytes } from "node:crypto";
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { differences } from "../posix/differences.ts";
import { type Group, groups, observe } from "../posix/groups.ts";
import { permissionCases } from "../posix/permissions.ts";
import { handleCases } from "../posix/processes.ts";
import { sys } from "../posix/syscalls.ts";
import { DaemonMount } from "./daemon-mount.ts";
import { shell } from "./memory-mount.ts";

const isRoot = process.geteuid?.() === 0;

/** Root alone can be somebody else, whom the mount must let in. */
const allGroups: readonly Group[] = [
  ...groups,
  ...(isRoot
    ? [
        { name: "permissions", cases: permissionCases },
        { name: "handles", cases: handleCases },
      ]
    : []),
];
const others: readonly string[] = isRoot ? ["--allow-other"] : [];

interface Place {
  readonly dir: string;
  remove(): void;
}

function onTmpfs(): Place {
  const dir = mkdtempSync("/dev/shm/smfs-state-");
  return { dir, remove: () => rmSync(dir, { recursive: true, force: true }) };
}

/** An overlay over a tmpfs of its own: whatever the machine's own disk is, it can be one. */
function onOverlay(): Place {
  const base = mkdtempSync(join(tmpdir(), "smfs-overlay-"));
  execFileSync("mount", ["-t", "tmpfs", "-o", "mode=755", "tmpfs", base]);
  const part = (name: string) => {
    mkdirSync(join(base, name));
    return join(base, name);
  };
  const dir = part("merged");
  const options = `lowerdir=${part("lower")},upperdir=${part("upper")},workdir=${part("work")}`;
  const remove = () => {
    for (const path of [dir, base]) execFileSync("umount", ["-l", path]);
    rmSync(base, { recursive: true, force: true });
  };
  try {
    execFileSync("mount", ["-t", "overlay", "-o", options, "overlay", dir]);
  } catch (error) {
    execFileSync("umount", ["-l", base]);
    throw error;
  }
  return { dir, remove };
}

const places = [
  { name: "tmpfs", make: onTmpfs },
  ...(isRoot ? [{ name: "overlayfs", make: onOverlay }] : []),
];

let oracle: Place;

beforeAll(() => {
  sys.umask(0);
  oracle = onTmpfs();
  chmodSync(oracle.dir, 0o755);
});

afterAll(() => {
  oracle.remove();
});

/** Equal to the oracle, or what a disk may answer instead. */
function unlike(title: string, seen: readonly string[], expected: readonly string[]): string[] {
  const instead = differences[title] ?? {};
  return seen.filter((line, at) => {
    const told = expected[at] ?? "nothing";
    return line !== told && line !== instead[told]?.instead;
  });
}

describe.each(places)("with its state on $name", ({ make }) => {
  let place: Place;
  let mount: DaemonMount;

  beforeAll(async () => {
    place = make();
    chmodSync(place.dir, 0o755);
    mount = await DaemonMount.start(others, { below: place.dir });
  });

  afterAll(async () => {
    await mount.stop();
    place.remove();
  });

  for (const { name, cases } of allGroups) {
    test.each(Object.entries(cases))(`[POSIX-4] ${name}: %s`, (title, run) => {
      const expected = observe(oracle.dir, run);
      const seen = observe(mount.dir, run);
      expect(unlike(title, seen, expected)).toEqual([]);
      expect(seen).toHaveLength(expected.length);
    });
  }

  test("[POSIX-4] large files are whole through every way to read and write them", async () => {
    const bytes = randomBytes(3 << 20);
    const path = join(mount.dir, "large");
    writeFileSync(path, bytes);
    expect(readFileSync(path).equals(bytes)).toBe(true);
    await shell(
      mount.dir,
      "cp large copy && cmp large copy && truncate -s 1M copy && cmp -n 1048576 large copy",
    );
    await shell(
      mount.dir,
      "dd if=large of=copy bs=64k seek=3 conv=notrunc status=none && mv copy large",
    );
    expect(readFileSync(path).subarray(196_608).equals(bytes)).toBe(true);
  });
});
