/**
 * Sync between two devices and the embedded server on this machine: push of small files, pull into an empty mount,
 * time until a change is seen on the other mount, and what an idle hour costs. Beside each the figure of a client
 * that polls every 30 seconds.
 *
 *   npm run bench sync -- [--push=5000] [--pull=20000] [--idle=60]
 */
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { BenchDevice } from "./device.ts";
import { median, printTable, quantile } from "./table.ts";

const rounds = 40;

/** Measured for the public Rust implementation on a machine like this: files pushed a second, seconds until seen. */
const reference = { pushPerS: 15.8, seenS: "10–60" };
/** What it does by its settings: seconds between two polls and between two scans for deletions, documents a page. */
const poll = { everyS: 30, scanEveryS: 300, pageDocuments: 100 };

/** Requests of one such client in an hour in which nothing happens, with so many documents. */
function pollsInAnHour(documents: number): number {
  const pages = Math.max(1, Math.ceil(documents / poll.pageDocuments));
  return 3600 / poll.everyS + (3600 / poll.scanEveryS) * pages;
}

function writeFiles(root: string, from: number, to: number): void {
  for (let index = from; index < to; index += 1) {
    const dir = join(root, `d${Math.floor(index / 100)}`);
    mkdirSync(dir, { recursive: true });
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

/** The processes of a side by their number, and how to ask its server how many requests it has answered. */
interface Idle {
  readonly pids: readonly number[];
  readonly requests: () => Promise<number>;
}

/** Waits until what the work before left behind is done: no processor used for some seconds, a minute at most. */
async function untilQuiet(pids: readonly number[]): Promise<void> {
  const total = (): number => pids.reduce((sum, pid) => sum + cpuS(pid), 0);
  for (let waited = 0, last = total(); waited < 60; waited += 5) {
    await sleep(5000);
    const now = total();
    if (now - last <= 0.05) return;
    last = now;
  }
}

/** Processor share and requests of so many seconds in which nothing happens. */
async function idle(
  { pids, requests }: Idle,
  seconds: number,
): Promise<{ share: number; requestsPerHour: number }> {
  await untilQuiet(pids);
  const [cpu, asked] = [pids.map(cpuS), await requests()];
  await sleep(seconds * 1000);
  const used = pids.reduce((sum, pid, index) => sum + cpuS(pid) - (cpu[index] ?? 0), 0);
  // The question itself is one of them.
  const answered = (await requests()) - asked - 1;
  return { share: used / seconds, requestsPerHour: (answered * 3600) / seconds };
}

interface Times {
  readonly writtenMs: number;
  readonly pushedMs: number;
  readonly mountedMs: number;
  readonly pulledMs: number;
  readonly readMs: number;
  readonly seen: readonly number[];
  readonly idle: { readonly share: number; readonly requestsPerHour: number };
}

async function measure(push: number, pull: number, idleS: number): Promise<Times> {
  using first = new BenchDevice();
  using second = new BenchDevice();
  const a = first.mount();
  const started = performance.now();
  writeFiles(a, 0, push);
  const writtenMs = performance.now() - started;
  first.smfs("sync", a);
  const pushedMs = performance.now() - started;
  writeFiles(a, push, pull);
  first.smfs("sync", a);

  const mounting = performance.now();
  const b = second.mount(...first.serverFlags());
  const mountedMs = performance.now() - mounting;
  await until(() => countFiles(b) >= pull, 20);
  const pulledMs = performance.now() - mounting;
  for (const name of readdirSync(b, { recursive: true })) {
    if (String(name).endsWith(".md")) readFileSync(join(b, String(name)));
  }
  const readMs = performance.now() - mounting;

  const seen = await seenAfter(a, b);
  const pids = [first.pids(), second.pids()].flatMap(({ daemon, server }) =>
    server === undefined ? [daemon] : [daemon, server],
  );
  const requests = (): Promise<number> => first.requestsAnswered();
  return {
    writtenMs,
    pushedMs,
    mountedMs,
    pulledMs,
    readMs,
    seen,
    idle: await idle({ pids, requests }, idleS),
  };
}

export async function benchSync(args: readonly string[]): Promise<void> {
  const option = (name: string, otherwise: number): number =>
    Number(args.find((arg) => arg.startsWith(`--${name}=`))?.slice(name.length + 3) ?? otherwise);
  const push = option("push", 5000);
  const pull = Math.max(push, option("pull", 20_000));
  const idleS = option("idle", 60);
  const times = await measure(push, pull, idleS);
  const perS = (count: number, ms: number) => `${Math.round((count / ms) * 1000)}/s`;
  printTable(
    ["sync with the embedded server", "ours", "poll every 30 s"],
    [
      [`write ${push} small files (acknowledged)`, perS(push, times.writtenMs), ""],
      [
        "push them until all are on the server, writing included",
        perS(push, times.pushedMs),
        `${reference.pushPerS}/s measured`,
      ],
      ["mount an empty second device", `${times.mountedMs.toFixed(0)} ms`, ""],
      [`pull ${pull} until all names are there`, perS(pull, times.pulledMs), ""],
      ["the same until all bytes have been read", perS(pull, times.readMs), ""],
      [
        "a change is seen on the other mount, median",
        `${median(times.seen).toFixed(0)} ms`,
        "15,000 ms",
      ],
      [
        "the same, 90th percentile",
        `${quantile(times.seen, 0.9).toFixed(0)} ms`,
        `${reference.seenS} s measured`,
      ],
      [
        "requests of an idle hour, two devices",
        Math.round(times.idle.requestsPerHour).toString(),
        (2 * pollsInAnHour(pull)).toString(),
      ],
      [
        "processor while idle, two daemons and one server",
        `${(times.idle.share * 100).toFixed(2)} %`,
        "",
      ],
    ],
  );
}
