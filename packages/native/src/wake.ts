/**
 * How one thread wakes another that waits in poll: eventfd(2). Threads of a process share descriptors, so the
 * number can be handed to a worker. Signals that come before the waiter looks are one; none is lost.
 */
import { eventfd, lastError, read, write } from "./libc.ts";

const EFD_CLOEXEC = 0o2000000;
const EFD_NONBLOCK = 0o4000;

const one: Uint8Array = new Uint8Array(BigUint64Array.of(1n).buffer);
const counter: Uint8Array = new Uint8Array(8);

/** A new wake-up descriptor, not signalled. Close it with `fs.closeSync`. Linux only. */
export function openWakeFd(): number {
  const fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  if (fd === -1) throw lastError("eventfd");
  return fd;
}

/** Makes the descriptor readable until `clearWake`. */
export function signalWake(fd: number): void {
  if (write(fd, one, one.byteLength) !== -1) return;
  const error = lastError(`signal eventfd ${fd}`);
  // The counter is at its maximum: the waiter has a signal already.
  if (error.code !== "EAGAIN") throw error;
}

/** Takes the signal. Returns whether there was one. */
export function clearWake(fd: number): boolean {
  if (read(fd, counter, counter.byteLength) !== -1) return true;
  const error = lastError(`clear eventfd ${fd}`);
  if (error.code === "EAGAIN") return false;
  throw error;
}
