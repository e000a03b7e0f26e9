/** Flag sets of the FUSE protocol, by the kernel's names (include/uapi/linux/fuse.h). */

// FUSE_INIT, bits 0–31 (`flags`).
export const FUSE_ASYNC_READ: number = 1 << 0;
export const FUSE_ATOMIC_O_TRUNC: number = 1 << 3;
export const FUSE_EXPORT_SUPPORT: number = 1 << 4;
export const FUSE_BIG_WRITES: number = 1 << 5;
export const FUSE_DONT_MASK: number = 1 << 6;
export const FUSE_AUTO_INVAL_DATA: number = 1 << 12;
export const FUSE_DO_READDIRPLUS: number = 1 << 13;
export const FUSE_READDIRPLUS_AUTO: number = 1 << 14;
export const FUSE_ASYNC_DIO: number = 1 << 15;
export const FUSE_WRITEBACK_CACHE: number = 1 << 16;
export const FUSE_PARALLEL_DIROPS: number = 1 << 18;
export const FUSE_POSIX_ACL: number = 1 << 20;
export const FUSE_ABORT_ERROR: number = 1 << 21;
export const FUSE_MAX_PAGES: number = 1 << 22;
export const FUSE_CACHE_SYMLINKS: number = 1 << 23;
export const FUSE_NO_OPENDIR_SUPPORT: number = 1 << 24;
export const FUSE_EXPLICIT_INVAL_DATA: number = 1 << 25;
export const FUSE_HANDLE_KILLPRIV_V2: number = 1 << 28;
export const FUSE_SETXATTR_EXT: number = 1 << 29;
export const FUSE_INIT_EXT: number = 1 << 30;

// FUSE_INIT, bits 32–63 (`flags2`), shifted down by 32.
export const FUSE_PASSTHROUGH_2: number = 1 << 5;

// What OPEN, CREATE and OPENDIR answer.
export const FOPEN_KEEP_CACHE: number = 1 << 1;
export const FOPEN_CACHE_DIR: number = 1 << 3;
/** Since 7.35: the kernel sends no FLUSH for this handle. */
export const FOPEN_NOFLUSH: number = 1 << 5;
export const FOPEN_PASSTHROUGH: number = 1 << 7;

// SETATTR's `valid`.
export const FATTR_MODE: number = 1 << 0;
export const FATTR_UID: number = 1 << 1;
export const FATTR_GID: number = 1 << 2;
export const FATTR_SIZE: number = 1 << 3;
export const FATTR_ATIME: number = 1 << 4;
export const FATTR_MTIME: number = 1 << 5;
export const FATTR_FH: number = 1 << 6;
export const FATTR_ATIME_NOW: number = 1 << 7;
export const FATTR_MTIME_NOW: number = 1 << 8;
export const FATTR_KILL_SUIDGID: number = 1 << 11;

// Others.
export const FUSE_WRITE_KILL_SUIDGID: number = 1 << 2;
export const FUSE_OPEN_KILL_SUIDGID: number = 1 << 0;
export const FUSE_SETXATTR_ACL_KILL_SGID: number = 1 << 0;
export const FUSE_FSYNC_FDATASYNC: number = 1 << 0;
