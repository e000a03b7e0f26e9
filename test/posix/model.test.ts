import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { join } from "node:path";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { DaemonMount } from "../mount/daemon-mount.ts";
import { MemoryMount } from "../mount/memory-mount.ts";
import { compare, type Step, script, steps, tree } from "./model.ts";
import { sys } from "./syscalls.ts";

const isRoot = process.geteuid?.() === 0;

const subjects: readonly {
  readonly name: string;
  readonly start: () => Promise<{ readonly dir: string; stop(): Promise<unknown> }>;
}[] = [
  { name: "memory", start: () => MemoryMount.start() },
  ...(isRoot
    ? [{ name: "memory with passthrough", start: () => MemoryMount.start(["--passthrough"]) }]
    : []),
  { name: "the daemon", start: () => DaemonMount.start() },
];

let oracle = "";

beforeAll(() => {
  sys.umask(0);
  oracle = mkdtempSync("/dev/shm/smfs-model-");
});

afterAll(() => {
  rmSync(oracle, { recursive: true, force: true });
});

/** Longer runs: `npm run soak -- model --seconds=3600`. */
const numRuns = 150;

describe.each(subjects)("on $name", ({ start }) => {
  let mount: Awaited<ReturnType<typeof start>>;

  beforeAll(async () => {
    mount = await start();
  });

  afterAll(async () => {
    await mount.stop();
  });

  test("[POSIX-3] random calls have the same answers and leave the same tree as on tmpfs", () => {
    fc.assert(
      fc.property(fc.array(steps, { minLength: 5, maxLength: 60, size: "max" }), (sequence) => {
        compare(sequence, mount.dir, oracle);
      }),
      { numRuns },
    );
  });
});

/** How a call ended: its errno, or well. */
function outcome(answer: unknown): string {
  const isErrno = typeof answer === "string" && /^E[A-Z0-9]+$/.test(answer);
  return isErrno ? answer : answer === "closed" ? "closed" : "ok";
}

test("[POSIX-3] a difference is told as a script that makes the same calls", () => {
  // The commonest calls fail when nothing is there yet: some things are, as in most sequences.
  const begin = fc.sample(fc.array(steps, { minLength: 60, maxLength: 60, size: "max" }), {
    seed: 4,
    numRuns: 6,
  });
  for (const sequence of begin) {
    const below = mkdtempSync("/dev/shm/smfs-model-");
    const side = { dir: join(below, "here"), fds: [undefined, undefined, undefined, undefined] };
    mkdirSync(side.dir);
    mkdirSync(join(below, "there"));
    const answers = sequence.map((step) => step.run(side));
    for (const fd of side.fds) if (fd !== undefined) sys.close(fd);
    const told = script(sequence.map(String));
    const ran = spawnSync("bash", ["-c", told], { cwd: join(below, "there"), encoding: "utf8" });
    expect(ran.stderr).toBe("");
    const lines = ran.stdout.split("\n").slice(0, sequence.length);
    expect(lines.map((line) => line.split(" ")[1])).toEqual(answers.map(outcome));
    expect(tree(join(below, "there"))).toEqual(tree(side.dir));
    rmSync(below, { recursive: true });
  }
});

test("[POSIX-3] a difference is seen, with the calls that led to it", () => {
  const lying: Step = { run: ({ dir }) => dir, toString: () => "os.getcwd()" };
  const other = mkdtempSync("/dev/shm/smfs-model-");
  expect(() => compare([lying], oracle, other)).toThrow(
    /#!\/bin\/bash[\s\S]*call\(lambda: os.getcwd/,
  );
  rmSync(other, { recursive: true });
});
