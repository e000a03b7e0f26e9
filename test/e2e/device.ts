/**
 * A device: the built command with XDG directories of its own, so that several live on one machine. Whatever a test
 * leaves running or mounted is taken away with it, also when it fails.
 */
import { spawn } from "node:child_process";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, realpathSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { listMounts, unmountFuse } from "@smfs/fuse";
import { onTestFinished } from "vitest";
import { root } from "../workspace-files.ts";

export interface Ran {
  readonly code: number | null;
  readonly out: string;
  readonly err: string;
}

export interface RunOptions {
  readonly cwd?: string;
  readonly env?: Readonly<Record<string, string>>;
  readonly input?: string;
}

export const launcher: string = join(root, "packages/cli/bin/smfs.js");

/** A directory of the test's own, without symbolic links in its path. */
export function scratch(): string {
  const dir = realpathSync(mkdtempSync(join(tmpdir(), "smfs-e2e-")));
  onTestFinished(() => {
    for (const { mountPoint } of listMounts()) {
      if (mountPoint.startsWith(`${dir}/`)) unmountFuse(mountPoint, { lazy: true });
    }
    rmSync(dir, { recursive: true, force: true });
  });
  return dir;
}

/** Runs a program to its end. */
export function run(
  command: string,
  args: readonly string[],
  options: { readonly cwd: string; readonly env: NodeJS.ProcessEnv; readonly input?: string },
): Promise<Ran> {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { cwd: options.cwd, env: options.env, stdio: "pipe" });
    let out = "";
    let err = "";
    child.stdout.setEncoding("utf8").on("data", (part: string) => {
      out += part;
    });
    child.stderr.setEncoding("utf8").on("data", (part: string) => {
      err += part;
    });
    child.on("error", reject);
    child.on("close", (code) => resolve({ code, out, err }));
    child.stdin.end(options.input ?? "");
  });
}

export class Device {
  readonly dir: string;
  readonly env: Readonly<Record<string, string>>;

  /** @param dir where the device keeps everything; made if need be */
  constructor(dir: string = scratch()) {
    this.dir = dir;
    mkdirSync(dir, { recursive: true });
    this.env = {
      PATH: process.env.PATH ?? "",
      HOME: dir,
      XDG_DATA_HOME: join(dir, "data"),
      XDG_STATE_HOME: join(dir, "state"),
      XDG_RUNTIME_DIR: join(dir, "run"),
      XDG_CONFIG_HOME: join(dir, "config"),
      // What the sharper model does in the background would be done in the middle of everything else.
      SMFS_EMBEDDER: "static",
    };
    onTestFinished(() => this.killAll());
  }

  /** Runs a command line of ours. */
  smfs(args: readonly string[], options: RunOptions = {}): Promise<Ran> {
    return run(process.execPath, [launcher, ...args], {
      cwd: options.cwd ?? this.dir,
      env: { ...this.env, ...options.env },
      ...(options.input === undefined ? {} : { input: options.input }),
    });
  }

  /** The same, and it must succeed. @returns its standard output */
  async ok(args: readonly string[], options: RunOptions = {}): Promise<string> {
    const { code, out, err } = await this.smfs(args, options);
    if (code !== 0) {
      throw new Error(`smfs ${args.join(" ")}: exit code ${code}\n${out}${err}\n${this.logs()}`);
    }
    return out;
  }

  /** Mounts a container. @returns the mount point */
  async mount(container: string, ...args: string[]): Promise<string> {
    const path = join(this.dir, "mounts", container);
    await this.ok(["mount", container, "--path", path, ...args]);
    return path;
  }

  async status(path: string): Promise<Record<string, unknown>> {
    return JSON.parse(await this.ok(["status", path, "--json"])) as Record<string, unknown>;
  }

  /** Process numbers of this device's daemons. */
  daemonPids(): number[] {
    return this.#records("state/smfs/mounts").map((record) => record.pid);
  }

  /** Names of the records of mounts. */
  recordNames(): string[] {
    return names(join(this.dir, "state/smfs/mounts"));
  }

  /** The embedded server's record: process, address. */
  server(): { readonly pid: number; readonly apiUrl: string } | undefined {
    return this.#records("data/smfs/server").find((record) => "apiUrl" in record) as never;
  }

  get keyFile(): string {
    return join(this.dir, "data/smfs/server/key");
  }

  /** Options by which another device uses this one's server. */
  serverFlags(): string[] {
    return ["--api-url", this.server()?.apiUrl ?? "", "--key-file", this.keyFile];
  }

  /** Asks this device's server directly. */
  async fetch(path: string, init: RequestInit = {}): Promise<Response> {
    const key = readFileSync(this.keyFile, "utf8").trim();
    const headers = { authorization: `Bearer ${key}`, ...(init.headers as Record<string, string>) };
    return await fetch(`${this.server()?.apiUrl}${path}`, { ...init, headers });
  }

  /** What daemons and server wrote, for messages of failures. */
  logs(): string {
    const dir = join(this.dir, "state/smfs/logs");
    return names(dir)
      .map((name) => `--- ${name}\n${readFileSync(join(dir, name), "utf8").slice(-4000)}`)
      .join("\n");
  }

  killAll(): void {
    for (const pid of [...this.daemonPids(), this.server()?.pid ?? 0]) kill(pid);
  }

  #records(folder: string): { pid: number; apiUrl?: string }[] {
    const dir = join(this.dir, folder);
    return names(dir)
      .filter((name) => name.endsWith(".json"))
      .map((name) => JSON.parse(readFileSync(join(dir, name), "utf8")) as { pid: number });
  }
}

/** kill -9, if it is one of ours and still there. */
export function kill(pid: number): void {
  if (pid <= 0 || !isOurs(pid)) return;
  process.kill(pid, "SIGKILL");
}

function isOurs(pid: number): boolean {
  try {
    return /\0smfs-(?:daemon|server)\0/.test(readFileSync(`/proc/${pid}/cmdline`, "utf8"));
  } catch {
    return false;
  }
}

function names(dir: string): string[] {
  try {
    return readdirSync(dir).sort();
  } catch {
    return [];
  }
}
