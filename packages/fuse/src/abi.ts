/**
 * The kernel's FUSE protocol, by the kernel's names: include/uapi/linux/fuse.h, version 7.45. All integers are
 * little-endian (we run on x86-64 and arm64); structures have no holes but those named here. Sizes are bytes.
 */

export const FUSE_KERNEL_VERSION = 7;
/** The newest minor version that we know; the kernel and we speak the smaller of both. */
export const FUSE_KERNEL_MINOR_VERSION = 45;
/** The oldest one we speak: kernel 5.4. */
export const minorVersionMin = 31;

export const FUSE_LOOKUP = 1;
export const FUSE_FORGET = 2;
export const FUSE_GETATTR = 3;
export const FUSE_SETATTR = 4;
export const FUSE_READLINK = 5;
export const FUSE_SYMLINK = 6;
export const FUSE_MKNOD = 8;
export const FUSE_MKDIR = 9;
export const FUSE_UNLINK = 10;
export const FUSE_RMDIR = 11;
export const FUSE_RENAME = 12;
export const FUSE_LINK = 13;
export const FUSE_OPEN = 14;
export const FUSE_READ = 15;
export const FUSE_WRITE = 16;
export const FUSE_STATFS = 17;
export const FUSE_RELEASE = 18;
export const FUSE_FSYNC = 20;
export const FUSE_SETXATTR = 21;
export const FUSE_GETXATTR = 22;
export const FUSE_LISTXATTR = 23;
export const FUSE_REMOVEXATTR = 24;
export const FUSE_FLUSH = 25;
export const FUSE_INIT = 26;
export const FUSE_OPENDIR = 27;
export const FUSE_READDIR = 28;
export const FUSE_RELEASEDIR = 29;
export const FUSE_FSYNCDIR = 30;
export const FUSE_GETLK = 31;
export const FUSE_SETLK = 32;
export const FUSE_SETLKW = 33;
export const FUSE_ACCESS = 34;
export const FUSE_CREATE = 35;
export const FUSE_INTERRUPT = 36;
export const FUSE_BMAP = 37;
export const FUSE_DESTROY = 38;
export const FUSE_IOCTL = 39;
export const FUSE_POLL = 40;
export const FUSE_NOTIFY_REPLY = 41;
export const FUSE_BATCH_FORGET = 42;
export const FUSE_FALLOCATE = 43;
export const FUSE_READDIRPLUS = 44;
export const FUSE_RENAME2 = 45;
export const FUSE_LSEEK = 46;
export const FUSE_COPY_FILE_RANGE = 47;
export const FUSE_SETUPMAPPING = 48;
export const FUSE_REMOVEMAPPING = 49;
export const FUSE_SYNCFS = 50;
export const FUSE_TMPFILE = 51;
export const FUSE_STATX = 52;
export const FUSE_COPY_FILE_RANGE_64 = 53;

