// The file systems that are measured beside each other. Each is mounted before the first round and unmounted
// after the last, whatever happens.
import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { gunzipSync } from "node:zlib";

/** A place to measure. */
export interface Side {
  readonly name: string;
  /** Makes it ready. @param scratch an empty directory on the disk, for all that it keeps */
  start(scratch: string): Promise<RunningSide>;
}

export interface RunningSide {
  /** An empty directory of the file system. */
  readonly dir: string;
  /** Who serves it; undefined for the kernel's own. */
  readonly pid: number | undefined;
  stop(): Promise<void>;
}

/** The disk itself. */
export const disk: Side = {
  name: "disk",
  start: (scratch) =>
    Promise.resolve({ dir: scratch, pid: undefined, stop: async () => undefined }),
};

/**
 * Libfuse's own example, as it comes, and with the kernel checking permissions (`default_permissions`), as on our mounts;
 * or a sentence that says what is missing.
 */
export function passthroughLl(buildDir: string): readonly Side[] | string {
  const sources = ["passthrough_ll.c", "passthrough_ll.c.gz"].map((file) =>
    join("/usr/share/doc/libfuse3-dev/examples", file),
  );
  const source = sources.find((path) => existsSync(path));
  if (source === undefined) {
    return "passthrough_ll is left out: apt-get install libfuse3-dev fuse3 gcc pkg-config";
  }
  const raw = readFileSync(source);
  const text = source.endsWith(".gz") ? gunzipSync(raw) : raw;
  const binary = join(buildDir, "passthrough_ll");
  const flags = spawnSync("pkg-config", ["--cflags", "--libs", "fuse3"], { encoding: "utf8" });
  if (flags.status !== 0)
    return "passthrough_ll is left out: apt-get install pkg-config libfuse3-dev";
  const helpers = ["-I", "/usr/share/doc/libfuse3-dev/examples"];
  const args = [
    "-O2",
    "-x",
    "c",
    "-",
    "-o",
    binary,
    ...helpers,
    ...flags.stdout.trim().split(/\s+/),
  ];
  const built = spawnSync("cc", args, { input: text, encoding: "utf8" });
  if (built.status !== 0) return `passthrough_ll is left out: ${built.stderr}`;
  return [
    passthroughSide("passthrough_ll", binary, ""),
    passthroughSide("passthrough_ll+rules", binary, ",default_permissions"),
  ];
}

function passthroughSide(name: string, binary: string, options: string): Side {
  return {
    name,
    async start(scratch) {
      const [kept, dir] = [join(scratch, "kept"), join(scratch, "mnt")];
      mkdirSync(kept);
      mkdirSync(dir);
      const args = ["-f", "-o", `source=${kept},cache=auto${options}`, dir];
      const child = spawn(binary, args, { stdio: "ignore" });
      await mounted(dir);
      return { dir, pid: child.pid, stop: () => unmount(dir, child) };
    },
  };
}

/** Our frontend over the file system in memory: what the frontend itself costs. */
export function memory(name: string, program: string, options: readonly string[]): Side {
  return {
    name,
    async start(scratch) {
      const [kept, dir] = [join(scratch, "kept"), join(scratch, "mnt")];
      mkdirSync(kept);
      mkdirSync(dir);
      const args = [program, dir, `--bytes=${kept}`, ...options];
      const child = spawn(process.execPath, args, { stdio: ["pipe", "ignore", "inherit"] });
      await mounted(dir);
      return { dir, pid: child.pid, stop: () => unmount(dir, child) };
    },
  };
}

const mountMsMax = 20_000;

/** Waits until something is mounted on a directory. */
export async function mounted(dir: string): Promise<void> {
  for (let waited = 0; waited < mountMsMax; waited += 20) {
    if (readFileSync("/proc/mounts", "utf8").includes(` ${dir} fuse`)) return;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  throw new Error(`nothing was mounted on ${dir}`);
}

async function unmount(dir: string, child: ChildProcess): Promise<void> {
  const ended = new Promise((resolve) => child.once("exit", resolve));
  if (spawnSync("umount", [dir]).status !== 0) spawnSync("umount", ["-l", dir]);
  if (child.exitCode === null && child.signalCode === null) await ended;
}

/** A directory that is removed at the end. */
export function scratchDirectory(parent: string): { dir: string; remove: () => void } {
  const dir = mkdtempSync(join(parent, "smfs-bench-"));
  return { dir, remove: () => rmSync(dir, { recursive: true, force: true }) };
}

/** Microseconds of processor time that a process and all its threads have used. */
export function cpuUs(pid: number): number {
  let ns = 0;
  for (const thread of readdirSync(`/proc/${pid}/task`)) {
    const stat = readFileSync(`/proc/${pid}/task/${thread}/schedstat`, "utf8");
    ns += Number(stat.split(" ")[0]);
  }
  return ns / 1000;
}
