// The same cases on tmpfs, which is the oracle, and on our mounts. What differs is listed, each with its reason.
import { chmodSync, mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { DaemonMount } from "../mount/daemon-mount.ts";
import { MemoryMount } from "../mount/memory-mount.ts";
import { aclCases } from "./acl.ts";
import { attributeCases } from "./attributes.ts";
import { dataCases } from "./data.ts";
import { differences } from "./differences.ts";
import { errorCases } from "./errors.ts";
import { nameCases } from "./names.ts";
import { permissionCases } from "./permissions.ts";
import { sys } from "./syscalls.ts";
import { type Case, World } from "./world.ts";

const isRoot = process.geteuid?.() === 0;

/** What each group is, and whether it needs root. */
const groups: readonly { name: string; cases: Readonly<Record<string, Case>> }[] = [
  { name: "errors", cases: errorCases },
  { name: "names", cases: nameCases },
  { name: "data", cases: dataCases },
  { name: "attributes", cases: attributeCases },
  ...(isRoot ? [{ name: "permissions", cases: permissionCases }] : []),
];

const aclGroup = isRoot ? [{ name: "access lists", cases: aclCases }] : [];

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
let next = 0;

beforeAll(() => {
  // The cases set modes exactly.
  sys.umask(0);
  oracle = mkdtempSync("/dev/shm/smfs-posix-");
  chmodSync(oracle, 0o755);
});

afterAll(() => {
  rmSync(oracle, { recursive: true, force: true });
});

/** What a case sees in a fresh directory below. */
function observe(below: string, run: Case): readonly string[] {
  next += 1;
  const dir = join(below, `case${next}`);
  mkdirSync(dir);
  const world = new World(dir);
  try {
    run(world);
  } finally {
    world.end();
  }
  return world.seen;
}

describe.each(subjects)("on $name", ({ start, hasAcl = false }) => {
  let mount: Awaited<ReturnType<typeof start>>;

  beforeAll(async () => {
    mount = await start();
  });

  afterAll(async () => {
    await mount.stop();
  });

  for (const { name, cases } of [...groups, ...(hasAcl ? aclGroup : [])]) {
    test.each(Object.entries(cases))(`[POSIX-1] ${name}: %s`, (title, run) => {
      const expected = observe(oracle, run);
      const seen = observe(mount.dir, run);
      const allowed = differences[title] ?? {};
      expect(seen).toEqual(expected.map((line) => allowed[line]?.instead ?? line));
    });
  }
});

test("[POSIX-2] every listed difference is one, and has its reason", () => {
  const titles = new Set([...groups, ...aclGroup].flatMap(({ cases }) => Object.keys(cases)));
  for (const [title, lines] of Object.entries(differences)) {
    expect(titles).toContain(title);
    for (const [line, { instead, because }] of Object.entries(lines)) {
      expect(instead).not.toBe(line);
      expect(because.length).toBeGreaterThan(20);
    }
  }
});
