/**
 * Mounting and unmounting on Linux: mount(2) for who may, `fusermount3` for everybody else.
 *
 * Nothing here runs on the loop's thread, and nobody here looks into the mounted file system: both would wait
 * for themselves.
 */
import { spawnSync } from "node:child_process";
import {
  closeSync,
  constants,
  openSync,
  readdirSync,
  realpathSync,
  statfsSync,
  statSync,
} from "node:fs";
import {
  MNT_DETACH,
  MS_NODEV,
  MS_NOSUID,
  MS_RDONLY,
  mount,
  receiveDescriptor,
  setNonblocking,
  socketPair,
  UMOUNT_NOFOLLOW,
  unmount as unmountCall,
} from "@smfs/native";
import { MountError } from "./mount-error.ts";
import { listMounts } from "./mount-table.ts";

/** The type of our mounts in the mount table. */
export const mountType = "fuse.smfs";

const S_IFDIR = 0o040000;

export interface MountOptions {
  /** An existing, empty directory. */
  readonly mountPoint: string;
  /** Shown as the source in the mount table. */
  readonly source?: string;
  readonly readOnly?: boolean;
  /** Let other users in; an ordinary user needs `user_allow_other` in /etc/fuse.conf. */
  readonly allowOther?: boolean;
  /** Mount over a directory that has files; they are hidden while it is mounted. */
  readonly allowNonEmpty?: boolean;
  /** The FUSE device, for `mount(2)` only. */
  readonly device?: string;
  /** Whose files these are, and who may use the mount. */
  readonly uid?: number;
  readonly gid?: number;
  /** Mount with `fusermount3` even if mount(2) would do. */
  readonly viaHelper?: boolean;
}

export interface Mounted {
  /** The real path of the mount point, as the mount table has it. */
  readonly mountPoint: string;
  /** The device, non-blocking, closed on exec. Whoever mounts closes it when the session has ended. */
  readonly deviceFd: number;
  readonly by: "mount" | "fusermount3";
}

/**
 * Mounts an empty FUSE file system; a `FuseSession` on the returned descriptor then serves it.
 * @throws MountError with a hint for the user
 */
export function mountFuse(options: MountOptions): Mounted {
  const mountPoint = usableMountPoint(options);
  if (options.viaHelper !== true && process.geteuid?.() === 0) {
    const deviceFd = mountDirectly(mountPoint, options);
    if (deviceFd !== undefined) return { mountPoint, deviceFd, by: "mount" };
  }
  return { mountPoint, deviceFd: mountByHelper(mountPoint, options), by: "fusermount3" };
}

/**
 * The real path of the mount point, freed from what a killed daemon left there.
 * @throws MountError when nothing can be mounted there
 */
function usableMountPoint(options: MountOptions): string {
  const given = options.mountPoint;
  try {
    if (isStale(given)) unmountFuse(given, { lazy: true });
    if (!statSync(given).isDirectory()) {
      throw new MountError(`${given} is not a directory`, { hint: "choose a directory" });
    }
    const mountPoint = realpathSync(given);
    if (listMounts().some((m) => m.mountPoint === mountPoint && m.type === mountType)) {
      throw new MountError(`${given} is mounted already`, { hint: "unmount it first" });
    }
    if (options.allowNonEmpty !== true && readdirSync(mountPoint).length > 0) {
      throw new MountError(`${given} is not empty`, {
        hint: "choose an empty directory: what is in this one would be hidden",
      });
    }
    return mountPoint;
  } catch (error) {
    throw error instanceof MountError ? error : unusable(given, error);
  }
}

function unusable(mountPoint: string, error: unknown): MountError {
  const code = (error as { code?: unknown }).code;
  if (code === "ENOENT") {
    const hint = `create it first: mkdir -p ${mountPoint}`;
    return new MountError(`${mountPoint} does not exist`, { hint, cause: error });
  }
  if (code === "EACCES" || code === "EPERM") {
    const hint = "choose a directory that you may read and write";
    return new MountError(`${mountPoint} may not be used by you`, { hint, cause: error });
  }
  const text = error instanceof Error ? error.message : String(error);
  return new MountError(`${mountPoint} cannot be used: ${text}`, {
    hint: "choose another directory",
    cause: error,
  });
}

/**
 * Whether the daemon of a FUSE mount there has died ("Transport endpoint is not connected"), or its connection was cut.
 * Asked with statfs, which always reaches the daemon: what stat would say the kernel may still remember.
 */
export function isStale(mountPoint: string): boolean {
  try {
    statfsSync(mountPoint);
    return false;
  } catch (error) {
    const { code } = error as { code?: unknown };
    return code === "ENOTCONN" || code === "ECONNABORTED";
  }
}

/** @returns undefined when the kernel does not let this process mount (root without CAP_SYS_ADMIN) */
function mountDirectly(mountPoint: string, options: MountOptions): number | undefined {
  const device = options.device ?? "/dev/fuse";
  let deviceFd: number;
  try {
    deviceFd = openSync(device, constants.O_RDWR | constants.O_NONBLOCK);
  } catch (error) {
    throw noDevice(device, error);
  }
  const data = [
    `fd=${deviceFd}`,
    `rootmode=${S_IFDIR.toString(8)}`,
    `user_id=${options.uid ?? process.getuid?.() ?? 0}`,
    `group_id=${options.gid ?? process.getgid?.() ?? 0}`,
    "default_permissions",
    ...(options.allowOther === true ? ["allow_other"] : []),
  ].join(",");
  try {
    mount({
      source: options.source ?? "smfs",
      target: mountPoint,
      type: mountType,
      flags: MS_NOSUID | MS_NODEV | (options.readOnly === true ? MS_RDONLY : 0),
      data,
    });
    return deviceFd;
  } catch (error) {
    closeSync(deviceFd);
    const code = (error as { code?: unknown }).code;
    if (code === "EPERM") return undefined;
    if (code === "ENODEV") {
      throw new MountError("this kernel has no FUSE", { hint: "run: modprobe fuse", cause: error });
    }
    throw unusable(mountPoint, error);
  }
}

