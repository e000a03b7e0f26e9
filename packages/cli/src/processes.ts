/** Whether a process that was noted is still the one that was noted: numbers are used again, start times are not. */
import { readFileSync } from "node:fs";

export interface ProcessIdentity {
  readonly pid: number;
  /** When it started, in the kernel's own units; empty where the kernel does not tell. */
  readonly started: string;
}

/** The identity of a running process, or undefined when there is none with this number. */
export function processIdentity(pid: number): ProcessIdentity | undefined {
  if (!Number.isSafeInteger(pid) || pid <= 0) return undefined;
  if (process.platform !== "linux") return isRunning(pid) ? { pid, started: "" } : undefined;
  let stat: string;
  try {
    stat = readFileSync(`/proc/${pid}/stat`, "utf8");
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === "ENOENT" || code === "ESRCH") return undefined;
    throw error;
  }
  // proc_pid_stat(5): the command stands in brackets and may contain anything; after it, field 3 is the state
  // (Z: dead, not yet collected) and field 22 the start time in ticks since boot.
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  if (fields[0] === "Z" || fields[0] === "X") return undefined;
  return { pid, started: `${bootId()}:${fields[19] ?? ""}` };
}

function bootId(): string {
  return readFileSync("/proc/sys/kernel/random/boot_id", "utf8").trim();
}

export function isSameProcess(noted: ProcessIdentity): boolean {
  return processIdentity(noted.pid)?.started === noted.started;
}

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EPERM";
  }
}
