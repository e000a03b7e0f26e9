/*
 * One record of the log that recorder.c and actor.c write together: this header, then `length` bytes. Native byte
 * order. What `a`, `b` and the bytes mean depends on the kind; power-log.ts reads the same.
 */
#ifndef RECORD_H
#define RECORD_H
#include <stdint.h>

enum {
  record_mark = 1,      /* a: index of a call that was acknowledged */
  record_create = 2,    /* a: inode; bytes: its path */
  record_write = 3,     /* a: inode, b: offset; bytes: what was written */
  record_truncate = 4,  /* a: inode, b: size */
  record_sync = 5,      /* a: inode */
  record_rename = 6,    /* bytes: from, NUL, to */
  record_unlink = 7,    /* bytes: path */
  record_sync_names = 8, /* bytes: path of a directory */
  record_allocate = 9,  /* a: inode, b: mode; bytes: offset and length, two int64_t */
};

struct record {
  uint32_t kind;
  uint32_t length;
  int64_t a;
  int64_t b;
};
#endif
