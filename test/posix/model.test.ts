import { mkdtempSync, rmSync } from "node:fs";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { DaemonMount } from "../mount/daemon-mount.ts";
import { MemoryMount } from "../mount/memory-mount.ts";
import { compare, type Step, steps } from "./model.ts";
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

/** Longer runs: `npx tsx --conditions=source test/posix/soak.ts --minutes=60`. */
const numRuns = 60;

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

test("[POSIX-3] a difference is told as a script", () => {
  const lying: Step = { run: ({ dir }) => dir, toString: () => "pwd" };
  const other = mkdtempSync("/dev/shm/smfs-model-");
  expect(() => compare([lying], oracle, other)).toThrow(/#!\/bin\/bash\npwd$/);
  rmSync(other, { recursive: true });
});
