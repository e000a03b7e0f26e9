/**
 * A device whose processes are killed: the built command with XDG directories of its own. It knows its processes by
 * the records that they leave, and ends no other.
 */
import { spawn } from "node:child_process";
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { unmountFuse } from "@smfs/fuse";
import { root } from "../workspace-files.ts";

const launcher = join(root, "packages/cli/bin/smfs.js");

/** The container that all devices mount. */
export const container = "torture";

const deathMsMax = 30_000;
const warningsMax = 8;

export interface Ran {
  readonly code: number | null;
  readonly out: string;
}

export interface ServerRecord {
  readonly pid: number;
  readonly apiUrl: string;
}

export class TortureDevice {
  readonly name: string;
  readonly dir: string;
  readonly mountPath: string;
  readonly #env: NodeJS.ProcessEnv;
  readonly #home: TortureDevice | undefined;

  /**
   * @param dir where it keeps everything; made
   * @param home the device whose server this one uses; undefined for one with a server of its own
   */
  constructor(name: string, dir: string, home: TortureDevice | undefined, env: NodeJS.ProcessEnv) {
    this.name = name;
    this.dir = dir;
    this.#home = home;
    this.mountPath = join(dir, "mount");
    mkdirSync(join(dir, "run"), { recursive: true, mode: 0o700 });
    this.#env = {
      ...env,
      PATH: process.env.PATH,
      HOME: dir,
      XDG_DATA_HOME: join(dir, "data"),
      XDG_STATE_HOME: join(dir, "state"),
      XDG_RUNTIME_DIR: join(dir, "run"),
      XDG_CONFIG_HOME: join(dir, "config"),
    };
  }

  /** Has the server of this device come up at a port that nobody else uses, the first time and ever after. */
  async useFreePort(): Promise<void> {
    const port = await freePort();
    const apiUrl = `http://127.0.0.1:${port}`;
    mkdirSync(this.#serverDir, { recursive: true, mode: 0o700 });
    // A number that no process can have.
    const gone = { pid: 2 ** 22, started: "0", apiUrl, port };
    writeFileSync(this.#serverRecord, JSON.stringify(gone), { mode: 0o600 });
  }

  /** Runs the built command. */
  smfs(...args: readonly string[]): Promise<Ran> {
    return new Promise((resolve, reject) => {
      const child = spawn(process.execPath, [launcher, ...args], {
        cwd: this.dir,
        env: this.#env,
        stdio: ["ignore", "pipe", "pipe"],
      });
      let out = "";
      for (const stream of [child.stdout, child.stderr]) {
        stream.setEncoding("utf8").on("data", (part: string) => {
          out += part;
        });
      }
      child.once("error", reject);
      child.once("close", (code) => resolve({ code, out }));
    });
  }

  mount(...options: readonly string[]): Promise<Ran> {
    const home = this.#home;
    const server =
      home === undefined
        ? []
        : ["--api-url", home.server?.apiUrl ?? "", "--key-file", home.keyFile];
    return this.smfs("mount", container, "--path", this.mountPath, ...server, ...options);
  }

  get #serverDir(): string {
    return join(this.dir, "data/smfs/server");
  }

  get #serverRecord(): string {
    return join(this.#serverDir, "server.json");
  }

  get keyFile(): string {
    return join(this.#serverDir, "key");
  }

  /** The record of this device's server, whether it runs or not. */
  get server(): ServerRecord | undefined {
    try {
      return JSON.parse(readFileSync(this.#serverRecord, "utf8")) as ServerRecord;
    } catch {
      // Not there yet, or replaced in this moment.
      return undefined;
    }
  }

  /** The daemon of this device's mount, also while it starts and has left no record yet. */
  get daemonPid(): number | undefined {
    return readdirSync("/proc")
      .filter((name) => /^\d+$/.test(name))
      .map(Number)
      .find((pid) => isRunning(pid, ["smfs-daemon", container, this.mountPath]));
  }

  get serverPid(): number | undefined {
    const pid = this.server?.pid;
    const isServer = pid !== undefined && isRunning(pid, ["smfs-server", this.#serverDir]);
    return isServer ? pid : undefined;
  }

  /** Where the store keeps everything. */
  get storeDir(): string {
    const stores = join(this.dir, "data/smfs/stores");
    const [name] = readdirSync(stores);
    if (name === undefined) throw new Error(`${this.name} has no store`);
    return join(stores, name);
  }

  async fetch(path: string, init: RequestInit = {}): Promise<Response> {
    const key = readFileSync(this.keyFile, "utf8").trim();
    const headers = { authorization: `Bearer ${key}`, ...(init.headers as Record<string, string>) };
    return await fetch(`${this.server?.apiUrl}${path}`, { ...init, headers });
  }

  /** Warnings and errors of the daemon, the last few of them, for reports of failures. */
  warnings(): string[] {
    const dir = join(this.dir, "state/smfs/logs");
    return list(dir)
      .filter((name) => name !== "server.log")
      .flatMap((name) => readFileSync(join(dir, name), "utf8").split("\n"))
      .filter((line) => /"level":[456]0/.test(line) && !line.includes("is offline"))
      .slice(-warningsMax)
      .map((line) => `${this.name}: ${line}`);
  }

  /** Ends everything of this device. @param remove also removes its directories */
  async stop(remove: boolean): Promise<void> {
    for (const pid of [this.daemonPid, this.serverPid]) await killNow(pid);
    try {
      unmountFuse(this.mountPath, { lazy: true });
    } catch {
      // It was not mounted.
    }
    if (remove) rmSync(this.dir, { recursive: true, force: true });
  }
}

/** A port below those that the kernel gives away by itself, so that it is free again after each kill. */
async function freePort(): Promise<number> {
  for (;;) {
    const port = 20_000 + Math.floor(Math.random() * 12_000);
    const probe = createServer();
    const isFree = await new Promise<boolean>((resolve) => {
      probe.once("error", () => resolve(false)).listen(port, "127.0.0.1", () => resolve(true));
    });
    if (!isFree) continue;
    await new Promise((resolve) => probe.close(resolve));
    return port;
  }
}

/** kill -9, and waits until the process has ended, with all that it had open. */
export async function killNow(pid: number | undefined): Promise<boolean> {
  if (pid === undefined || !isThere(pid)) return false;
  process.kill(pid, "SIGKILL");
  const end = Date.now() + deathMsMax;
  while (isThere(pid)) {
    if (Date.now() > end) throw new Error(`process ${pid} has not ended`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  return true;
}

/** Whether a process runs with these words, one after the other, in its command line. */
function isRunning(pid: number, words: readonly string[]): boolean {
  try {
    const line = readFileSync(`/proc/${pid}/cmdline`, "utf8");
    return `\0${line}`.includes(`\0${words.join("\0")}\0`) && isThere(pid);
  } catch {
    return false;
  }
}

function isThere(pid: number): boolean {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
    // proc_pid_stat(5): after the command in brackets comes the state; Z is one that has ended.
    return !stat.slice(stat.lastIndexOf(")") + 2).startsWith("Z");
  } catch {
    return false;
  }
}

function list(dir: string): string[] {
  try {
    return readdirSync(dir).sort();
  } catch {
    return [];
  }
}
