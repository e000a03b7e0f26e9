// Does one kind of file operation many times in a directory and prints what one took, in microseconds.
//
//     client PHASE DIRECTORY COUNT
//
// In C, because what is measured is at times shorter than a call from JavaScript.
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

static char block[1 << 20];
static char name[64];
static uint64_t seed = 88172645463325252ULL;

static void fail(const char *what) {
  fprintf(stderr, "%s: %s\n", what, strerror(errno));
  exit(1);
}

static long check(long result, const char *what) {
  if (result < 0) fail(what);
  return result;
}

static double now_us(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return t.tv_sec * 1e6 + t.tv_nsec / 1e3;
}

static const char *numbered(const char *prefix, long i) {
  snprintf(name, sizeof name, "%s%ld", prefix, i);
  return name;
}

static uint64_t next_random(void) {
  seed ^= seed << 13;
  seed ^= seed >> 7;
  seed ^= seed << 17;
  return seed;
}

static void create_one(long i) {
  int fd = check(open(numbered("f", i), O_CREAT | O_EXCL | O_WRONLY, 0644), "create");
  check(write(fd, block, 4096), "write");
  check(close(fd), "close");
}

static void stat_one(long i) {
  struct stat st;
  check(stat(numbered("f", i), &st), "stat");
}

static void open_read_one(long i) {
  int fd = check(open(numbered("f", i), O_RDONLY), "open");
  check(read(fd, block, 4096), "read");
  close(fd);
}

static void rename_one(long i) {
  char to[64];
  snprintf(to, sizeof to, "g%ld", i);
  check(rename(numbered("f", i), to), "rename");
}

static void mkdir_one(long i) { check(mkdir(numbered("d", i), 0755), "mkdir"); }
static void rmdir_one(long i) { check(rmdir(numbered("d", i)), "rmdir"); }
static void unlink_one(long i) { check(unlink(numbered("g", i)), "unlink"); }

static int big = -1;
static const long big_bytes = 64L << 20;

static void open_big(int flags) { big = check(open("big", flags, 0644), "open big"); }

// One operation is one MiB.
static void seq_write_one(long i) { check(pwrite(big, block, 1 << 20, i << 20), "pwrite"); }
static void seq_read_one(long i) { check(pread(big, block, 1 << 20, i << 20), "pread"); }

static void rand_read_one(long i) {
  (void)i;
  check(pread(big, block, 4096, next_random() % (big_bytes / 4096) * 4096), "pread");
}

static void rand_write_one(long i) {
  (void)i;
  check(pwrite(big, block, 4096, next_random() % (big_bytes / 4096) * 4096), "pwrite");
}

static void write_fsync_one(long i) {
  check(pwrite(big, block, 4096, i * 4096), "pwrite");
  check(fsync(big), "fsync");
}

static void readdir_all(long i) {
  (void)i;
  DIR *dir = opendir(".");
  if (dir == NULL) fail("opendir");
  long entries = 0;
  while (readdir(dir) != NULL) entries += 1;
  closedir(dir);
  if (entries < 3) fail("readdir");
}

struct phase {
  const char *name;
  void (*run)(long i);
  // How the big file is opened first; -1: not at all.
  int big_flags;
};

static const struct phase phases[] = {
    {"create", create_one, -1},
    {"stat", stat_one, -1},
    {"open-read", open_read_one, -1},
    {"rename", rename_one, -1},
    {"mkdir", mkdir_one, -1},
    {"rmdir", rmdir_one, -1},
    {"unlink", unlink_one, -1},
    {"readdir", readdir_all, -1},
    {"seq-write", seq_write_one, O_CREAT | O_RDWR},
    {"seq-read", seq_read_one, O_RDONLY},
    {"rand-read", rand_read_one, O_RDONLY},
    {"rand-write", rand_write_one, O_RDWR},
    {"write-fsync", write_fsync_one, O_RDWR},
};

int main(int argc, char **argv) {
  if (argc != 4) return 2;
  check(chdir(argv[2]), argv[2]);
  memset(block, 'x', sizeof block);
  long count = atol(argv[3]);
  for (size_t p = 0; p < sizeof phases / sizeof phases[0]; p++) {
    if (strcmp(phases[p].name, argv[1]) != 0) continue;
    if (phases[p].big_flags >= 0) open_big(phases[p].big_flags);
    double start = now_us();
    for (long i = 0; i < count; i++) phases[p].run(i);
    printf("%.3f\n", (now_us() - start) / count);
    return 0;
  }
  fprintf(stderr, "no phase %s\n", argv[1]);
  return 2;
}
