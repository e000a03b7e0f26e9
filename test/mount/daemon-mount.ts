// Mounts a container of the real daemon, offline and with directories of its own, and takes it down whatever
// happens.
import { execFile, spawnSync } from "node:child_process";
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
} from "node:fs";
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
  #env: NodeJS.ProcessEnv;

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

  /**
   * @param options of `smfs mount`
   * @param kept `below`: where it keeps everything; `withServer`: it sends and takes changes, to and from a server
   *   of its own
   */
  static async start(
    options: readonly string[] = [],
    { below = tmpdir(), withServer = false } = {},
  ): Promise<DaemonMount> {
    const scratch = mkdtempSync(join(below, "smfs-daemon-"));
    // Other users reach the mount through this directory.
    chmodSync(scratch, 0o755);
    const mount = new DaemonMount(scratch);
    mkdirSync(mount.dir);
    mkdirSync(join(scratch, "run"), { mode: 0o700 });
    try {
      // A container is known after it was mounted once; from then on no server is needed.
      await mount.smfs("mount", "posix", "--path", mount.dir, ...(withServer ? options : []));
      if (withServer) return mount;
      await mount.smfs("unmount", mount.dir);
      mount.#endServer();
      await mount.smfs("mount", "posix", "--path", mount.dir, "--offline", ...options);
    } catch (error) {
      mount.#remove();
      throw error;
    }
    return mount;
  }

  /** The process that serves the mount. */
  get pid(): number {
    const [pid] = this.#pidsIn("state/smfs/mounts");
    if (pid === undefined) throw new Error("no daemon has left its number");
    return pid;
  }

  #pidsIn(folder: string): number[] {
    const dir = join(this.#scratch, folder);
    return readdirSync(dir)
      .filter((name) => name.endsWith(".json"))
      .map((name) => (JSON.parse(readFileSync(join(dir, name), "utf8")) as { pid: number }).pid);
  }

  #endServer(): void {
    for (const pid of this.#pidsIn("data/smfs/server")) endServer(pid);
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

  /**
   * Unmounts, and mounts the same container again at the same place, offline.
   * @param env variables that its commands and daemons have from now on
   */
  async remount(options: readonly string[] = [], env: NodeJS.ProcessEnv = {}): Promise<void> {
    await this.smfs("unmount", this.dir, "--force");
    this.#env = { ...this.#env, ...env };
    await this.smfs("mount", "posix", "--path", this.dir, "--offline", ...options);
  }

  /** Ends the daemon, whatever it still had to send: its data goes with it. */
  async stop(): Promise<void> {
    try {
      await this.smfs("unmount", this.dir, "--force");
    } finally {
      this.#endServer();
      this.#remove();
    }
  }
}

/** Ends a server of ours; a number that belongs to another process by now is left alone. */
function endServer(pid: number): void {
  const cmdline = `/proc/${pid}/cmdline`;
  if (!existsSync(cmdline) || !readFileSync(cmdline, "utf8").includes("\0smfs-server\0")) return;
  process.kill(pid, "SIGKILL");
}
