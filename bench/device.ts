/** A device for benchmarks: the built command with XDG directories of its own, taken away when it is disposed of. */
import { execFileSync } from "node:child_process";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

const launcher = join(import.meta.dirname, "../packages/cli/bin/smfs.js");

export class BenchDevice implements Disposable {
  readonly dir: string = realpathSync(mkdtempSync(join(tmpdir(), "smfs-bench-")));
  readonly #env: NodeJS.ProcessEnv;

  constructor() {
    const at = (name: string) => join(this.dir, name);
    this.#env = {
      PATH: process.env.PATH,
      HOME: this.dir,
      XDG_DATA_HOME: at("data"),
      XDG_STATE_HOME: at("state"),
      XDG_RUNTIME_DIR: at("run"),
      XDG_CONFIG_HOME: at("config"),
      // What the sharper model does in the background would be done in the middle of everything else.
      SMFS_EMBEDDER: "static",
    };
    mkdirSync(at("run"), { mode: 0o700 });
  }

  smfs(...args: string[]): string {
    return execFileSync(process.execPath, [launcher, ...args], {
      cwd: this.dir,
      env: this.#env,
      encoding: "utf8",
      stdio: ["ignore", "pipe", "pipe"],
    });
  }

  /** Mounts the container; returns the mount point. */
  mount(...args: string[]): string {
    const path = join(this.dir, "mount");
    this.smfs("mount", "bench", "--path", path, ...args);
    return path;
  }

  /** Options by which another device uses this one's embedded server. */
  serverFlags(): string[] {
    const { apiUrl } = this.#server();
    return ["--api-url", apiUrl, "--key-file", join(this.dir, "data/smfs/server/key")];
  }

  /** Process numbers of the daemon and, if this device has one, the server. */
  pids(): { daemon: number; server: number | undefined } {
    const { pid } = JSON.parse(this.smfs("status", join(this.dir, "mount"), "--json")) as {
      pid: number;
    };
    return { daemon: pid, server: this.#find()?.pid };
  }

  /** How many requests this device's server has answered since it started, from its metrics. */
  async requestsAnswered(): Promise<number> {
    const key = readFileSync(join(this.dir, "data/smfs/server/key"), "utf8").trim();
    const answer = await fetch(`${this.#server().apiUrl}/metrics`, {
      headers: { authorization: `Bearer ${key}` },
    });
    const lines = (await answer.text()).split("\n");
    const counts = lines.filter((line) => line.startsWith("smfs_requests_total{"));
    return counts.reduce((sum, line) => sum + Number(line.split(" ").at(-1)), 0);
  }

  #server(): { apiUrl: string; pid: number } {
    const server = this.#find();
    if (server === undefined) throw new Error("this device has no server of its own");
    return server;
  }

  #find(): { apiUrl: string; pid: number } | undefined {
    const dir = join(this.dir, "data/smfs/server");
    if (!existsSync(dir)) return undefined;
    for (const name of readdirSync(dir, { recursive: false })) {
      if (!String(name).endsWith(".json")) continue;
      const record = JSON.parse(readFileSync(join(dir, String(name)), "utf8")) as {
        apiUrl?: string;
        pid: number;
      };
      if (record.apiUrl !== undefined) return { apiUrl: record.apiUrl, pid: record.pid };
    }
    return undefined;
  }

  [Symbol.dispose](): void {
    try {
      this.smfs("unmount", join(this.dir, "mount"), "--force");
    } catch {
      // It was not mounted, or is gone: the directory goes in any case.
    }
    try {
      const server = this.#find();
      if (server !== undefined) process.kill(server.pid);
    } catch {
      // It had no server of its own.
    }
    rmSync(this.dir, { recursive: true, force: true });
  }
}
