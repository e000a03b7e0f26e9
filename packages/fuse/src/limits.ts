/** Every bound of the FUSE frontend, with its unit and its reason. */

/** Bytes of one READ, WRITE or READDIR: 256 pages, the most the kernel allows by default. */
export const transferBytesMax: number = 1 << 20;
/** Seconds that the kernel may trust a name or attributes: changes are told to it; this only heals what was not. */
export const cacheSeconds = 600;
/**
 * Nanoseconds that the kernel may trust the attributes of a file that it has just made, which somebody can write: its own
 * open looks at the permissions next, and would ask. Whatever changes the file within that time changes them for the kernel too:
 * it notes itself that a write moves size and times.
 */
export const createdAttrNs = 1_000_000;
/** Requests the kernel may have outstanding in the background (read-ahead, releases). */
export const backgroundRequestsMax = 64;
/** Of these, when it starts to hold readers back: three quarters, as the kernel's own default. */
export const congestionThreshold = 48;
/** Requests that are parked at one time, and the bytes they keep. Beyond them a caller gets ENOMEM. */
export const parkedRequestsMax = 10_000;
export const parkedBytesMax: number = 64 << 20;
/** Directory streams kept open for a kernel that sends no OPENDIR. */
export const directoryStreamsMax = 64;
/** Microseconds of one spin after a reply: a client that goes on does so within this. */
export const spinUsMax = 100;
/** A spin ends after this many times the usual time from a reply to the next request … */
export const gapsPerSpin = 4;
/** … which is a mean over about so many, and never taken for less than these microseconds. */
export const gapSamples = 8;
export const gapUsMin = 4;
/** Microseconds of spinning that each served request earns: about what going to sleep and waking would cost. */
export const spinCreditUs = 25;
/** Microseconds of spinning that can be saved up. */
export const spinCreditUsMax = 1000;
/** Requests served before the wake-up descriptor is looked at again. */
export const requestsPerWakeCheck = 32;
/** Notifications waiting to be written; who adds more waits. */
export const notificationsMax = 65_536;
/** Inodes with a registered backing file. The kernel pins each; only open files need one. */
export const backingFilesMax = 16_384;
/**
 * Bytes from which a file that is opened for reading is passed through. One or two READs cost less than to register
 * the file (open, two ioctls, close), and the kernel keeps their pages for the next reader.
 */
export const passthroughReadBytesMin: number = 256 << 10;
