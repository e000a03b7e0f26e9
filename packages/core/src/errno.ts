/**
 * Linux errno numbers, and the error that carries one.
 *
 * Numbers are those of asm-generic/errno-base.h and asm-generic/errno.h. A frontend turns them into what its
 * protocol says (FUSE: the negative number; NFS: a status).
 */

/** Every errno this project answers, by name. */
export const errnos = {
  EPERM: 1,
  ENOENT: 2,
  EINTR: 4,
  EIO: 5,
  ENXIO: 6,
  E2BIG: 7,
  EBADF: 9,
  EAGAIN: 11,
  ENOMEM: 12,
  EACCES: 13,
  EBUSY: 16,
  EEXIST: 17,
  EXDEV: 18,
  ENODEV: 19,
  ENOTDIR: 20,
  EISDIR: 21,
  EINVAL: 22,
  ENFILE: 23,
  EMFILE: 24,
  EFBIG: 27,
  ENOSPC: 28,
  EROFS: 30,
  EMLINK: 31,
  ERANGE: 34,
  ENAMETOOLONG: 36,
  ENOSYS: 38,
  ENOTEMPTY: 39,
  ENODATA: 61,
  EPROTO: 71,
  EOVERFLOW: 75,
  EOPNOTSUPP: 95,
  ETIMEDOUT: 110,
  EHOSTUNREACH: 113,
  ESTALE: 116,
  EDQUOT: 122,
} as const;

/** The name of an errno, such as `"ENOENT"`. */
export type ErrnoName = keyof typeof errnos;

const names = new Map<number, ErrnoName>(
  Object.entries(errnos).map(([name, number]) => [number, name as ErrnoName]),
);

/** The name of an errno number; `"EIO"` for a number that is not listed. */
export function errnoName(errno: number): ErrnoName {
  return names.get(errno) ?? "EIO";
}

/** A file system operation that failed as operations may fail: the caller sees `errno`, nothing is broken. */
export class FsError extends Error {
  readonly errno: number;
  readonly code: ErrnoName;

  /**
   * @param code what the program that made the call sees
   * @param detail what it was about, for logs: the operation and the thing
   */
  constructor(code: ErrnoName, detail = "") {
    // Failing to find a name is an everyday answer, and collecting a stack takes 5 µs: eight times the rest.
    const errors = Error as ErrorConstructor & { stackTraceLimit: number | undefined };
    const limit = errors.stackTraceLimit;
    errors.stackTraceLimit = 0;
    super(detail === "" ? code : `${code}: ${detail}`);
    errors.stackTraceLimit = limit;
    this.name = "FsError";
    this.code = code;
    this.errno = errnos[code];
  }
}

/**
 * The errno for any thrown value: its own for an `FsError`, the number Node attached to a failed system call
 * if we know its name, else EIO (filesystem.md: no silent fall-backs; the caller logs the cause).
 */
export function toErrno(error: unknown): number {
  if (error instanceof FsError) return error.errno;
  const code = (error as { code?: unknown } | undefined)?.code;
  if (typeof code === "string" && code in errnos) return errnos[code as ErrnoName];
  if (code === "SQLITE_FULL") return errnos.ENOSPC;
  return errnos.EIO;
}
