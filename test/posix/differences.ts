// Where a mount may differ from tmpfs. Each line that the oracle sees, what the mount sees instead, and why.

export interface Difference {
  readonly instead: string;
  readonly because: string;
}

/** By the title of the case and the oracle's line. */
export const differences: Readonly<Record<string, Readonly<Record<string, Difference>>>> = {
  "fallocate zeroes a range": {
    "zero: ENOTSUP": { instead: "zero: 0", because: "tmpfs cannot zero a range, ext4 can" },
    "read: false": { instead: "read: true", because: "the range was zeroed, as ext4 does it" },
  },
};
