/**
 * What the kernel and we agree on when a mount begins: pure negotiation. What the kernel does not offer is not
 * used, so one program serves kernels from 5.4 (protocol 7.31) on.
 */
import { FsError } from "@smfs/core";
import {
  FUSE_KERNEL_MINOR_VERSION,
  FUSE_KERNEL_VERSION,
  inHeader,
  initIn2Bytes,
  minorVersionMin,
} from "./abi.ts";
import {
  FUSE_ABORT_ERROR,
  FUSE_ASYNC_DIO,
  FUSE_ASYNC_READ,
  FUSE_ATOMIC_O_TRUNC,
  FUSE_BIG_WRITES,
  FUSE_CACHE_SYMLINKS,
  FUSE_DO_READDIRPLUS,
  FUSE_DONT_MASK,
  FUSE_EXPLICIT_INVAL_DATA,
  FUSE_EXPORT_SUPPORT,
  FUSE_HANDLE_KILLPRIV_V2,
  FUSE_INIT_EXT,
  FUSE_MAX_PAGES,
  FUSE_NO_OPENDIR_SUPPORT,
  FUSE_PARALLEL_DIROPS,
  FUSE_PASSTHROUGH_2,
  FUSE_POSIX_ACL,
  FUSE_READDIRPLUS_AUTO,
  FUSE_SETXATTR_EXT,
} from "./flags.ts";
import { backgroundRequestsMax, congestionThreshold, transferBytesMax } from "./limits.ts";
import type { ReplyWriter } from "./reply-writer.ts";
import type { RequestReader } from "./request-reader.ts";

/** struct fuse_init_in. */
export interface KernelOffer {
  readonly major: number;
  readonly minor: number;
  /** Bytes. */
  readonly maxReadahead: number;
  readonly flags: number;
  /** Flags 32–63; 0 from a kernel before 7.36. */
  readonly flags2: number;
}

/** What we would like, where the kernel has it. */
export interface Wishes {
  /** Let the kernel read and write the working files itself. */
  readonly passthrough: boolean;
  /** 1, or 2 when the working files lie on a stacked file system (overlayfs). */
  readonly stackDepth: 1 | 2;
  /** The file system keeps ACLs and applies the umask itself. */
  readonly posixAcl: boolean;
  /** What to leave unused though the kernel offers it: how tests play an older kernel (capabilities.ts). */
  readonly without?: Without;
}

/** Flags that count as not offered, and the newest protocol to speak. */
export interface Without {
  readonly flags?: number;
  readonly flags2?: number;
  readonly minor?: number;
}

/** What was agreed. */
export interface Terms {
  readonly minor: number;
  readonly maxReadahead: number;
  readonly flags: number;
  readonly flags2: number;
  readonly stackDepth: number;
  /** Bytes of one WRITE. */
  readonly maxWrite: number;
  /** OPEN may tell the kernel to send no FLUSH. */
  readonly noFlush: boolean;
  readonly passthrough: boolean;
  /** Directories are read without being opened. */
  readonly zeroMessageOpendir: boolean;
  /** SETXATTR carries two more numbers. */
  readonly longSetxattr: boolean;
  readonly posixAcl: boolean;
}

const wanted: number =
  FUSE_ASYNC_READ |
  FUSE_ATOMIC_O_TRUNC |
  FUSE_EXPORT_SUPPORT |
  FUSE_BIG_WRITES |
  FUSE_DO_READDIRPLUS |
  FUSE_READDIRPLUS_AUTO |
  FUSE_ASYNC_DIO |
  FUSE_PARALLEL_DIROPS |
  FUSE_ABORT_ERROR |
  FUSE_MAX_PAGES |
  FUSE_CACHE_SYMLINKS |
  FUSE_NO_OPENDIR_SUPPORT |
  FUSE_EXPLICIT_INVAL_DATA |
  FUSE_HANDLE_KILLPRIV_V2 |
  FUSE_INIT_EXT;

