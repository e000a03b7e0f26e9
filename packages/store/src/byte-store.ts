/**
 * The byte layer under the store: working files (live bytes of an inode, mutable) and blobs (immutable bytes
 * named by their digest).
 *
 * Two implementations: real files, and memory with a record of what has been made durable (for the simulator).
 * The first interface is for the store thread: synchronous, and called with at most `inlineBytesMax` bytes of
 * copying or hashing. The second is for the file worker: asynchronous, cancellable, any size.
 */

import type { Durability } from "./database.ts";

/** A descriptor of a working file. Opaque to the store. */
export type Descriptor = number;

/** What fstat(2) says of a working file. */
export interface WorkStat {
  /** Bytes. */
  readonly size: number;
  /** Units of 512 bytes. */
  readonly blocks: number;
  readonly mtimeS: number;
  readonly mtimeNs: number;
  readonly ctimeS: number;
  readonly ctimeNs: number;
  /** ctime as text, to be compared for equality only. */
  readonly ctime: string;
}

/** Disk under the store, as statfs(2) tells. */
export interface DiskStat {
  readonly blockBytes: number;
  readonly blocks: number;
  readonly blocksFree: number;
  readonly blocksAvailable: number;
  readonly files: number;
  readonly filesFree: number;
}

export interface ByteStore {
  /** Opens `work/<ino>`. `create` makes it empty if it does not exist. @throws ENOENT when it must exist and does not */
  openWork(ino: number, access: "read" | "write" | "create"): Descriptor;
  close(fd: Descriptor): void;
  /** Bytes read: short only at the end of the file. */
  read(fd: Descriptor, into: Uint8Array, offset: number): number;
  /** Writes all of `bytes`, or throws (ENOSPC, EFBIG, EIO) having written part of them. */
  write(fd: Descriptor, bytes: Uint8Array, offset: number): void;
  truncate(fd: Descriptor, size: number): void;
  stat(fd: Descriptor): WorkStat;
  setTimes(fd: Descriptor, mtimeS: number, mtimeNs: number): void;
  /** fdatasync(2): the bytes and the size survive a power loss. */
  sync(fd: Descriptor): void;
  /** lseek with SEEK_DATA (3) or SEEK_HOLE (4). @throws FsError ENXIO */
  seek(fd: Descriptor, offset: number, whence: number): number;
  /** fallocate(2). @throws FsError EOPNOTSUPP, ENOSPC */
  allocate(fd: Descriptor, mode: number, offset: number, length: number): void;
  /** Bytes copied, at most `length`. */
  copyRange(
    from: Descriptor,
    fromOffset: number,
    to: Descriptor,
    toOffset: number,
    length: number,
  ): number;

  /** Absolute path of a working file; undefined where there are no real files. */
  workPath(ino: number): string | undefined;
  hasWork(ino: number): boolean;
  /** Removes a working file if it exists. The row went before (spec.md STORE-5). */
  removeWork(ino: number): void;
  /**
   * Makes the working file of `from`, whose row is gone, that of `to`, which has none: empty, as if it were new. Cheaper
   * than removing one and making another. False when that cannot be, and then nothing has happened; above all when
   * somebody may still have it open or mapped.
   */
  reuseWork(from: number, to: number): boolean;
  /** Every inode that has a working file. For recovery and `check`. */
  listWork(): number[];
  /**
   * What fstat says of a working file, if the kernel grants a read lease on it: then no descriptor and no mapping
   * can write. Undefined while one can. Where `tellsWriters` is false it is not asked.
   */
  statUnwritten(ino: number): WorkStat | undefined;
  /** Whether the disk knows leases: without them bytes must not change behind our back (no passthrough). */
  tellsWriters(): boolean;

  hasBlob(digest: string): boolean;
  /** Bytes in a blob. @throws FsError ENOENT */
  blobSize(digest: string): number;
  /** The bytes of a blob of at most `inlineBytesMax`. */
  readBlob(digest: string): Uint8Array;
  /**
   * Writes a blob of at most `inlineBytesMax`. Returns its digest. On return it survives a power loss, or with
   * "process" the death of the process only: recovery then looks whether it is whole.
   */
  putBlob(bytes: Uint8Array, durability?: Durability): string;
  removeBlob(digest: string): void;
  listBlobs(): string[];
  /** Renames `work/<ino>` to `blobs/<digest>`, for bytes whose digest is known and that nobody can write. */
  moveWorkToBlob(ino: number, digest: string): void;
  /**
   * Makes the bytes of a blob those of `work/<ino>`: moved when `keep` is false, else copied (never hard-linked: a
   * blob must not be a file that somebody can write). Done twice it is done once: when the blob is gone and the
   * working file is there, nothing happens. With "process" a copy is durable on return, but not its name.
   */
  fillWork(digest: string, ino: number, keep: boolean, durability?: Durability): void;
  /** Removes what a crash left half-written. Only for the process that holds the store's database. */
  clearUnfinished(): void;
  /** Makes names created and removed under `work/` and `blobs/`, or one of them, survive a power loss. */
  syncNames(folder?: "work" | "blobs"): void;

  /** Names the machine's run since it was last started; undefined where that cannot be told. */
  bootId(): string | undefined;
  /** SHA-256 of bytes in memory, hexadecimal. */
  digest(bytes: Uint8Array): string;
  disk(): DiskStat;
  /**
   * Holds exactly `bytes` of the disk for later, in a file of no meaning. Less gives the rest back at once.
   * @throws ENOSPC when that much is not free; how much is held then is what it was
   */
  reserve(bytes: number): void;
}

/** A snapshot of a working file. */
export interface Snapshot {
  readonly digest: string;
  /** Bytes. */
  readonly size: number;
}

/** Long work on bytes, off the store thread. Every call can be cancelled; nothing half-done is left visible. */
export interface FileWorker {
  /**
   * Freezes the bytes of `work/<ino>` as a blob: stat, fdatasync (re-arms the page faults of shared mappings),
   * copy while hashing, stat; with `mayChange` hashed once more. Undefined when the bytes moved under it, except
   * that a file which only grew gives its first bytes.
   */
  snapshot(ino: number, mayChange: boolean, signal?: AbortSignal): Promise<Snapshot | undefined>;
  /** Digest and size of `work/<ino>` as it is now. */
  hashWork(ino: number, signal?: AbortSignal): Promise<Snapshot>;
  /** Writes what arrives as a blob, durable when it resolves. `bytesMax` bounds it. */
  writeBlob(
    source: ReadableStream<Uint8Array>,
    bytesMax: number,
    signal?: AbortSignal,
  ): Promise<Snapshot>;
  /** All bytes of a blob. For what is sent in memory. */
  readBlob(digest: string): Promise<Uint8Array>;
  /** The bytes of a blob as a stream, for what is too large to hold. */
  streamBlob(digest: string): ReadableStream<Uint8Array>;
}
