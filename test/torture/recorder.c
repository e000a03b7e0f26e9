/*
 * Preloaded into a daemon: logs, in one order, everything that changes files below one directory, and every sync. From
 * any beginning of that log, with what was not synced kept, lost or torn, follows a disk that a power loss may leave.
 *
 * TORTURE_DIR  the directory; its files are opened by absolute paths
 * TORTURE_LOG  the log: records as in record.h
 *
 * A lock is held over each call and its record, so that the order of the log is the order of the effects. A daemon that
 * is recorded gets no passthrough and no reflinks: what others write, or the disk copies, could not be seen.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include "record.h"

enum { fds_max = 4096, path_max = 1024, copy_max = 1 << 20 };

#define FUSE_DEV_IOC_BACKING_OPEN 0x4010e501ul
#define FICLONE 0x40049409ul

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static int log_fd = -1;
static char dir[path_max];
static size_t dir_length;
/* Of descriptors of files and directories below `dir`: the inode, and of directories the path. */
static ino_t inode_of[fds_max];
static char *path_of[fds_max];

#define REAL(name)                                              \
  ({                                                            \
    static __typeof__(&name) found;                             \
    if (found == NULL) found = (__typeof__(&name))dlsym(RTLD_NEXT, #name); \
    found;                                                      \
  })

__attribute__((constructor)) static void begin(void) {
  const char *log = getenv("TORTURE_LOG");
  const char *below = getenv("TORTURE_DIR");
  if (log == NULL || below == NULL || strlen(below) + 2 > sizeof dir) return;
  strcpy(dir, below);
  dir_length = strlen(dir);
  log_fd = REAL(open)(log, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
}

static int is_ours(const char *path) {
  return log_fd >= 0 && strncmp(path, dir, dir_length) == 0 && path[dir_length] == '/';
}

static const char *relative(const char *path) { return path + dir_length; }

static void put(uint32_t kind, int64_t a, int64_t b, const void *bytes, size_t length) {
  struct record record = {.kind = kind, .length = (uint32_t)length, .a = a, .b = b};
  struct iovec parts[2] = {{&record, sizeof record}, {(void *)bytes, length}};
  ssize_t all = (ssize_t)(sizeof record + length);
  if (syscall(SYS_writev, log_fd, parts, 2) == all) return;
  static const char text[] = "recorder: the log cannot be written\n";
  syscall(SYS_write, 2, text, sizeof text - 1);
  abort();
}

/* The inode of a descriptor that is tracked; 0 for any other, also one whose number another has taken. */
static ino_t tracked(int fd) {
  if (fd < 0 || fd >= fds_max || inode_of[fd] == 0) return 0;
  struct stat st;
  if (fstat(fd, &st) == 0 && st.st_ino == inode_of[fd]) return st.st_ino;
  inode_of[fd] = 0;
  return 0;
}

static void track(int fd, const char *path) {
  struct stat st;
  if (fd < 0 || fd >= fds_max || fstat(fd, &st) != 0) return;
  inode_of[fd] = st.st_ino;
  free(path_of[fd]);
  path_of[fd] = S_ISDIR(st.st_mode) ? strdup(path) : NULL;
}

typedef int (*open_call)(const char *, int, ...);

static int open_logged(open_call real, const char *path, int flags, mode_t mode) {
  if (!is_ours(path)) return real(path, flags, mode);
  pthread_mutex_lock(&lock);
  struct stat st;
  int was_there = lstat(path, &st) == 0;
  int fd = real(path, flags, mode);
  int error = errno;
  if (fd >= 0) {
    track(fd, path);
    if (!was_there) put(record_create, (int64_t)inode_of[fd], 0, relative(path), strlen(relative(path)));
    else if ((flags & O_TRUNC) != 0) put(record_truncate, (int64_t)inode_of[fd], 0, NULL, 0);
  }
  pthread_mutex_unlock(&lock);
  errno = error;
  return fd;
}

#define MODE_OF(flags)                                    \
  ({                                                      \
    mode_t mode = 0;                                      \
    if (((flags) & (O_CREAT | O_TMPFILE)) != 0) {         \
      va_list more;                                       \
      va_start(more, flags);                              \
      mode = va_arg(more, mode_t);                        \
      va_end(more);                                       \
    }                                                     \
    mode;                                                 \
  })

int open(const char *path, int flags, ...) { return open_logged(REAL(open), path, flags, MODE_OF(flags)); }
int open64(const char *path, int flags, ...) { return open_logged(REAL(open64), path, flags, MODE_OF(flags)); }

int close(int fd) {
  if (fd >= 0 && fd < fds_max && inode_of[fd] != 0) {
    pthread_mutex_lock(&lock);
    inode_of[fd] = 0;
    pthread_mutex_unlock(&lock);
  }
  return REAL(close)(fd);
}

/* Logs `count` bytes that were written at `offset`. */
static void wrote(ino_t inode, off_t offset, const void *bytes, ssize_t count) {
  if (count > 0) put(record_write, (int64_t)inode, offset, bytes, (size_t)count);
}

#define GUARDED(fd, type, call, note)           \
  if (tracked(fd) == 0) return call;            \
  pthread_mutex_lock(&lock);                    \
  ino_t inode = tracked(fd);                    \
  type result = call;                           \
  int error = errno;                            \
  if (result >= 0 && inode != 0) { note; }      \
  pthread_mutex_unlock(&lock);                  \
  errno = error;                                \
  return result

ssize_t write(int fd, const void *bytes, size_t count) {
  GUARDED(fd, ssize_t, REAL(write)(fd, bytes, count),
          wrote(inode, lseek(fd, 0, SEEK_CUR) - result, bytes, result));
}
ssize_t pwrite(int fd, const void *bytes, size_t count, off_t offset) {
  GUARDED(fd, ssize_t, REAL(pwrite)(fd, bytes, count, offset), wrote(inode, offset, bytes, result));
}
ssize_t pwrite64(int fd, const void *bytes, size_t count, off64_t offset) {
  GUARDED(fd, ssize_t, REAL(pwrite64)(fd, bytes, count, offset), wrote(inode, offset, bytes, result));
}

static void wrote_parts(ino_t inode, off_t offset, const struct iovec *parts, int count, ssize_t left) {
  for (int at = 0; at < count && left > 0; at += 1) {
    ssize_t length = left < (ssize_t)parts[at].iov_len ? left : (ssize_t)parts[at].iov_len;
    wrote(inode, offset, parts[at].iov_base, length);
    offset += length;
    left -= length;
  }
}

ssize_t writev(int fd, const struct iovec *parts, int count) {
  GUARDED(fd, ssize_t, REAL(writev)(fd, parts, count),
          wrote_parts(inode, lseek(fd, 0, SEEK_CUR) - result, parts, count, result));
}
ssize_t pwritev(int fd, const struct iovec *parts, int count, off_t offset) {
  GUARDED(fd, ssize_t, REAL(pwritev)(fd, parts, count, offset), wrote_parts(inode, offset, parts, count, result));
}
ssize_t pwritev64(int fd, const struct iovec *parts, int count, off64_t offset) {
  GUARDED(fd, ssize_t, REAL(pwritev64)(fd, parts, count, offset), wrote_parts(inode, offset, parts, count, result));
}

/* What was copied into a file, read back: from where its position was. */
static void copied(int fd, ino_t inode, ssize_t count) {
  static char bytes[copy_max];
  off_t end = lseek(fd, 0, SEEK_CUR);
  for (off_t at = end - count; at < end;) {
    ssize_t part = end - at < copy_max ? end - at : copy_max;
    /* Opened for writing only: read through another descriptor. */
    char path[64];
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    int reader = REAL(open)(path, O_RDONLY | O_CLOEXEC);
    part = pread(reader, bytes, (size_t)part, at);
    REAL(close)(reader);
    if (part <= 0) abort();
    wrote(inode, at, bytes, part);
    at += part;
  }
}

ssize_t sendfile64(int to, int from, off64_t *offset, size_t count) {
  GUARDED(to, ssize_t, REAL(sendfile64)(to, from, offset, count), copied(to, inode, result));
}
ssize_t copy_file_range(int from, off64_t *from_at, int to, off64_t *to_at, size_t count, unsigned flags) {
  if (tracked(to) == 0) return REAL(copy_file_range)(from, from_at, to, to_at, count, flags);
  errno = ENOSYS;
  return -1;
}

/* Programs that make this call themselves are told that there is none, and copy in another way. */
long syscall(long number, ...) {
  va_list more;
  va_start(more, number);
  long a = va_arg(more, long), b = va_arg(more, long), c = va_arg(more, long);
  long d = va_arg(more, long), e = va_arg(more, long), f = va_arg(more, long);
  va_end(more);
  if (number == SYS_copy_file_range && tracked((int)c) != 0) {
    errno = ENOSYS;
    return -1;
  }
  return REAL(syscall)(number, a, b, c, d, e, f);
}

int ftruncate(int fd, off_t size) {
  GUARDED(fd, int, REAL(ftruncate)(fd, size), put(record_truncate, (int64_t)inode, size, NULL, 0));
}
int ftruncate64(int fd, off64_t size) {
  GUARDED(fd, int, REAL(ftruncate64)(fd, size), put(record_truncate, (int64_t)inode, size, NULL, 0));
}
int fallocate(int fd, int mode, off_t offset, off_t length) {
  int64_t range[2] = {offset, length};
  GUARDED(fd, int, REAL(fallocate)(fd, mode, offset, length),
          put(record_allocate, (int64_t)inode, mode, range, sizeof range));
}

static void synced(int fd, ino_t inode) {
  const char *path = path_of[fd];
  if (path == NULL) put(record_sync, (int64_t)inode, 0, NULL, 0);
  else put(record_sync_names, 0, 0, relative(path), strlen(relative(path)));
}

int fsync(int fd) { GUARDED(fd, int, REAL(fsync)(fd), synced(fd, inode)); }
int fdatasync(int fd) { GUARDED(fd, int, REAL(fdatasync)(fd), synced(fd, inode)); }

int rename(const char *from, const char *to) {
  if (!is_ours(from) || !is_ours(to)) return REAL(rename)(from, to);
  pthread_mutex_lock(&lock);
  int result = REAL(rename)(from, to);
  int error = errno;
  if (result == 0) {
    char both[2 * path_max];
    int length = snprintf(both, sizeof both, "%s%c%s", relative(from), '\0', relative(to));
    put(record_rename, 0, 0, both, (size_t)length);
  }
  pthread_mutex_unlock(&lock);
  errno = error;
  return result;
}

int unlink(const char *path) {
  if (!is_ours(path)) return REAL(unlink)(path);
  pthread_mutex_lock(&lock);
  int result = REAL(unlink)(path);
  int error = errno;
  if (result == 0) put(record_unlink, 0, 0, relative(path), strlen(relative(path)));
  pthread_mutex_unlock(&lock);
  errno = error;
  return result;
}

int ioctl(int fd, unsigned long request, ...) {
  va_list more;
  va_start(more, request);
  void *argument = va_arg(more, void *);
  va_end(more);
  if (log_fd >= 0 && request == FUSE_DEV_IOC_BACKING_OPEN) {
    errno = EPERM;
    return -1;
  }
  if (log_fd >= 0 && request == FICLONE) {
    errno = EOPNOTSUPP;
    return -1;
  }
  return REAL(ioctl)(fd, request, argument);
}