/** With ACLs the umask is ours to apply, and SETXATTR must say when it clears the setgid bit: all or none. */
const aclFlags: number = FUSE_POSIX_ACL | FUSE_DONT_MASK;

/** Pages of 4 KiB in the largest request. Without FUSE_MAX_PAGES it is 32. */
const pageBytes = 4096;
const pagesMax: number = transferBytesMax / pageBytes;
const pagesWithoutMaxPages = 32;

/** Reads the body of INIT. @throws FsError EIO when it is too short */
export function readOffer(request: RequestReader): KernelOffer {
  const major = request.u32();
  const minor = request.u32();
  const maxReadahead = request.u32();
  const flags = request.u32();
  const long = request.length >= inHeader.bytes + initIn2Bytes;
  return { major, minor, maxReadahead, flags, flags2: long ? request.u32() : 0 };
}

/**
 * @returns undefined for a newer major version: we answer ours, and the kernel asks again
 * @throws FsError EPROTO for a kernel that is too old
 */
export function negotiate(offer: KernelOffer, wishes: Wishes): Terms | undefined {
  if (offer.major > FUSE_KERNEL_VERSION) return undefined;
  if (offer.major < FUSE_KERNEL_VERSION || offer.minor < minorVersionMin) {
    throw new FsError("EPROTO", `kernel speaks FUSE ${offer.major}.${offer.minor}, too old for us`);
  }
  const without = wishes.without ?? {};
  const minor = Math.min(offer.minor, FUSE_KERNEL_MINOR_VERSION, without.minor ?? 999);
  const offered = offer.flags & ~(without.flags ?? 0);
  let flags = offered & wanted;
  if (wishes.posixAcl && (offered & aclFlags) === aclFlags) {
    flags |= aclFlags | (offered & FUSE_SETXATTR_EXT);
  }
  // A kernel that says nothing about set-user-id bits clears them itself, but not when truncation is a part of the open:
  // then it drops what it would have sent (fuse_do_setattr). So there the truncation is a request of its own.
  if ((flags & FUSE_HANDLE_KILLPRIV_V2) === 0) flags &= ~FUSE_ATOMIC_O_TRUNC;
  const extended = (flags & FUSE_INIT_EXT) !== 0;
  const offered2 = extended ? offer.flags2 & ~(without.flags2 ?? 0) : 0;
  const flags2 = wishes.passthrough ? offered2 & FUSE_PASSTHROUGH_2 : 0;
  const pages = (flags & FUSE_MAX_PAGES) === 0 ? pagesWithoutMaxPages : pagesMax;
  return {
    minor,
    maxReadahead: offer.maxReadahead,
    flags,
    flags2,
    stackDepth: flags2 === 0 ? 0 : wishes.stackDepth,
    maxWrite: pages * pageBytes,
    noFlush: minor >= 35,
    passthrough: flags2 !== 0,
    zeroMessageOpendir: (flags & FUSE_NO_OPENDIR_SUPPORT) !== 0,
    longSetxattr: (flags & FUSE_SETXATTR_EXT) !== 0,
    posixAcl: (flags & FUSE_POSIX_ACL) !== 0,
  };
}

/** struct fuse_init_out. */
export function writeInit(reply: ReplyWriter, terms: Terms | undefined): void {
  reply.u32(FUSE_KERNEL_VERSION);
  reply.u32(terms?.minor ?? FUSE_KERNEL_MINOR_VERSION);
  reply.u32(terms?.maxReadahead ?? 0);
  reply.u32(terms?.flags ?? 0);
  reply.u16(backgroundRequestsMax);
  reply.u16(congestionThreshold);
  reply.u32(terms?.maxWrite ?? pagesWithoutMaxPages * pageBytes);
  // Times are exact to a nanosecond.
  reply.u32(1);
  reply.u16((terms?.maxWrite ?? 0) / pageBytes);
  reply.u16(0);
  reply.u32(terms?.flags2 ?? 0);
  reply.u32(terms?.stackDepth ?? 0);
  reply.zeroes(24);
}
