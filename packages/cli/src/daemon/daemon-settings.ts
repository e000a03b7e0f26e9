/** What a daemon is told when it starts. Sent over a private channel: it has the key in it. */
import type { Without } from "@smfs/fuse";
import type { FileDurability } from "@smfs/store";
import type { Paths } from "../config.ts";
import type { ResolvedServer } from "../resolve-server.ts";
import type { Account } from "../server-link.ts";

export interface DaemonSettings {
  readonly paths: Paths;
  /** Names the store (container.ts). */
  readonly id: string;
  readonly container: string;
  /** Absolute, without symbolic links, an empty directory. */
  readonly mountPath: string;
  readonly server: ResolvedServer;
  readonly account: Account;
  readonly storeDir: string;
  readonly socket: string;
  readonly logFile: string;
  readonly logLevel: "info" | "debug";
  /** Whether remote changes are taken; false with --no-sync and --offline. */
  readonly pull: boolean;
  /** Whether local changes are sent; false with --offline. */
  readonly push: boolean;
  readonly syncIntervalS: number;
  readonly deletionScanIntervalS: number;
  /** Seconds that the first look at the server's documents may take before the mount is ready without it. */
  readonly startupTimeoutS: number;
  readonly drainTimeoutS: number;
  /** Which paths make memories; undefined leaves the server's setting. */
  readonly memoryPaths: readonly string[] | undefined;
  /** Mounts although the directory has files, which are hidden meanwhile. */
  readonly overFiles: boolean;
  /** Lets other users of this machine into the mount. */
  readonly allowOther: boolean;
  /** Nobody changes anything through the mount. */
  readonly readOnly: boolean;
  /** Nothing is left on this machine when the mount ends in peace. */
  readonly ephemeral: boolean;
  readonly durability: FileDurability;
  /** Bytes of files to keep about where the server has them too; undefined for no bound. */
  readonly cacheBytes: number | undefined;
  /** Text of --ignore-file: patterns of what stays on this machine. */
  readonly ignorePatterns: string;
  /** What is left unused though the kernel offers it. */
  readonly fuseWithout: Without;
}