function noDevice(device: string, error: unknown): MountError {
  const code = (error as { code?: unknown }).code;
  if (code === "ENOENT" || code === "ENXIO" || code === "ENODEV") {
    return new MountError(`there is no FUSE device ${device}`, {
      hint: "run modprobe fuse; in a container, start it with --device /dev/fuse --cap-add SYS_ADMIN",
      cause: error,
    });
  }
  return new MountError(`the FUSE device ${device} cannot be opened`, {
    hint: `make it readable and writable for you: chmod 0666 ${device}`,
    cause: error,
  });
}

/** The helper is set-user-id root: it mounts, and sends the device over a socket whose number it finds in its environment. */
function mountByHelper(mountPoint: string, options: MountOptions): number {
  const { ours, theirs } = socketPair();
  try {
    const flags = ["default_permissions", "nosuid", "nodev", "subtype=smfs"];
    flags.push(`fsname=${(options.source ?? "smfs").replace(/[\\,]/g, "\\$&")}`);
    if (options.allowOther === true) flags.push("allow_other");
    if (options.readOnly === true) flags.push("ro");
    const helper = spawnSync("fusermount3", ["-o", flags.join(","), "--", mountPoint], {
      stdio: ["ignore", "ignore", "pipe", theirs],
      env: { PATH: helperPath, _FUSE_COMMFD: "3" },
      encoding: "utf8",
    });
    if (helper.error !== undefined) throw noHelper(helper.error);
    if (helper.status !== 0) throw helperFailed(mountPoint, helper.stderr);
    const deviceFd = receiveDescriptor(ours);
    setNonblocking(deviceFd);
    return deviceFd;
  } finally {
    closeSync(ours);
    closeSync(theirs);
  }
}

/** Where the helper may be; nothing of the caller's environment decides what runs. */
const helperPath = "/usr/bin:/bin:/usr/local/bin:/usr/sbin:/sbin:/run/wrappers/bin";

function noHelper(error: Error): MountError {
  return new MountError("fusermount3 cannot be run", {
    hint: "install it: apt-get install fuse3 (dnf install fuse3, apk add fuse3)",
    cause: error,
  });
}

function helperFailed(mountPoint: string, stderr: string): MountError {
  const said = stderr.trim();
  if (said.includes("user_allow_other")) {
    return new MountError("other users may not be let in", {
      hint: "put the line user_allow_other into /etc/fuse.conf, or mount without --allow-other",
      cause: said,
    });
  }
  if (said.includes("/dev/fuse")) return noDevice("/dev/fuse", said);
  if (said.includes("too many FUSE")) {
    return new MountError("too many FUSE file systems are mounted", {
      hint: "unmount some, or raise mount_max in /etc/fuse.conf",
      cause: said,
    });
  }
  return new MountError(`${mountPoint} cannot be mounted: ${said}`, {
    hint: "choose a directory that belongs to you",
    cause: said,
  });
}

/**
 * Unmounts. Blocks until the kernel has let go, which needs the loop: never call it on the loop's thread.
 * @param options `lazy`: take it out of the tree at once, and let what is open end by itself
 * @throws MountError when it is busy, or not ours to unmount
 */
export function unmountFuse(mountPoint: string, options: { readonly lazy?: boolean } = {}): void {
  const lazy = options.lazy === true;
  if (process.geteuid?.() === 0) {
    try {
      unmountCall(mountPoint, UMOUNT_NOFOLLOW | (lazy ? MNT_DETACH : 0));
      return;
    } catch (error) {
      if ((error as { code?: unknown }).code !== "EPERM") throw notUnmounted(mountPoint, error);
    }
  }
  const args = ["-u", ...(lazy ? ["-z"] : []), "--", mountPoint];
  const helper = spawnSync("fusermount3", args, {
    stdio: ["ignore", "ignore", "pipe"],
    env: { PATH: helperPath },
    encoding: "utf8",
  });
  if (helper.error !== undefined) throw noHelper(helper.error);
  if (helper.status !== 0) {
    const code = /busy/i.test(helper.stderr) ? "EBUSY" : "EPERM";
    throw notUnmounted(mountPoint, { code, message: helper.stderr.trim() });
  }
}

function notUnmounted(mountPoint: string, error: unknown): MountError {
  const { code, message } = error as { code?: unknown; message?: unknown };
  if (code === "EBUSY") {
    return new MountError(`${mountPoint} is in use`, {
      hint: `close what uses it (fuser -vm ${mountPoint} shows it), or unmount with --force`,
      cause: error,
    });
  }
  if (code === "EINVAL" || code === "ENOENT") {
    return new MountError(`nothing is mounted on ${mountPoint}`, {
      hint: "smfs list shows what is mounted",
      cause: error,
    });
  }
  return new MountError(`${mountPoint} cannot be unmounted: ${String(message)}`, {
    hint: "the user who mounted it, or root, can",
    cause: error,
  });
}
