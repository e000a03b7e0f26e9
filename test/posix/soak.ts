// The model test for as long as one likes:
//
//     npm run build && npx tsx --conditions=source test/posix/soak.ts [--minutes=10] [--seed=N] [--on=daemon|memory]
//
// Prints the seed it starts with. A failure is shrunk, and printed as a shell script.
import { mkdtempSync, rmSync } from "node:fs";
import fc from "fast-check";
import { DaemonMount } from "../mount/daemon-mount.ts";
import { MemoryMount } from "../mount/memory-mount.ts";
import { compare, steps } from "./model.ts";
import { sys } from "./syscalls.ts";

const option = (name: string, otherwise: string): string =>
  process.argv.find((arg) => arg.startsWith(`--${name}=`))?.slice(name.length + 3) ?? otherwise;

const minutes = Number(option("minutes", "10"));
const firstSeed = Number(option("seed", String(Date.now() % 1_000_000)));
const isRoot = process.geteuid?.() === 0;

sys.umask(0);
const oracle = mkdtempSync("/dev/shm/smfs-soak-");
const mount =
  option("on", "daemon") === "daemon"
    ? await DaemonMount.start()
    : await MemoryMount.start(isRoot ? ["--passthrough"] : []);
const until = Date.now() + minutes * 60_000;
try {
  console.log(`seed ${firstSeed}`);
  let count = 0;
  for (let seed = firstSeed; Date.now() < until; seed += 1) {
    fc.assert(
      fc.property(fc.array(steps, { minLength: 5, maxLength: 200, size: "max" }), (sequence) => {
        count += 1;
        compare(sequence, mount.dir, oracle);
      }),
      { numRuns: 100, seed },
    );
  }
  console.log(`${count} sequences, all the same`);
} finally {
  await mount.stop();
  rmSync(oracle, { recursive: true, force: true });
}
