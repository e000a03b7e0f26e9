// Mounts the file system in memory in a process of its own, and takes the mount down whatever happens.
import {
  type ChildProcessWithoutNullStreams,
  execFile,
  spawn,
  spawnSync,
} from "node:child_process";
import { mkdtempSync, rmdirSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { promisify } from "node:util";
import type { Invalidation } from "@smfs/core";
import type { WorkerOrder } from "../../packages/fuse/src/testing/memory-worker.ts";
import { root } from "../workspace-files.ts";

const program = join(root, "packages/fuse/dist/testing/memory-mount.js");
// Bounds of what hangs: a machine that others use, too, is only slow.
const readyMs = 90_000;
const endMs = 60_000;

export class MemoryMount {
  /** Where it is mounted. */
  readonly dir: string;
  readonly child: ChildProcessWithoutNullStreams;
  #stderr = "";
  readonly #lines: string[] = [];
  readonly #waiting: ((line: string) => void)[] = [];

  private constructor(dir: string, child: ChildProcessWithoutNullStreams) {
    this.dir = dir;
    this.child = child;
    child.stderr.setEncoding("utf8").on("data", (text: string) => {
      this.#stderr += text;
    });
    createInterface({ input: child.stdout }).on("line", (line) => {
      const waiter = this.#waiting.shift();
      if (waiter === undefined) this.#lines.push(line);
      else waiter(line);
    });
  }

  /** Mounts. @param options of memory-mount.ts; `dir`: an existing directory instead of a new one */
  static async start(
    options: readonly string[] = [],
    { dir = mkdtempSync(join(tmpdir(), "smfs-mount-")), command = [process.execPath] } = {},
  ): Promise<MemoryMount> {
    const [file = "", ...first] = command;
    const child = spawn(file, [...first, program, dir, ...options], { stdio: "pipe" });
    const mount = new MemoryMount(dir, child);
    const line = await Promise.race([mount.#line(), mount.#failed(), after(readyMs, "no answer")]);
    if (line !== "ready") throw new Error(`not mounted: ${line} ${mount.#stderr}`);
    return mount;
  }

  /** What the program wrote to its standard error. */
  get stderr(): string {
    return this.#stderr;
  }

  /** Gives an order, or sends invalidations; resolves with the answer when it is done. */
  tell(order: WorkerOrder | readonly Invalidation[]): Promise<Record<string, unknown>> {
    this.child.stdin.write(`${JSON.stringify(order)}\n`);
    return this.#line().then((line) => JSON.parse(line) as Record<string, unknown>);
  }

  /** Unmounts and waits for the end. Returns the exit code. */
  async stop(): Promise<number | null> {
    if (this.child.exitCode === null && this.child.signalCode === null) {
      this.child.stdin.end();
      const ended = new Promise((resolve) => this.child.once("exit", resolve));
      if ((await Promise.race([ended, after(endMs, "late")])) === "late")
        this.child.kill("SIGKILL");
    }
    spawnSync("umount", ["-l", this.dir], { stdio: "ignore" });
    rmdirSync(this.dir);
    return this.child.exitCode;
  }

  #line(): Promise<string> {
    const line = this.#lines.shift();
    if (line !== undefined) return Promise.resolve(line);
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  #failed(): Promise<string> {
    return new Promise((resolve) =>
      this.child.once("exit", (code) => resolve(`exit code ${code}`)),
    );
  }
}

function after(ms: number, value: string): Promise<string> {
  return new Promise((resolve) => setTimeout(resolve, ms, value).unref());
}

const run = promisify(execFile);

/** Runs a shell script in a directory. Rejects, with what it wrote, when it fails or takes longer than milliseconds. */
export async function shell(dir: string, script: string, timeout = 120_000): Promise<string> {
  const options = { cwd: dir, timeout, maxBuffer: 1 << 28 };
  const { stdout } = await run("bash", ["-euo", "pipefail", "-c", script], options);
  return stdout;
}

/** Runs a Python script in a directory. Rejects, with what it wrote, when it fails or takes over a minute. */
export async function python(dir: string, script: string): Promise<string> {
  const { stdout } = await run("python3", ["-c", script], { cwd: dir, timeout: 60_000 });
  return stdout;
}
