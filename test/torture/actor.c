/*
 * A program that uses a mount while what serves it is killed. It carries out scripts, one system call after the
 * other, and says what each call answered: what it was told "ok" for is what must not be lost.
 *
 * Reads lines from its standard input: a letter and the path of a script. `b` begins a script and, after the first
 * call that failed, goes on with at most `after_failure` more; `m` (more) carries a script out whatever fails.
 * Answers a line `index result` for each call (a negative errno when it failed) and `end` after each script. Handles
 * stay open from one script to the next. Ends with its input.
 *
 * With TORTURE_LOG each call that succeeded is marked in that file, among the records of recorder.c.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "record.h"

enum { handles_max = 64, after_failure = 12, line_max = 8192 };

static int handles[handles_max];
static sigjmp_buf on_bus_error;
static int log_fd = -1;

static void bus_error(int signal) {
  (void)signal;
  siglongjmp(on_bus_error, 1);
}

/* The bytes that a call writes: its token over and over, from the beginning. */
static char *fill(const char *token, size_t length) {
  char *bytes = malloc(length + 1);
  size_t each = strlen(token);
  for (size_t at = 0; at < length; at += 1) bytes[at] = token[at % each];
  return bytes;
}

static long failed(void) { return -(long)errno; }

static long answer(long result) { return result < 0 ? failed() : result; }

static long write_at(int fd, off_t offset, size_t length, const char *token) {
  char *bytes = fill(token, length);
  long result = 0;
  size_t done = 0;
  while (done < length) {
    ssize_t count =
        offset < 0 ? write(fd, bytes + done, length - done) : pwrite(fd, bytes + done, length - done, offset + (off_t)done);
    if (count <= 0) {
      result = count < 0 ? failed() : -EIO;
      break;
    }
    done += (size_t)count;
  }
  free(bytes);
  return result;
}

/* Stores to a shared mapping, made durable by msync. A page that cannot be had is a SIGBUS: an error like another. */
static long write_mapped(int fd, off_t offset, size_t length, const char *token) {
  struct stat st;
  if (fstat(fd, &st) < 0) return failed();
  char *map = mmap(NULL, (size_t)st.st_size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  if (map == MAP_FAILED) return failed();
  char *bytes = fill(token, length);
  long result;
  if (sigsetjmp(on_bus_error, 1) == 0) {
    memcpy(map + offset, bytes, length);
    result = answer(msync(map, (size_t)st.st_size, MS_SYNC));
  } else {
    result = -EFAULT;
  }
  free(bytes);
  munmap(map, (size_t)st.st_size);
  return result;
}

static long sync_directory(const char *path) {
  int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0) return failed();
  long result = answer(fsync(fd));
  close(fd);
  return result;
}

static long append_line(const char *path, const char *token) {
  int fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
  if (fd < 0) return failed();
  char line[256];
  int length = snprintf(line, sizeof line, "%s\n", token);
  long result = answer(write(fd, line, (size_t)length));
  if (close(fd) < 0 && result >= 0) result = failed();
  return result < 0 ? result : 0;
}

static long carry_out(char **w, int count) {
  const char *name = w[0];
#define IS(call, words) (strcmp(name, call) == 0 && count == (words) + 1)
#define NUMBER(n) strtol(w[n], NULL, 10)
#define HANDLE (&handles[NUMBER(1) % handles_max])
  if (IS("open", 4)) {
    int fd = open(w[2], (int)NUMBER(3) | O_CLOEXEC, (mode_t)NUMBER(4));
    if (fd < 0) return failed();
    *HANDLE = fd;
    return 0;
  }
  if (IS("close", 1)) {
    int fd = *HANDLE;
    *HANDLE = -1;
    return answer(close(fd));
  }
  if (IS("write", 4)) return write_at(*HANDLE, NUMBER(2), (size_t)NUMBER(3), w[4]);
  if (IS("append", 3)) return write_at(*HANDLE, -1, (size_t)NUMBER(2), w[3]);
  if (IS("map", 4)) return write_mapped(*HANDLE, NUMBER(2), (size_t)NUMBER(3), w[4]);
  if (IS("ftruncate", 2)) return answer(ftruncate(*HANDLE, NUMBER(2)));
  if (IS("fsync", 1)) return answer(fsync(*HANDLE));
  if (IS("fdatasync", 1)) return answer(fdatasync(*HANDLE));
  if (IS("truncate", 2)) return answer(truncate(w[1], NUMBER(2)));
  if (IS("rename", 2)) return answer(rename(w[1], w[2]));
  if (IS("exchange", 2)) return answer(renameat2(AT_FDCWD, w[1], AT_FDCWD, w[2], RENAME_EXCHANGE));
  if (IS("unlink", 1)) return answer(unlink(w[1]));
  if (IS("mkdir", 1)) return answer(mkdir(w[1], 0755));
  if (IS("rmdir", 1)) return answer(rmdir(w[1]));
  if (IS("link", 2)) return answer(link(w[1], w[2]));
  if (IS("symlink", 2)) return answer(symlink(w[1], w[2]));
  if (IS("chmod", 2)) return answer(chmod(w[1], (mode_t)NUMBER(2)));
  if (IS("fsyncdir", 1)) return sync_directory(w[1]);
  if (IS("line", 2)) return append_line(w[1], w[2]);
  fprintf(stderr, "actor: no such call: %s with %d words\n", name, count - 1);
  exit(2);
}

static void mark(long index) {
  if (log_fd < 0) return;
  struct record record = {.kind = record_mark, .a = index};
  if (write(log_fd, &record, sizeof record) != sizeof record) exit(3);
}

static void run(const char *path, int stops) {
  FILE *script = fopen(path, "r");
  if (script == NULL) {
    perror(path);
    exit(2);
  }
  static char line[line_max];
  int left = -1;
  for (long index = 0; left != 0 && fgets(line, sizeof line, script) != NULL; index += 1) {
    char *words[8];
    int count = 0;
    for (char *word = strtok(line, " \n"); word != NULL && count < 8; word = strtok(NULL, " \n"))
      words[count++] = word;
    if (count < 2) continue;
    long pause_us = strtol(words[0], NULL, 10);
    if (pause_us > 0 && left < 0) usleep((useconds_t)pause_us);
    long result = carry_out(words + 1, count - 1);
    if (result >= 0) mark(index);
    printf("%ld %ld\n", index, result);
    if (left > 0) left -= 1;
    else if (stops && result < 0) left = after_failure;
  }
  fclose(script);
  printf("end\n");
  fflush(stdout);
}

int main(void) {
  struct sigaction action = {.sa_handler = bus_error};
  sigaction(SIGBUS, &action, NULL);
  umask(022);
  for (int at = 0; at < handles_max; at += 1) handles[at] = -1;
  const char *log = getenv("TORTURE_LOG");
  if (log != NULL) log_fd = open(log, O_WRONLY | O_APPEND | O_CLOEXEC);
  static char line[line_max];
  while (fgets(line, sizeof line, stdin) != NULL) {
    line[strcspn(line, "\n")] = '\0';
    if (strlen(line) < 3) continue;
    run(line + 2, line[0] == 'b');
  }
  return 0;
}
