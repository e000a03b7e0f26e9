/** Ranges of an open file: allocate, punch, find data and holes, copy, clone. Offsets and lengths are bytes. */
import { fallocate as allocate, copyFileRange as copy, ioctl, lastError, lseek } from "./libc.ts";
import { SystemError } from "./system-error.ts";

/** Modes of fallocate(2): include/uapi/linux/falloc.h. */
export const FALLOC_FL_KEEP_SIZE = 0x01;
export const FALLOC_FL_PUNCH_HOLE = 0x02;
export const FALLOC_FL_COLLAPSE_RANGE = 0x08;
export const FALLOC_FL_ZERO_RANGE = 0x10;
export const FALLOC_FL_INSERT_RANGE = 0x20;
export const FALLOC_FL_UNSHARE_RANGE = 0x40;

// The two platforms number them the other way round: linux/fs.h, and sys/unistd.h of macOS.
const SEEK_DATA = process.platform === "darwin" ? 4 : 3;
const SEEK_HOLE = process.platform === "darwin" ? 3 : 4;

/** _IOW(0x94, 9, int): include/uapi/linux/fs.h. */
const FICLONE = 0x4004_9409;

/**
 * fallocate(2): reserves, zeroes or frees blocks, by `mode`.
 * @throws SystemError EOPNOTSUPP for a mode the disk does not have, ENOSPC, EFBIG, EINVAL, EBADF …
 */
export function fallocate(fd: number, mode: number, offset: number, length: number): void {
  if (process.platform !== "linux") throw new SystemError("EOPNOTSUPP", `fallocate ${fd}`);
  if (allocate(fd, mode, offset, length) === -1) {
    throw lastError(`fallocate ${fd}, mode ${mode}, ${offset}+${length}`);
  }
}

/**
 * Makes the range a hole that reads as zeroes and takes no blocks; the size stays.
 * @throws SystemError EOPNOTSUPP where the disk has no holes, and others
 */
export function punchHole(fd: number, offset: number, length: number): void {
  fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, offset, length);
}

/** The first byte of data at or after `offset`; undefined when only a hole, or nothing, is left. */
export function seekData(fd: number, offset: number): number | undefined {
  return seek(fd, offset, SEEK_DATA);
}

/**
 * The first byte of a hole at or after `offset`; every file ends in one, so this is at most the file's size.
 * Undefined when `offset` is at or past the end.
 */
export function seekHole(fd: number, offset: number): number | undefined {
  return seek(fd, offset, SEEK_HOLE);
}

/** Moves the descriptor's own position: use these descriptors with explicit offsets only. */
function seek(fd: number, offset: number, whence: number): number | undefined {
  const found = lseek(fd, offset, whence);
  if (found !== -1) return Number(found);
  const error = lastError(`lseek ${fd}, ${offset}, whence ${whence}`);
  if (error.code === "ENXIO") return undefined;
  throw error;
}

/**
 * copy_file_range(2): copies within the kernel, sharing blocks where the disk can.
 * @returns bytes copied, which may be fewer than `length`; 0 at the end of the source
 * @throws SystemError EINVAL (ranges of one file overlap), EXDEV, ENOSPC, EFBIG …
 */
export function copyFileRange(range: {
  readonly fromFd: number;
  readonly fromOffset: number;
  readonly toFd: number;
  readonly toOffset: number;
  readonly length: number;
}): number {
  const copied = copy(
    range.fromFd,
    int64(range.fromOffset),
    range.toFd,
    int64(range.toOffset),
    range.length,
    0,
  );
  if (copied === -1) throw lastError(`copy_file_range ${range.fromFd} to ${range.toFd}`);
  return copied;
}

/**
 * Makes the file behind `toFd` share all blocks of the one behind `fromFd` (a reflink): constant time, no copy.
 * @returns false when this disk cannot: then nothing has changed
 */
export function cloneFile(fromFd: number, toFd: number): boolean {
  if (process.platform !== "linux") return false;
  // The argument is the source descriptor itself, not a pointer to it.
  if (ioctl(toFd, FICLONE, "int", fromFd) === 0) return true;
  const error = lastError(`FICLONE ${fromFd} to ${toFd}`);
  if (["EOPNOTSUPP", "ENOTSUP", "EXDEV", "EINVAL", "ENOTTY", "ENOSYS"].includes(error.code)) {
    return false;
  }
  throw error;
}

function int64(value: number): Uint8Array {
  return new Uint8Array(BigInt64Array.of(BigInt(value)).buffer);
}
