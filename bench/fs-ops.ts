// File operations on our mount, beside the disk's own file system and libfuse's passthrough_ll, in one run:
//
//     npm run bench fs -- [--rounds=5] [--scale=1] [--dir=/var/tmp]
//         [--phases=create,stat,open-read,mkdir,…: only these, and what they need must be among them]
//         [--sides=disk,passthrough_ll,passthrough_ll+rules,memory,memory+pass,daemon,daemon+server]
//
// Every round measures every side, in another order each time; what is printed are medians over the rounds.
import { spawnSync } from "node:child_process";
import {
  accessSync,
  constants,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DaemonMount } from "../test/mount/daemon-mount.ts";
import {
  cpuUs,
  disk,
  memory,
  passthroughLl,
  type RunningSide,
  type Side,
  scratchDirectory,
} from "./fs/sides.ts";
import { printTable } from "./table.ts";

/** What is measured, in this order: later ones use the files of earlier ones. */
interface Phase {
  /** Phase of client.c, or a shell script in a directory of its own. */
  readonly name: string;
  readonly title: string;
  readonly count: number;
  /** Empty the kernel's caches of names and attributes before; or fill them, with a pass that is not counted. */
  readonly caches?: "cold" | "warm";
  readonly script?: string;
}

const root: string = join(import.meta.dirname, "..");
const perMiB = "µs per MiB";

/** Packages that `npm install` puts into a directory: all that the first of them need is among them. */
const packages = ["fast-check", "pure-rand", "zod", "typescript"] as const;

/** Packs them, so that no network is needed. Returns a command that installs them. */
function packPackages(dir: string): string {
  const tarballs = packages.map((name) => {
    const tarball = join(dir, `${name}.tgz`);
    const args = [
      "czf",
      tarball,
      "-C",
      join(root, "node_modules"),
      `--transform=s,^${name},package,`,
    ];
    const packed = spawnSync("tar", [...args, name], { encoding: "utf8" });
    if (packed.status !== 0) throw new Error(`packing ${name}: ${packed.stderr}`);
    return tarball;
  });
  const options = "--offline --no-audit --no-fund --ignore-scripts --loglevel=error";
  return `npm install ${options} --cache=${join(dir, "cache")} ${tarballs.join(" ")}`;
}

function phases(scale: number, npmInstall: string): Phase[] {
  const n = (count: number): number => Math.max(20, Math.round(count * scale));
  return [
    { name: "create", title: "create + write 4k + close", count: n(2000) },
    { name: "stat", title: "stat, cold", count: n(2000), caches: "cold" },
    { name: "stat", title: "stat, warm", count: n(2000), caches: "warm" },
    { name: "open-read", title: "open + read, cold", count: n(2000), caches: "cold" },
    { name: "open-read", title: "open + read, warm", count: n(2000), caches: "warm" },
    { name: "mkdir", title: "mkdir", count: n(2000) },
    { name: "rmdir", title: "rmdir", count: n(2000) },
    { name: "rename", title: "rename", count: n(2000) },
    { name: "unlink", title: "unlink", count: n(2000) },
    { name: "seq-write", title: `write 64 MiB, ${perMiB}`, count: 64 },
    { name: "seq-read", title: `read 64 MiB, ${perMiB}`, count: 64 },
    { name: "rand-read", title: "random read 4k", count: n(10_000) },
    { name: "rand-write", title: "random write 4k", count: n(10_000) },
    { name: "write-fsync", title: "write 4k + fsync", count: n(100) },
    {
      name: "readdir-make",
      title: "",
      count: 1,
      script: "mkdir list && cd list && seq 10000 | xargs touch",
    },
    { name: "readdir", title: "readdir of 10,000, cold", count: 1, caches: "cold" },
    { name: "readdir", title: "readdir of 10,000, warm", count: 5, caches: "warm" },
    {
      name: "tar",
      title: "tar x of 3 packages",
      count: 1,
      script: `mkdir tar && tar cf - -C ${join(root, "node_modules")} zod typescript fast-check | tar xf - -C tar`,
    },
    {
      name: "grep",
      title: "grep -r of them",
      count: 1,
      caches: "cold",
      script: "grep -r qqqqq tar || true",
    },
    {
      name: "rg",
      title: "rg of them",
      count: 1,
      caches: "cold",
      script: "rg -uu qqqqq tar || true",
    },
    {
      name: "npm",
      title: `npm install of ${packages.length} packages`,
      count: 1,
      script: `mkdir npm && cd npm && echo '{"private":true}' > package.json && ${npmInstall}`,
    },
    {
      name: "git-clone",
      title: "git clone of this repository",
      count: 1,
      script: `git clone -q ${root} clone`,
    },
    { name: "git-status", title: "git status", count: 1, script: "git -C clone status -s" },
    { name: "rm", title: "rm -r of all", count: 1, script: "rm -rf tar npm clone list" },
  ];
}

