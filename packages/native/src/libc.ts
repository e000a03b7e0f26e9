/**
 * The C library calls that Node lacks: the project's only foreign function interface.
 *
 * Everything here is raw: a result of -1 means failure, and `lastErrno` tells which. The other files of this
 * package give each call a type, a meaning and an error; nothing outside the package sees this one. A call is
 * resolved when it is first used, so that one a platform lacks fails by name where it is needed, not at start.
 *
 * Memory is passed as a `Uint8Array`: the callee sees its bytes in place. None of these calls keeps a pointer.
 */
import koffi from "koffi";
import { SystemError, systemErrnoName } from "./system-error.ts";

/** An integer result: exact up to 2^53 − 1, larger ones (never seen here) arrive as a bigint. */
type Long = number | bigint;

const library = koffi.load(null);

/** A C function that is looked up when it is first called. */
function lazily<T extends (...args: never[]) => unknown>(signature: string): T {
  let found: T | undefined;
  const call = (...args: Parameters<T>): unknown => {
    found ??= bind(signature) as unknown as T;
    return found(...args);
  };
  return call as T;
}

function bind(signature: string): ReturnType<typeof library.func> {
  try {
    return library.func(signature);
  } catch (error) {
    throw new SystemError("ENOSYS", `the C library has no ${signature}`, { cause: error });
  }
}

/** The errno of this thread's last failed call. Ask at once: any other call may change it. */
export function lastErrno(): number {
  return koffi.errno();
}

/** The error of this thread's last failed call. `what` is the call and what it was about. */
export function lastError(what: string): SystemError {
  return new SystemError(systemErrnoName(lastErrno()), what);
}

/** Where the bytes are, for a structure that points to them. The caller keeps the array alive during the call. */
export function addressOf(bytes: Uint8Array): bigint {
  return koffi.address(bytes);
}

export const read: (fd: number, into: Uint8Array, count: number) => number = lazily(
  "int64_t read(int fd, void *into, size_t count)",
);
export const write: (fd: number, from: Uint8Array, count: number) => number = lazily(
  "int64_t write(int fd, const void *from, size_t count)",
);
export const poll: (fds: Uint8Array, count: number, timeoutMs: number) => number = lazily(
  "int poll(void *fds, unsigned long count, int timeoutMs)",
);
export const eventfd: (initial: number, flags: number) => number = lazily(
  "int eventfd(unsigned int initial, int flags)",
);
/** Variadic in C: the third argument names the type of the fourth. */
export const ioctl: (
  fd: number,
  request: number,
  type: "void *" | "int",
  arg: Uint8Array | number,
) => number = lazily("int ioctl(int fd, unsigned long request, ...)");
/** Variadic in C: the third argument names the type of the fourth. */
export const fcntl: (fd: number, command: number, type: "int", arg: number) => number = lazily(
  "int fcntl(int fd, int command, ...)",
);
export const fallocate: (fd: number, mode: number, offset: number, length: number) => number =
  lazily("int fallocate(int fd, int mode, int64_t offset, int64_t length)");
/** `times` is two `struct timespec`: access time, modification time. */
export const futimens: (fd: number, times: Uint8Array) => number = lazily(
  "int futimens(int fd, const void *times)",
);
export const lseek: (fd: number, offset: number, whence: number) => Long = lazily(
  "int64_t lseek(int fd, int64_t offset, int whence)",
);
/** The offsets are `int64_t` in memory: read, and moved on by what was copied. */
export const copyFileRange: (
  fromFd: number,
  fromOffset: Uint8Array,
  toFd: number,
  toOffset: Uint8Array,
  length: number,
  flags: number,
) => number = lazily(
  "int64_t copy_file_range(int fromFd, void *fromOffset, int toFd, void *toOffset, size_t length, unsigned int flags)",
);
export const renameat2: (
  fromDir: number,
  from: string,
  toDir: number,
  to: string,
  flags: number,
) => number = lazily(
  "int renameat2(int fromDir, const char *from, int toDir, const char *to, unsigned int flags)",
);
export const mount: (
  source: string,
  target: string,
  type: string,
  flags: number,
  data: string,
) => number = lazily(
  "int mount(const char *source, const char *target, const char *type, unsigned long flags, const char *data)",
);
export const umount2: (target: string, flags: number) => number = lazily(
  "int umount2(const char *target, int flags)",
);
/** Writes two descriptors (`int`) into `pair`. */
export const socketpair: (
  domain: number,
  type: number,
  protocol: number,
  pair: Uint8Array,
) => number = lazily("int socketpair(int domain, int type, int protocol, void *pair)");
export const recvmsg: (fd: number, message: Uint8Array, flags: number) => number = lazily(
  "int64_t recvmsg(int fd, void *message, int flags)",
);

/** Bytes that a write on another thread still reads: nothing else may refer to them. */
const beingWritten = new Set<Uint8Array>();
let writeOffThread: ((...args: unknown[]) => void) | undefined;

/**
 * write(2) on a thread of the pool: for writes that may block in the kernel. The result is what write returned
 * and, when that is -1, its errno.
 */
export function writeAsync(
  fd: number,
  from: Uint8Array,
): Promise<{ readonly written: number; readonly errno: number }> {
  writeOffThread ??= bind("int64_t write(int fd, const void *from, size_t count)").async;
  const start = writeOffThread;
  return new Promise((resolve, reject) => {
    beingWritten.add(from);
    start(fd, from, from.byteLength, (error: unknown, written: number) => {
      beingWritten.delete(from);
      if (error !== null && error !== undefined) reject(error);
      else resolve({ written, errno: written < 0 ? koffi.errno() : 0 });
    });
  });
}
