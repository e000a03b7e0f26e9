// Random tests for as long as one likes.
//
//     npm run soak -- model [--seconds=600] [--seed=N] [--on=daemon|memory]
//     npm run soak -- wire  [--seconds=600] [--seed=N]
//
// `model`: random calls on a mount and on tmpfs side by side (docs/spec/fuse.md, POSIX-3). `wire`: requests as no honest
// kernel sends them, to the file system in memory and to the store (FUSE-2). Both print the seed they are at; what fails is
// shrunk, and of `model` printed as a shell script. A seed that found something goes into test/wire/seeds.json.
import { mkdtempSync, rmSync } from "node:fs";
import fc from "fast-check";
import { DaemonMount } from "../test/mount/daemon-mount.ts";
import { MemoryMount } from "../test/mount/memory-mount.ts";
import { compare, steps } from "../test/posix/model.ts";
import { sys } from "../test/posix/syscalls.ts";
import { fuzz, subjects } from "../test/wire/fuzz.ts";

const option = (name: string, otherwise: string): string =>
  process.argv.find((arg) => arg.startsWith(`--${name}=`))?.slice(name.length + 3) ?? otherwise;

const seconds = Number(option("seconds", "600"));
const firstSeed = Number(option("seed", String(Date.now() % 1_000_000)));
const until = Date.now() + seconds * 1000;

/** Runs seed after seed until the time is over. */
function eachSeed(run: (seed: number) => void): void {
  let count = 0;
  for (let seed = firstSeed; Date.now() < until; seed += 1) {
    process.stdout.write(`seed ${seed}\n`);
    run(seed);
    count += 1;
  }
  console.log(`${count} seeds from ${firstSeed} on, nothing found`);
}

async function soakModel(): Promise<void> {
  sys.umask(0);
  const oracle = mkdtempSync("/dev/shm/smfs-soak-");
  const isRoot = process.geteuid?.() === 0;
  const mount =
    option("on", "daemon") === "daemon"
      ? await DaemonMount.start()
      : await MemoryMount.start(isRoot ? ["--passthrough"] : []);
  try {
    eachSeed((seed) => {
      fc.assert(
        fc.property(fc.array(steps, { minLength: 5, maxLength: 200, size: "max" }), (sequence) => {
          compare(sequence, mount.dir, oracle);
        }),
        { numRuns: 100, seed },
      );
    });
  } finally {
    await mount.stop();
    rmSync(oracle, { recursive: true, force: true });
  }
}

function soakWire(): void {
  eachSeed((seed) => {
    for (const start of Object.values(subjects)) fuzz(start, seed, 200);
  });
}

const [what] = process.argv.slice(2);
if (what === "model") await soakModel();
else if (what === "wire") soakWire();
else {
  console.error("npm run soak -- model|wire [--seconds=N] [--seed=N] [--on=daemon|memory]");
  process.exitCode = 2;
}