interface Measured {
  readonly us: number;
  readonly cpuUs: number | undefined;
}

/** The mean of one phase on one side. @param pids who serves the sides, this one and all others */
function measure(
  phase: Phase,
  side: RunningSide,
  client: string,
  pids: readonly number[],
): Measured {
  const dir = phase.name === "readdir" ? join(side.dir, "list") : side.dir;
  if (phase.caches === "cold") {
    dropCaches();
    settle(pids);
  }
  if (phase.caches === "warm") spawnSync(client, [phase.name, dir, String(phase.count)]);
  const before = side.pid === undefined ? undefined : cpuUs(side.pid);
  const start = performance.now();
  const ran =
    phase.script === undefined
      ? spawnSync(client, [phase.name, dir, String(phase.count)], { encoding: "utf8" })
      : spawnSync("bash", ["-euc", phase.script], { cwd: side.dir, encoding: "utf8" });
  const elapsedUs = (performance.now() - start) * 1000;
  if (ran.status !== 0) throw new Error(`${phase.name} on ${side.dir}: ${ran.stderr}`);
  const after = side.pid === undefined ? undefined : cpuUs(side.pid);
  return {
    us: phase.script === undefined ? Number(ran.stdout) : elapsedUs,
    cpuUs: before === undefined || after === undefined ? undefined : (after - before) / phase.count,
  };
}

let canDropCaches = true;

function dropCaches(): void {
  try {
    accessSync("/proc/sys/vm/drop_caches", constants.W_OK);
    writeFileSync("/proc/sys/vm/drop_caches", "2");
  } catch {
    canDropCaches = false;
  }
}

/** Time between two looks, and how much of it whoever is quiet may use; how long to wait for that. */
const settleMs = 20;
const quietUs = 500;
const looksMax = 100;

/** The kernel tells the servers of all that it dropped: that is not the work that is measured. */
function settle(pids: readonly number[]): void {
  let before = Number.NEGATIVE_INFINITY;
  for (let looks = 0; looks < looksMax; looks += 1) {
    const now = pids.reduce((sum, pid) => sum + cpuUs(pid), 0);
    if (now - before < quietUs) return;
    before = now;
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, settleMs);
  }
}

/** One row of the table: a phase on every side. */
export interface Row {
  readonly title: string;
  readonly sides: Readonly<Record<string, Measured>>;
}

/**
 * Measures every side in `rounds` rounds.
 * @returns medians: a row for each phase
 */
export async function benchFsOps(options: {
  readonly sides: readonly Side[];
  readonly rounds: number;
  readonly scale: number;
  /** Names of the phases to measure; undefined for all. */
  readonly only?: readonly string[];
  /** Where the sides keep what they keep: the disk that is measured. */
  readonly dir: string;
}): Promise<Row[]> {
  const build = scratchDirectory(tmpdir());
  const client = join(build.dir, "client");
  const source = join(import.meta.dirname, "fs/client.c");
  const built = spawnSync("cc", ["-O2", source, "-o", client], { encoding: "utf8" });
  if (built.status !== 0) throw new Error(`the client needs a C compiler: ${built.stderr}`);
  const scratch = scratchDirectory(options.dir);
  const running: { side: Side; at: RunningSide }[] = [];
  try {
    for (const side of options.sides) {
      const own = join(scratch.dir, side.name.replaceAll(/\W+/g, "-"));
      mkdirSync(own);
      running.push({ side, at: await side.start(own) });
    }
    const npmInstall = packPackages(build.dir);
    const { only, scale } = options;
    const list = phases(scale, npmInstall).filter(({ name }) => only?.includes(name) ?? true);
    return rounds(list, running, client, options.rounds);
  } finally {
    for (const { at } of running) await at.stop();
    scratch.remove();
    build.remove();
  }
}

