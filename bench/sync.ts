/**
 * Sync between two devices and the embedded server on this machine: push of small files, pull into an empty mount,
 * time until a change is seen on the other mount, and what an idle minute costs. Beside each the figure of a client
 * that polls every 30 seconds.
 *
 *   npm run bench -- sync [files]
 */
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { BenchDevice } from "./device.ts";
import { median, printTable, quantile } from "./table.ts";

const rounds = 40;
const idleS = 20;

/** Measured for the public Rust implementation on a machine like this: files pushed a second, seconds until seen. */
const reference = { pushPerS: 15.8, seenS: "10–60" };

function writeFiles(root: string, count: number): void {
  for (let index = 0; index < count; index += 1) {
    const dir = join(root, `d${Math.floor(index / 100)}`);
    if (index % 100 === 0) mkdirSync(dir, { recursive: true });
    writeFileSync(
      join(dir, `note-${index}.md`),
      `# Note ${index}\n\n${`Line of note ${index}. `.repeat(20)}\n`,
    );
  }
}

function countFiles(root: string): number {
  return existsSync(root)
    ? readdirSync(root, { recursive: true }).filter((name) => String(name).endsWith(".md")).length
    : 0;
}

async function until(isTrue: () => boolean, stepMs: number): Promise<void> {
  const end = performance.now() + 300_000;
  while (!isTrue()) {
    if (performance.now() > end) throw new Error("not within five minutes");
    await sleep(stepMs);
  }
}

/** Processor seconds a process has used (Linux). */
function cpuS(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, "utf8").split(") ")[1]?.split(" ") ?? [];
  return (Number(fields[11]) + Number(fields[12])) / 100;
}

async function seenAfter(a: string, b: string): Promise<number[]> {
  const times: number[] = [];
  writeFileSync(join(a, "seen.md"), "0\n");
  await until(() => existsSync(join(b, "seen.md")), 5);
  for (let round = 1; round <= rounds; round += 1) {
    const text = `${round}\n`;
    const start = performance.now();
    writeFileSync(join(a, "seen.md"), text);
    await until(() => readFileSync(join(b, "seen.md"), "utf8") === text, 1);
    times.push(performance.now() - start);
    await sleep(50);
  }
  return times;
}

export async function benchSync(args: readonly string[]): Promise<void> {
  const count = Number(args[0] ?? 2000);
  using first = new BenchDevice();
  using second = new BenchDevice();
  const a = first.mount();

  const started = performance.now();
  writeFiles(a, count);
  const writtenMs = performance.now() - started;
  first.smfs("sync", a);
  const pushedMs = performance.now() - started;

  const mounting = performance.now();
  const b = second.mount(...first.serverFlags());
  const mountedMs = performance.now() - mounting;
  await until(() => countFiles(b) >= count, 20);
  const pulledMs = performance.now() - mounting;

  const seen = await seenAfter(a, b);
  const pids = [first.pids(), second.pids()];
  const all = pids.flatMap(({ daemon, server }) =>
    server === undefined ? [daemon] : [daemon, server],
  );
  const before = all.map(cpuS);
  await sleep(idleS * 1000);
  const used = all.reduce((sum, pid, index) => sum + cpuS(pid) - (before[index] ?? 0), 0);

  const perS = (ms: number) => `${Math.round((count / ms) * 1000)}/s`;
  printTable(
    ["sync with the embedded server", "ours", "poll every 30 s"],
    [
      [`write ${count} small files (acknowledged)`, perS(writtenMs), ""],
      [`push them until all are on the server`, perS(pushedMs), `${reference.pushPerS}/s`],
      [`mount an empty second device`, `${mountedMs.toFixed(0)} ms`, ""],
      [`pull them until all names are there`, perS(pulledMs), ""],
      ["a change is seen on the other mount, median", `${median(seen).toFixed(0)} ms`, "15,000 ms"],
      [
        "the same, 90th percentile",
        `${quantile(seen, 0.9).toFixed(0)} ms`,
        `${reference.seenS} s measured`,
      ],
      [
        "processor while idle (two daemons, one server)",
        `${((used / idleS) * 100).toFixed(2)} %`,
        "",
      ],
    ],
  );
}
