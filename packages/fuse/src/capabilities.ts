/**
 * Names of what a kernel may lack, to be left unused on purpose: how one machine plays an older kernel, and how a
 * mount that misbehaves is narrowed down.
 */
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
import type { Without } from "./init.ts";

/** The protocol that a kernel speaks which knows no FOPEN_NOFLUSH: it came with 7.35. */
const minorWithoutNoFlush = 34;

const single: Readonly<Record<string, Without>> = {
  "abort-error": { flags: FUSE_ABORT_ERROR },
  "async-dio": { flags: FUSE_ASYNC_DIO },
  "async-read": { flags: FUSE_ASYNC_READ },
  "atomic-o-trunc": { flags: FUSE_ATOMIC_O_TRUNC },
  "big-writes": { flags: FUSE_BIG_WRITES },
  "cache-symlinks": { flags: FUSE_CACHE_SYMLINKS },
  "dont-mask": { flags: FUSE_DONT_MASK },
  "explicit-inval-data": { flags: FUSE_EXPLICIT_INVAL_DATA },
  "export-support": { flags: FUSE_EXPORT_SUPPORT },
  "handle-killpriv-v2": { flags: FUSE_HANDLE_KILLPRIV_V2 },
  "init-ext": { flags: FUSE_INIT_EXT },
  "max-pages": { flags: FUSE_MAX_PAGES },
  "no-opendir": { flags: FUSE_NO_OPENDIR_SUPPORT },
  noflush: { minor: minorWithoutNoFlush },
  "parallel-dirops": { flags: FUSE_PARALLEL_DIROPS },
  passthrough: { flags2: FUSE_PASSTHROUGH_2 },
  "posix-acl": { flags: FUSE_POSIX_ACL },
  readdirplus: { flags: FUSE_DO_READDIRPLUS | FUSE_READDIRPLUS_AUTO },
  "readdirplus-auto": { flags: FUSE_READDIRPLUS_AUTO },
  "setxattr-ext": { flags: FUSE_SETXATTR_EXT },
};

/** What came after a version of Linux, by its name. `all` is every flag, and the oldest protocol that we speak. */
const kernels: Readonly<Record<string, Without>> = {
  "newer-than-5.10": {
    minor: 32,
    flags: FUSE_HANDLE_KILLPRIV_V2 | FUSE_SETXATTR_EXT | FUSE_INIT_EXT,
  },
  all: { minor: 31, flags: ~0, flags2: ~0 },
};

const known: ReadonlyMap<string, Without> = new Map([
  ...Object.entries(single),
  ...Object.entries(kernels),
]);

/** The names that `withoutCapabilities` takes, in the order to be told. */
export const capabilityNames: readonly string[] = [...known.keys()];

/** Sums up what is to be left unused. @returns the first name that is not known, when there is one */
export function withoutCapabilities(names: readonly string[]): Without | { unknown: string } {
  let sum: { flags: number; flags2: number; minor?: number } = { flags: 0, flags2: 0 };
  for (const name of names) {
    const part = known.get(name);
    if (part === undefined) return { unknown: name };
    const minor = Math.min(sum.minor ?? 999, part.minor ?? 999);
    sum = {
      flags: sum.flags | (part.flags ?? 0),
      flags2: sum.flags2 | (part.flags2 ?? 0),
      ...(minor === 999 ? {} : { minor }),
    };
  }
  return sum;
}
