// The system calls themselves, with what they answer: Node's own functions hide flags and errnos. A result is a
// number, or the name of the errno.
import { constants } from "node:os";
import koffi from "koffi";

export type Result = number | string;

const library = koffi.load(null);
const names = new Map<number, string>();
for (const [name, number] of Object.entries(constants.errno)) {
  if (!names.has(number)) names.set(number, name);
}

/** A call that answers -1 on failure. Strings go as they are: a byte string must be a Buffer with its NUL. */
function bind(signature: string): (...args: unknown[]) => Result {
  const call = library.func(signature);
  return (...args) => {
    const result: unknown = call(...args);
    if (result !== -1 && result !== -1n) return Number(result);
    const errno = koffi.errno();
    return names.get(errno) ?? `E${errno}`;
  };
}

export const AT_FDCWD = -100;
export const AT_SYMLINK_NOFOLLOW = 0x100;
export const AT_SYMLINK_FOLLOW = 0x400;
export const O_RDONLY = 0;
export const O_WRONLY = 1;
export const O_RDWR = 2;
export const O_CREAT = 0o100;
export const O_EXCL = 0o200;
export const O_TRUNC = 0o1000;
export const O_APPEND = 0o2000;
export const O_DIRECTORY = 0o200000;
export const O_NOFOLLOW = 0o400000;
export const O_TMPFILE = 0o20200000;
export const SEEK_DATA = 3;
export const SEEK_HOLE = 4;
export const RENAME_NOREPLACE = 1;
export const RENAME_EXCHANGE = 2;
export const LOCK_SH = 1;
export const LOCK_EX = 2;
export const LOCK_NB = 4;
export const LOCK_UN = 8;
export const UTIME_NOW = 0x3fffffff;
export const UTIME_OMIT = 0x3ffffffe;
export const PROT_READ = 1;
export const PROT_WRITE = 2;
export const MAP_SHARED = 1;
export const MAP_PRIVATE = 2;

export const sys = {
  open: bind("int open(const char *path, int flags, unsigned int mode)"),
  close: bind("int close(int fd)"),
  read: bind("int64_t read(int fd, void *into, size_t count)"),
  write: bind("int64_t write(int fd, const void *from, size_t count)"),
  pread: bind("int64_t pread(int fd, void *into, size_t count, int64_t offset)"),
  pwrite: bind("int64_t pwrite(int fd, const void *from, size_t count, int64_t offset)"),
  lseek: bind("int64_t lseek(int fd, int64_t offset, int whence)"),
  fsync: bind("int fsync(int fd)"),
  fdatasync: bind("int fdatasync(int fd)"),
  truncate: bind("int truncate(const char *path, int64_t length)"),
  ftruncate: bind("int ftruncate(int fd, int64_t length)"),
  fallocate: bind("int fallocate(int fd, int mode, int64_t offset, int64_t length)"),
  copyFileRange: bind(
    "int64_t copy_file_range(int from, int64_t *fromAt, int to, int64_t *toAt, size_t n, unsigned int flags)",
  ),
  mkdir: bind("int mkdir(const char *path, unsigned int mode)"),
  rmdir: bind("int rmdir(const char *path)"),
  unlink: bind("int unlink(const char *path)"),
  rename: bind("int rename(const char *from, const char *to)"),
  renameat2: bind(
    "int renameat2(int fromDir, const char *from, int toDir, const char *to, unsigned int flags)",
  ),
  link: bind("int link(const char *from, const char *to)"),
  linkat: bind("int linkat(int fromDir, const char *from, int toDir, const char *to, int flags)"),
  symlink: bind("int symlink(const char *target, const char *path)"),
  mknod: bind("int mknod(const char *path, unsigned int mode, uint64_t dev)"),
  chmod: bind("int chmod(const char *path, unsigned int mode)"),
  fchmod: bind("int fchmod(int fd, unsigned int mode)"),
  chown: bind("int chown(const char *path, unsigned int uid, unsigned int gid)"),
  lchown: bind("int lchown(const char *path, unsigned int uid, unsigned int gid)"),
  access: bind("int access(const char *path, int mode)"),
  chdir: bind("int chdir(const char *path)"),
  utimensat: bind("int utimensat(int dir, const char *path, const void *times, int flags)"),
  flock: bind("int flock(int fd, int operation)"),
  setxattr: bind(
    "int setxattr(const char *path, const char *name, const void *value, size_t size, int flags)",
  ),
  getxattr: bind("int64_t getxattr(const char *path, const char *name, void *value, size_t size)"),
  listxattr: bind("int64_t listxattr(const char *path, void *list, size_t size)"),
  removexattr: bind("int removexattr(const char *path, const char *name)"),
  setfsuid: bind("int setfsuid(unsigned int uid)"),
  setfsgid: bind("int setfsgid(unsigned int gid)"),
  umask: bind("unsigned int umask(unsigned int mask)"),
};

const mmapCall = library.func(
  "void *mmap(void *address, size_t length, int protection, int flags, int fd, int64_t offset)",
);
const munmapCall = library.func("int munmap(void *address, size_t length)");
const msyncCall = library.func("int msync(void *address, size_t length, int flags)");
const MS_SYNC = 4;

/** A mapping of a file; undefined when it was refused. */
export function mmap(
  fd: number,
  length: number,
  protection: number,
  flags: number,
): { bytes: Uint8Array; sync: () => void; unmap: () => void } | undefined {
  const address: unknown = mmapCall(null, length, protection, flags, fd, 0);
  if (address === -1n || BigInt.asUintN(64, BigInt(address as bigint)) === 2n ** 64n - 1n) {
    return undefined;
  }
  return {
    bytes: new Uint8Array(koffi.view(address, length)),
    sync: () => {
      msyncCall(address, length, MS_SYNC);
    },
    unmap: () => {
      munmapCall(address, length);
    },
  };
}

/**
 * Does something as another user, as far as files are concerned: the thread's file system ids change, and with
 * them its rights to override permissions. Root only.
 */
export function as<T>(uid: number, gid: number, action: () => T): T {
  sys.setfsgid(gid);
  sys.setfsuid(uid);
  try {
    return action();
  } finally {
    sys.setfsuid(0);
    sys.setfsgid(0);
  }
}

/** struct timespec[2]: access and modification time. */
export function timespecs(
  atime: { s: number; ns: number },
  mtime: { s: number; ns: number },
): Uint8Array {
  const words = BigInt64Array.of(
    BigInt(atime.s),
    BigInt(atime.ns),
    BigInt(mtime.s),
    BigInt(mtime.ns),
  );
  return new Uint8Array(words.buffer);
}
