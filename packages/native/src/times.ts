/** Modification times to the nanosecond: Node's own calls pass them as a double, which keeps about 200 ns. */
import { futimens, lastError } from "./libc.ts";

/** "Leave this time as it is": sys/stat.h of the two platforms. */
const UTIME_OMIT = process.platform === "darwin" ? -2 : 0x3fff_fffe;

/**
 * futimens(2): sets the modification time of an open file, and leaves its access time.
 * @param fd any descriptor of a file of ours, a read-only one too
 * @param mtimeS seconds since 1970, negative before
 * @param mtimeNs 0…999,999,999
 * @throws SystemError EBADF, EPERM, EINVAL …
 */
export function setModificationTime(fd: number, mtimeS: number, mtimeNs: number): void {
  const times = BigInt64Array.of(0n, BigInt(UTIME_OMIT), BigInt(mtimeS), BigInt(mtimeNs));
  if (futimens(fd, new Uint8Array(times.buffer)) === -1) throw lastError(`futimens ${fd}`);
}
