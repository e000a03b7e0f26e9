// The same cases on tmpfs, which is the oracle, and on our mounts. What differs is listed, each with its reason.
import { spawnSync } from "node:child_process";
import { chmodSync, mkdtempSync, rmSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { DaemonMount } from "../mount/daemon-mount.ts";
import { MemoryMount } from "../mount/memory-mount.ts";
import { asOrdinaryUser, ordinaryUid } from "../mount/ordinary-user.ts";
import { root } from "../workspace-files.ts";
import { aclCases } from "./acl.ts";
import { differences } from "./differences.ts";
import { allowing, type Group, groups, observe } from "./groups.ts";
import { permissionCases } from "./permissions.ts";
import { handleCases } from "./processes.ts";
import { sys } from "./syscalls.ts";

const isRoot = process.geteuid?.() === 0;

/** Root alone can be somebody else. */
const allGroups: readonly Group[] = [
  ...groups,
  ...(isRoot
    ? [
        { name: "permissions", cases: permissionCases },
        { name: "handles", cases: handleCases },
      ]
    : []),
];

const aclGroup: readonly Group[] = isRoot ? [{ name: "access lists", cases: aclCases }] : [];

/** Cases change who they are: other users must be let in. */
const others: readonly string[] = isRoot ? ["--allow-other"] : [];

/** The file systems that must be like the oracle: each a mounted, empty directory. */
const subjects: readonly {
  readonly name: string;
  readonly start: () => Promise<{ readonly dir: string; stop(): Promise<unknown> }>;
  /** Whether it keeps access lists: the file system in memory does not. */
  readonly hasAcl?: boolean;
}[] = [
  { name: "memory", start: () => MemoryMount.start(others) },
  { name: "memory without caches", start: () => MemoryMount.start(["--cache=0", ...others]) },
  ...(isRoot
    ? [
        {
          name: "memory with passthrough",
          start: () => MemoryMount.start(["--passthrough", ...others]),
        },
      ]
    : []),
  { name: "the daemon", start: () => DaemonMount.start(others), hasAcl: true },
];

let oracle = "";

beforeAll(() => {
  // The cases set modes exactly.
  sys.umask(0);
  oracle = mkdtempSync("/dev/shm/smfs-posix-");
  chmodSync(oracle, 0o755);
});

afterAll(() => {
  rmSync(oracle, { recursive: true, force: true });
});

describe.each(subjects)("on $name", ({ start, hasAcl = false }) => {
  let mount: Awaited<ReturnType<typeof start>>;

  beforeAll(async () => {
    mount = await start();
  });

  afterAll(async () => {
    await mount.stop();
  });

  for (const { name, cases } of [...allGroups, ...(hasAcl ? aclGroup : [])]) {
    test.each(Object.entries(cases))(`[POSIX-1] ${name}: %s`, (title, run) => {
      const expected = allowing(title, observe(oracle, run));
      expect(observe(mount.dir, run)).toEqual(expected);
    });
  }
});

test.runIf(isRoot)("[POSIX-1] [MOUNT-4] an ordinary user's own mount: all cases", () => {
  const [file = "", ...before] = asOrdinaryUser;
  const script = join(root, "test/posix/as-user.ts");
  const node = [process.execPath, "--conditions=source", "--import", "tsx", script];
  const ran = spawnSync(file, [...before, ...node], { cwd: root, encoding: "utf8" });
  expect(ran.stderr).toBe("");
  const { uid, count, differing } = JSON.parse(ran.stdout) as Record<string, unknown>;
  expect({ uid, differing }).toEqual({ uid: ordinaryUid, differing: [] });
  expect(count).toBeGreaterThan(60);
});

test("[POSIX-2] every listed difference is one, and has its reason", () => {
  const titles = new Set([...allGroups, ...aclGroup].flatMap(({ cases }) => Object.keys(cases)));
  for (const [title, lines] of Object.entries(differences)) {
    expect(titles).toContain(title);
    for (const [line, { instead, because }] of Object.entries(lines)) {
      expect(instead).not.toBe(line);
      expect(because.length).toBeGreaterThan(20);
    }
  }
});