function rounds(
  list: readonly Phase[],
  running: readonly { side: Side; at: RunningSide }[],
  client: string,
  count: number,
): Row[] {
  const samples = list.map(() => new Map<string, Measured[]>());
  const pids = running.flatMap(({ at }) => at.pid ?? []);
  // The first round warms compilers and caches, and is not counted.
  for (let round = -1; round < count; round += 1) {
    list.forEach((phase, index) => {
      const from = (round + 1 + index) % running.length;
      for (const { side, at } of [...running.slice(from), ...running.slice(0, from)]) {
        const measured = measure(phase, at, client, pids);
        if (round < 0) continue;
        const kept = samples[index]?.get(side.name) ?? [];
        samples[index]?.set(side.name, [...kept, measured]);
      }
    });
    for (const { at } of running) rmSync(join(at.dir, "big"), { force: true });
  }
  return list.flatMap((phase, index) => {
    const sides: Record<string, Measured> = {};
    for (const [name, kept] of samples[index] ?? []) {
      sides[name] = {
        us: median(kept.map(({ us }) => us)),
        cpuUs: kept[0]?.cpuUs === undefined ? undefined : median(kept.map((m) => m.cpuUs ?? 0)),
      };
    }
    return phase.title === "" ? [] : [{ title: phase.title, sides }];
  });
}

function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? 0;
}

/** Microseconds, processor time of whoever serves, and ratios to the sides that ours are compared with. */
export function printRows(rows: readonly Row[], baselines: readonly string[]): void {
  const names = Object.keys(rows[0]?.sides ?? {});
  const ours = names.filter((name) => !baselines.includes(name));
  const known = baselines.filter((name) => names.includes(name));
  const pairs = ours.flatMap((name) => known.map((base) => ({ name, base })));
  const served = names.filter((name) => rows[0]?.sides[name]?.cpuUs !== undefined);
  const table = (title: string, columns: readonly string[], cells: (row: Row) => string[]) => {
    if (columns.length === 0) return;
    const lines = rows.map((row) => [row.title, ...cells(row)]);
    printTable([title, ...columns], lines);
    console.log();
  };
  table("µs for one", names, ({ sides }) => names.map((name) => format(sides[name]?.us)));
  table("processor time of the server, µs for one", served, ({ sides }) =>
    served.map((name) => format(sides[name]?.cpuUs)),
  );
  table(
    "ratio",
    pairs.map(({ name, base }) => `${name} ÷ ${base}`),
    ({ sides }) => pairs.map(({ name, base }) => ratio(sides[name]?.us, sides[base]?.us)),
  );
}

function format(us: number | undefined): string {
  if (us === undefined) return "–";
  return us >= 1000 ? Math.round(us).toString() : us.toFixed(us >= 10 ? 1 : 2);
}

function ratio(us: number | undefined, of: number | undefined): string {
  return us === undefined || of === undefined ? "–" : `${(us / of).toFixed(2)}×`;
}

/** What everything is compared with, and our frontend over a file system in memory: what it costs by itself. */
function frontendSides(buildDir: string): Side[] {
  const program = join(import.meta.dirname, "../packages/fuse/dist/testing/memory-mount.js");
  const reference = passthroughLl(buildDir);
  if (typeof reference === "string") console.log(reference);
  return [
    disk,
    ...(typeof reference === "string" ? [] : reference),
    memory("memory", program, []),
    ...(process.geteuid?.() === 0 ? [memory("memory+pass", program, ["--passthrough"])] : []),
  ];
}

/** The whole product: alone, and with a server that everything is sent to meanwhile. */
const daemonSides: readonly Side[] = [
  { name: "daemon", start: (below) => startDaemon(below, false) },
  { name: "daemon+server", start: (below) => startDaemon(below, true) },
];

async function startDaemon(below: string, withServer: boolean): Promise<RunningSide> {
  const mount = await DaemonMount.start([], { below, withServer });
  return { dir: mount.dir, pid: mount.pid, stop: () => mount.stop() };
}

/** The table, for `npm run bench fs`. Options as above. */
export async function printFsOps(args: readonly string[]): Promise<void> {
  const option = (name: string, otherwise: string): string =>
    args.find((arg) => arg.startsWith(`--${name}=`))?.slice(name.length + 3) ?? otherwise;
  const only = option("sides", "");
  const onlyPhases = option("phases", "");
  const wanted = (name: string): boolean => only === "" || only.split(",").includes(name);
  const build = mkdtempSync(join(tmpdir(), "smfs-bench-"));
  try {
    const rows = await benchFsOps({
      sides: [...frontendSides(build), ...daemonSides].filter(({ name }) => wanted(name)),
      rounds: Number(option("rounds", "5")),
      scale: Number(option("scale", "1")),
      dir: option("dir", tmpdir()),
      ...(onlyPhases === "" ? {} : { only: onlyPhases.split(",") }),
    });
    printRows(rows, ["disk", "passthrough_ll", "passthrough_ll+rules"]);
    const load = readFileSync("/proc/loadavg", "utf8").split(" ")[0];
    if (!canDropCaches) console.log("cold is not cold: only root can empty the kernel's caches");
    console.log(`load of the machine at the end: ${load}`);
  } finally {
    rmSync(build, { recursive: true });
  }
}
