/** mount(2), umount2(2) and renameat2(2) of Linux. */
import { lastError, mount as mountCall, renameat2, umount2 } from "./libc.ts";
import { SystemError } from "./system-error.ts";

/** Flags of mount(2): include/uapi/linux/mount.h. */
export const MS_RDONLY = 0x1;
export const MS_NOSUID = 0x2;
export const MS_NODEV = 0x4;
export const MS_NOEXEC = 0x8;
export const MS_NOATIME = 0x400;
/** Flags of umount2(2). */
export const MNT_FORCE = 0x1;
export const MNT_DETACH = 0x2;
export const UMOUNT_NOFOLLOW = 0x8;

const AT_FDCWD = -100;

/** @throws SystemError EPERM without CAP_SYS_ADMIN, ENOENT, ENOTDIR, EBUSY, EINVAL … */
export function mount(args: {
  readonly source: string;
  readonly target: string;
  readonly type: string;
  readonly flags: number;
  /** Options, separated by commas, as the file system wants them. */
  readonly data: string;
}): void {
  for (const text of [args.source, args.target, args.type, args.data]) checkNoNul(text);
  if (mountCall(args.source, args.target, args.type, args.flags, args.data) === -1) {
    throw lastError(`mount ${args.type} on ${args.target}`);
  }
}

/** @throws SystemError EBUSY, EINVAL (nothing is mounted there), EPERM, ENOENT … */
export function unmount(target: string, flags: number): void {
  checkNoNul(target);
  if (umount2(target, flags) === -1) throw lastError(`umount ${target}`);
}

/**
 * Renames, with the flags that rename(2) lacks (RENAME_NOREPLACE, RENAME_EXCHANGE of core's mode.ts).
 * @throws SystemError EEXIST, ENOENT, EINVAL (the file system does not have the flag) …
 */
export function renameWithFlags(from: string, to: string, flags: number): void {
  checkNoNul(from);
  checkNoNul(to);
  if (renameat2(AT_FDCWD, from, AT_FDCWD, to, flags) === -1) {
    throw lastError(`renameat2 ${from} to ${to}, flags ${flags}`);
  }
}

/** A C string ends at its first NUL: what follows would be dropped unseen. */
function checkNoNul(text: string): void {
  if (text.includes("\0")) throw new SystemError("EINVAL", "a path or option with a NUL in it");
}
