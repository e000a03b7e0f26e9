/** Bounds of the command line and the daemon, with their units and reasons. */

/** Port of the embedded server where it is free (server-api's default), and how many ports after it are tried. */
export const serverPort = 6767;
export const serverPortTriesMax = 50;
/** Milliseconds a started server may take until it answers; a first start makes its database. */
export const serverStartMs = 30_000;
/** Milliseconds for one health check on loopback. */
export const healthMs = 2_000;
/** Milliseconds for the session call that checks the key. */
export const sessionMs = 10_000;
/** Milliseconds between two looks at something that is about to happen. */
export const lookMs = 50;
/** Seconds until a mount must be ready, by default. */
export const startupTimeoutS = 30;
/** Seconds without any progress after which unmount gives up waiting, by default. */
export const drainTimeoutS = 30;
/** Seconds between two polls of a server without a change feed, and between two full comparisons, by default. */
export const syncIntervalS = 30;
export const deletionScanIntervalS = 300;
/** Longest interval that can be asked for, in seconds: a day. */
export const intervalSMax = 86_400;

/** Milliseconds that a look into `.smfs/search/` or `.smfs/history/` waits for the server, and the bytes of a version. */
export const generatedSearchMs = 2_000;
export const generatedVersionMs = 30_000;
/** Bytes free on the disk below which `doctor` says that it is nearly full. */
export const diskFreeBytesMin: number = 100 << 20;
/** Smallest budget for the bytes of files: below it nearly every read would fetch. */
export const cacheBytesMin: number = 1 << 20;

/** Bytes of a request to the control socket; nothing that is asked of a daemon is larger. */
export const controlBodyBytesMax: number = 64 << 10;
/** Bytes of an answer from the control socket. */
export const controlAnswerBytesMax: number = 16 << 20;
/** Connections to a control socket at one time. */
export const controlConnectionsMax = 32;
/** Milliseconds until a daemon that does not answer counts as hanging. */
export const controlMs = 5_000;
/** Bytes of a unix socket's path: sun_path of unix(7), less its NUL. */
export const socketPathBytesMax = 107;

/** Bytes of a file that is read as configuration, record or key: none of ours comes near. */
export const smallFileBytesMax: number = 256 << 10;
/** Bytes of one log file before it is rotated once, to `<name>.1`. */
export const logBytesMax: number = 10 << 20;
/** Lines that `smfs logs` shows by default, and the most it can be asked for. */
export const logLines = 200;
export const logLinesMax = 100_000;

/** Conflict versions, and items of the trash, in one answer. */
export const keptListMax = 10_000;
/** Bytes of each of two texts that are compared line by line, and milliseconds for it. */
export const diffBytesMax: number = 1 << 20;
export const diffMs = 5000;

/** Results of a search, by default and at most (server-api §1.5). */
export const searchResults = 10;
export const searchResultsMax = 100;
/** Milliseconds for one search. */
export const searchMs = 30_000;

/** Milliseconds that the store thread may be silent before the watchdog says so. */
export const watchdogMs = 5_000;
/** Milliseconds that a step of shutting down may take before the next one goes ahead. */
export const shutdownStepMs = 10_000;

/** Bytes of text in one document, and of one uploaded file, that a server can be told to take. */
export const serverTextBytesMin: number = 1 << 10;
export const serverTextBytesMax: number = 100 << 20;
export const serverUploadBytesMax: number = 1024 ** 4;
/** Requests of one key in a window, and seconds of a window, that a server can be told to allow. */
export const rateRequestsMax = 1_000_000;
export const rateWindowSMax = 3_600;
/** Milliseconds between two looks whether a certificate was renewed. */
export const tlsLookMs = 60_000;
/** Bytes of memory that must be free before the sharper model is loaded: what it needs, and half as much again. */
export const modelFreeBytesMin: number = 600 << 20;
/** Milliseconds for a server to end: it lets requests finish for five seconds. */
export const serverStopMs = 15_000;
/** Milliseconds that a status waits for what the server tells of its index. */
export const indexLookMs = 1_000;
/** Longest life of a key with an end, in days: ten years. */
export const keyLifeDaysMax = 3650;
