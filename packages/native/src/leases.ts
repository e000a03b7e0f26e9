/**
 * Whether anybody can still write a file, or uses it at all (docs/spec/store.md, WRITERS, REUSE).
 *
 * The kernel grants a read lease on a file only while nobody has it open for writing or mapped shared and
 * writable, and a write lease only while nobody else has it open or mapped in any way (fcntl(2), F_SETLEASE). We ask
 * for one and give it back at once: the answer is the knowledge.
 */
import { constants } from "node:os";
import { fcntl, lastError } from "./libc.ts";

// Linux: include/uapi/linux/fcntl.h and asm-generic/fcntl.h.
const F_SETSIG = 10;
const F_SETLEASE = 1024;
const F_RDLCK = 0;
const F_WRLCK = 1;
const F_UNLCK = 2;

/**
 * `granted`: nobody can write the file any more. `busy`: somebody has it open for writing or mapped.
 * `unsupported`: this file system or platform cannot tell.
 */
export type WriterProbe = "granted" | "busy" | "unsupported";

/**
 * Asks whether anybody can still write the file.
 *
 * The answer holds for the moment of the call. A descriptor of the asking process that can write counts too:
 * close those first. An open for writing that comes in between waits for the two calls and is not failed
 * (unless it was made with O_NONBLOCK: then it sees EWOULDBLOCK).
 *
 * @param fd an open descriptor that was opened read-only; another one gives `busy`
 * @throws SystemError EBADF, EACCES (the file belongs to another user), and what else fcntl answers
 */
export function probeWriters(fd: number): WriterProbe {
  return probe(fd, F_RDLCK);
}

/**
 * Asks whether anybody else has the file open or mapped, for reading or writing. Answers and conditions are those of
 * `probeWriters`, but `fd` may be one that can write.
 */
export function probeUsers(fd: number): WriterProbe {
  return probe(fd, F_WRLCK);
}

function probe(fd: number, lease: number): WriterProbe {
  if (process.platform !== "linux") return "unsupported";
  // Breaking a lease signals its holder, by default with SIGIO, which ends a process. SIGURG is ignored.
  if (fcntl(fd, F_SETSIG, "int", constants.signals.SIGURG) === -1)
    throw lastError(`F_SETSIG ${fd}`);
  if (fcntl(fd, F_SETLEASE, "int", lease) === -1) {
    const error = lastError(`F_SETLEASE ${fd}`);
    if (error.code === "EAGAIN") return "busy";
    // EINVAL: the file system has no leases. ENOLCK and EOPNOTSUPP: network file systems.
    if (["EINVAL", "ENOLCK", "EOPNOTSUPP", "ENOTSUP"].includes(error.code)) return "unsupported";
    throw error;
  }
  if (fcntl(fd, F_SETLEASE, "int", F_UNLCK) === -1) throw lastError(`F_SETLEASE unlock ${fd}`);
  return "granted";
}
