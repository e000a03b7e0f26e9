// Mounts a container of the real daemon, offline and with directories of its own, and takes it down whatever
// happens.
import { execFile, spawnSync } from "node:child_process";
import { chmodSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { root } from "../workspace-files.ts";

const launcher = join(root, "packages/cli/bin/smfs.js");
const run = promisify(execFile);
const commandMs = 60_000;

export class DaemonMount {
  /** Where it is mounted. */
  readonly dir: string;
  readonly #scratch: string;
  readonly #env: NodeJS.ProcessEnv;

  private constructor(scratch: string) {
    this.#scratch = scratch;
    this.dir = join(scratch, "mnt");
    this.#env = {
      PATH: process.env.PATH,
      HOME: scratch,
      XDG_DATA_HOME: join(scratch, "data"),
      XDG_STATE_HOME: join(scratch, "state"),
      XDG_RUNTIME_DIR: join(scratch, "run"),
      XDG_CONFIG_HOME: join(scratch, "config"),
      XDG_CACHE_HOME: join(scratch, "cache"),
    };
  }

  /** @param options of `smfs mount`; `below`: where it keeps everything */
  static async start(
    options: readonly string[] = [],
    below: string = tmpdir(),
  ): Promise<DaemonMount> {
    const scratch = mkdtempSync(join(below, "smfs-daemon-"));
    // Other users reach the mount through this directory.
    chmodSync(scratch, 0o755);
    const mount = new DaemonMount(scratch);
    mkdirSync(mount.dir);
    mkdirSync(join(scratch, "run"), { mode: 0o700 });
    try {
      // A container is known after it was mounted once; from then on no server is needed.
      await mount.smfs("mount", "posix", "--path", mount.dir);
      await mount.smfs("unmount", mount.dir);
      mount.#endServer();
      await mount.smfs("mount", "posix", "--path", mount.dir, "--offline", ...options);
    } catch (error) {
      mount.#remove();
      throw error;
    }
    return mount;
  }

  #endServer(): void {
    const dir = join(this.#scratch, "data/smfs/server");
    for (const name of readdirSync(dir).filter((file) => file.endsWith(".json"))) {
      const { pid } = JSON.parse(readFileSync(join(dir, name), "utf8")) as { pid?: number };
      if (pid !== undefined) process.kill(pid, "SIGKILL");
    }
  }

  #remove(): void {
    spawnSync("umount", ["-l", this.dir], { stdio: "ignore" });
    rmSync(this.#scratch, { recursive: true, force: true });
  }

  /** What the daemon wrote to its log. */
  log(): string {
    const dir = join(this.#scratch, "state/smfs/logs");
    return readdirSync(dir)
      .map((name) => readFileSync(join(dir, name), "utf8"))
      .join("");
  }

  /** Runs a command of the built CLI on this device. */
  async smfs(...args: readonly string[]): Promise<string> {
    const options = { env: this.#env, timeout: commandMs };
    return (await run(process.execPath, [launcher, ...args], options)).stdout;
  }

  /** Ends the daemon, whatever it still had to send: its data goes with it. */
  async stop(): Promise<void> {
    try {
      await this.smfs("unmount", this.dir, "--force");
    } finally {
      this.#remove();
    }
  }
}
