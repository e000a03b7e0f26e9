/** Every bound in the system, with its unit and its reason. Nothing waits, loops or grows without one. */

/** Bytes in one name: NAME_MAX of Linux. */
export const nameBytesMax = 255;
/** Bytes in a path on the server (http-api.md). */
export const pathBytesMax = 4096;
/** Bytes in a symlink's target: PATH_MAX less its NUL. */
export const symlinkBytesMax = 4095;
/** Names of one inode: as ext4. */
export const linksMax = 65_000;
/** Bytes of one extended attribute's value: XATTR_SIZE_MAX. */
export const xattrValueBytesMax = 65_536;
/** Bytes of one extended attribute's name: XATTR_NAME_MAX. */
export const xattrNameBytesMax = 255;
/** Bytes of all extended attribute names of an inode together: XATTR_LIST_MAX. */
export const xattrListBytesMax = 65_536;

/** Bytes that the store thread may copy, hash or unlink within one request; larger work goes to the file worker. */
export const inlineBytesMax: number = 1 << 20;
/** Bytes of a snapshot that are kept in the op's own row, made durable by the commit that claims it. */
export const inlineSnapshotBytesMax: number = 64 << 10;
/** Milliseconds that one slice of a long apply may take on the store thread, so that the kernel never waits. */
export const applySliceMs = 2;
/** Attempts that are claimed, marked or settled in one transaction of the store port. */
export const portBatchMax = 64;
/** Open descriptors of working files that the store keeps beyond those that open files need. */
export const idleDescriptorsMax = 256;

/** Quiet time after an entry's last change before it is claimed, in milliseconds: bursts become one upload. */
export const quietMs = 50;
/** Quiet time for a name younger than `youngMs`: an editor's temporary file is gone before it would leave. */
export const quietYoungMs = 500;
export const youngMs = 1000;
/** Under continuous change an entry is sampled after this many milliseconds at the latest. */
export const quietMsMax = 5000;
/** Milliseconds between two samples of a file that somebody holds open for writing. */
export const sampleMs = 5000;
/** Longest wait between two looks at what cannot be settled before such a file is closed, in milliseconds. */
export const heldMsMax = 60_000;
/** First and longest wait between two probes whether anybody can still write an inode, in milliseconds. */
export const leaseRetryMs = 1000;
export const leaseRetryMsMax = 60_000;

/** Entries pushed at one time. */
export const parallelPushesMax = 16;
/** Wait before the second attempt, and the longest wait, in milliseconds (full jitter; backoff.ts). */
export const backoffMsMin = 500;
export const backoffMsMax = 60_000;
/** Milliseconds until a request is given up as *unknown*: 30 s, and one more second per 256 KiB of body. */
export const requestMs = 30_000;
export const requestBytesPerSecondMin: number = 256 << 10;
/** Seconds that one long poll of the change feed waits at the server (under every client's 60 s limit). */
export const feedWaitS = 25;
/** Changes in one page of the feed; documents in one page of a listing (the hosted API takes up to 200). */
export const changePageMax = 500;
export const listPageMax = 100;
/** Pages of one listing: 20,000 × 100 documents. A server that never ends a listing is broken. */
export const listPagesMax = 20_000;
/** Revision ids kept in a stamp's chain. */
export const chainMax = 32;
/** Attempts of one version that end in a failed processing before it is rejected. */
export const failedAttemptsMax = 3;
/** Days that displaced bytes stay in the trash, and that a local deletion is remembered. */
export const trashDays = 30;
export const tombstoneDays = 90;
/** Bytes of a text that may be merged three ways. */
export const mergeBytesMax: number = 1 << 20;
/** First and longest wait until bytes that could not be fetched in advance are asked for again, in milliseconds. */
export const prefetchRetryMs = 5000;
export const prefetchRetryMsMax = 600_000;
/** Milliseconds that an open of a file whose bytes are not here waits for them. */
export const hydrateMs = 30_000;