/** Names of the opcodes, for traces. */
export const opcodeNames: Readonly<Record<number, string>> = {
  [FUSE_LOOKUP]: "LOOKUP",
  [FUSE_FORGET]: "FORGET",
  [FUSE_GETATTR]: "GETATTR",
  [FUSE_SETATTR]: "SETATTR",
  [FUSE_READLINK]: "READLINK",
  [FUSE_SYMLINK]: "SYMLINK",
  [FUSE_MKNOD]: "MKNOD",
  [FUSE_MKDIR]: "MKDIR",
  [FUSE_UNLINK]: "UNLINK",
  [FUSE_RMDIR]: "RMDIR",
  [FUSE_RENAME]: "RENAME",
  [FUSE_LINK]: "LINK",
  [FUSE_OPEN]: "OPEN",
  [FUSE_READ]: "READ",
  [FUSE_WRITE]: "WRITE",
  [FUSE_STATFS]: "STATFS",
  [FUSE_RELEASE]: "RELEASE",
  [FUSE_FSYNC]: "FSYNC",
  [FUSE_SETXATTR]: "SETXATTR",
  [FUSE_GETXATTR]: "GETXATTR",
  [FUSE_LISTXATTR]: "LISTXATTR",
  [FUSE_REMOVEXATTR]: "REMOVEXATTR",
  [FUSE_FLUSH]: "FLUSH",
  [FUSE_INIT]: "INIT",
  [FUSE_OPENDIR]: "OPENDIR",
  [FUSE_READDIR]: "READDIR",
  [FUSE_RELEASEDIR]: "RELEASEDIR",
  [FUSE_FSYNCDIR]: "FSYNCDIR",
  [FUSE_GETLK]: "GETLK",
  [FUSE_SETLK]: "SETLK",
  [FUSE_SETLKW]: "SETLKW",
  [FUSE_ACCESS]: "ACCESS",
  [FUSE_CREATE]: "CREATE",
  [FUSE_INTERRUPT]: "INTERRUPT",
  [FUSE_BMAP]: "BMAP",
  [FUSE_DESTROY]: "DESTROY",
  [FUSE_IOCTL]: "IOCTL",
  [FUSE_POLL]: "POLL",
  [FUSE_NOTIFY_REPLY]: "NOTIFY_REPLY",
  [FUSE_BATCH_FORGET]: "BATCH_FORGET",
  [FUSE_FALLOCATE]: "FALLOCATE",
  [FUSE_READDIRPLUS]: "READDIRPLUS",
  [FUSE_RENAME2]: "RENAME2",
  [FUSE_LSEEK]: "LSEEK",
  [FUSE_COPY_FILE_RANGE]: "COPY_FILE_RANGE",
  [FUSE_SETUPMAPPING]: "SETUPMAPPING",
  [FUSE_REMOVEMAPPING]: "REMOVEMAPPING",
  [FUSE_SYNCFS]: "SYNCFS",
  [FUSE_TMPFILE]: "TMPFILE",
  [FUSE_STATX]: "STATX",
  [FUSE_COPY_FILE_RANGE_64]: "COPY_FILE_RANGE_64",
};

/** One more than the highest opcode we know. */
export const opcodeEnd = 54;

// Notifications: the `error` field of a message with unique 0.
export const FUSE_NOTIFY_INVAL_INODE = 2;
export const FUSE_NOTIFY_INVAL_ENTRY = 3;
export const FUSE_NOTIFY_DELETE = 6;

/** struct fuse_in_header: before every request. */
export const inHeader = {
  bytes: 40,
  len: 0,
  opcode: 4,
  unique: 8,
  nodeid: 16,
  uid: 24,
  gid: 28,
  pid: 32,
} as const;

/** struct fuse_out_header: before every reply and notification. */
export const outHeader = { bytes: 16, len: 0, error: 4, unique: 8 } as const;

/** struct fuse_attr. */
export const attrBytes = 88;
/** struct fuse_entry_out. */
export const entryOutBytes = 128;
/** struct fuse_statx_out: 32 bytes of its own, then struct fuse_statx. */
export const statxOutBytes = 288;
/** Bits of `mask`, as of statx(2): the attributes that stat(2) has, and the birth time. */
export const STATX_BASIC_STATS = 0x7ff;
export const STATX_BTIME = 0x800;
/** struct fuse_dirent without its name. */
export const direntBytes = 24;
/** struct fuse_write_in: what lies between a WRITE's header and its data. */
export const writeInBytes = 40;
/** struct fuse_init_in up to and with `flags2`. */
export const initIn2Bytes = 20;
/** struct fuse_init_out. */
export const initOutBytes = 64;

/** The smallest buffer that the kernel accepts for reading a request. */
export const FUSE_MIN_READ_BUFFER = 8192;

// Device ioctls: _IOW(229, n, …).
/** Takes struct fuse_backing_map { s32 fd; u32 flags; u64 padding }; returns a backing id. */
export const FUSE_DEV_IOC_BACKING_OPEN = 0x4010_e501;
/** Takes a u32 backing id. */
export const FUSE_DEV_IOC_BACKING_CLOSE = 0x4004_e502;
