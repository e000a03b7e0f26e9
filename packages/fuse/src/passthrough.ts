/**
 * FUSE_PASSTHROUGH: the kernel reads, writes and maps the working file itself (Linux 6.9, CAP_SYS_ADMIN).
 *
 * The kernel's rules (fs/fuse/iomode.c, passthrough.c): an inode is open either through its page cache or in
 * passthrough, never both, so the first open decides for all handles until the last is closed; all handles of an
 * inode name the same backing id; the file must not lie on a file system stacked deeper than was agreed. A
 * registration holds the file's path and our credentials, no descriptor, and says nothing of reading or writing:
 * each open of the kernel's has its own mode. So it is made from a read-only descriptor, closed at once.
 */
import { closeSync, constants, openSync, statfsSync } from "node:fs";
import { type Attr, assert, canWrite, type FileSystem, type Logger } from "@smfs/core";
import { backingFilesMax, passthroughReadBytesMin } from "./limits.ts";

const { O_RDONLY, O_NOFOLLOW } = constants;
const S_ISUID_OR_S_ISGID = 0o6000;

/** OVERLAYFS_SUPER_MAGIC of include/uapi/linux/magic.h. */
const overlayfs = 0x794c_7630;

/**
 * How deep the kernel must let our file system be stacked over one that keeps working files in `dir`: overlayfs is a
 * layer of its own.
 */
export function stackDepthOf(dir: string): 1 | 2 {
  return statfsSync(dir).type === overlayfs ? 2 : 1;
}

/** The two ioctls of the device. */
export interface BackingControl {
  /** Registers the file behind a descriptor. @returns its backing id, over 0 */
  open(fd: number): number;
  close(backingId: number): void;
}

interface OpenInode {
  handles: number;
  /** 0: through the page cache and us. */
  readonly backingId: number;
}

export class Passthrough {
  readonly #fs: Pick<FileSystem, "backing" | "getattr">;
  readonly #control: BackingControl;
  readonly #logger: Logger;
  readonly #inodes = new Map<number, OpenInode>();
  #agreed = false;
  #registered = 0;

  constructor(
    fs: Pick<FileSystem, "backing" | "getattr">,
    control: BackingControl,
    logger: Logger,
  ) {
    this.#fs = fs;
    this.#control = control;
    this.#logger = logger;
  }

  /** Whether the kernel takes backing ids at all: known after INIT. */
  agree(agreed: boolean): void {
    this.#agreed = agreed;
  }

  get isActive(): boolean {
    return this.#agreed;
  }

  /** Inodes with a registered file. */
  get registered(): number {
    return this.#registered;
  }

  /**
   * A handle of the inode is opened.
   * @param flags of open(2)
   * @param attr the inode's attributes, if they are known
   * @returns the backing id it must use, or 0
   */
  opened(ino: number, flags: number, attr?: Attr): number {
    const known = this.#inodes.get(ino);
    if (known !== undefined) {
      known.handles += 1;
      return known.backingId;
    }
    if (!this.#agreed) return 0;
    const backingId = this.#register(ino, flags, attr);
    if (backingId !== 0) this.#registered += 1;
    this.#inodes.set(ino, { handles: 1, backingId });
    return backingId;
  }

  /** A handle of the inode is closed. */
  released(ino: number): void {
    const known = this.#inodes.get(ino);
    if (known === undefined) return;
    known.handles -= 1;
    assert(known.handles >= 0, "an inode is released as often as it was opened");
    if (known.handles > 0) return;
    this.#inodes.delete(ino);
    if (known.backingId === 0) return;
    this.#registered -= 1;
    this.#control.close(known.backingId);
  }

  #register(ino: number, flags: number, known: Attr | undefined): number {
    if (this.#registered >= backingFilesMax) return 0;
    try {
      const { mode, size } = known ?? this.#fs.getattr(ino);
      // A write by a stranger clears these bits, and only a WRITE request tells us of it.
      if ((mode & S_ISUID_OR_S_ISGID) !== 0) return 0;
      if (!canWrite(flags) && size < passthroughReadBytesMin) return 0;
      const backing = this.#fs.backing(ino);
      if (backing === undefined) return 0;
      const fd = openSync(backing.path, O_RDONLY | O_NOFOLLOW);
      try {
        return this.#control.open(fd);
      } finally {
        closeSync(fd);
      }
    } catch (error) {
      this.#refused(error);
      return 0;
    }
  }

  /** Without passthrough everything works, only slower: an open never fails because of it. */
  #refused(error: unknown): void {
    const code = (error as { code?: unknown }).code;
    // These hold for every file: no CAP_SYS_ADMIN, stacked too deep, no such ioctl.
    const forAll =
      code === "EPERM" || code === "ELOOP" || code === "ENOTTY" || code === "EOPNOTSUPP";
    if (forAll) this.#agreed = false;
    this.#logger.log(
      forAll ? "info" : "warn",
      "the kernel refuses passthrough; file data goes through the daemon",
      { error: error instanceof Error ? error.message : String(error) },
    );
  }
}
