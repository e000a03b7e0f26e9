/**
 * Raw reads, writes and ioctls on a descriptor: for devices, where Node's own calls cost more and hide short
 * counts. Failure is a negative errno, not an exception: an interrupted or ended device is no surprise there.
 */
import { constants } from "node:fs";
import { fcntl, ioctl, lastErrno, lastError, read, write, writeAsync } from "./libc.ts";

const F_GETFL = 3;
const F_SETFL = 4;

/** read(2) into the start of `into`. Returns bytes read, or the negative errno. */
export function readDescriptor(fd: number, into: Uint8Array): number {
  const count = read(fd, into, into.byteLength);
  return count === -1 ? -lastErrno() : count;
}

/** write(2) of the first `count` bytes. Returns bytes written, or the negative errno. */
export function writeDescriptor(fd: number, from: Uint8Array, count: number): number {
  const written = write(fd, from, count);
  return written === -1 ? -lastErrno() : written;
}

/**
 * write(2) on a thread of Node's pool, for writes that may block in the kernel for long. `from` must not change
 * until it resolves. Never rejects for an errno: it resolves to bytes written, or the negative errno.
 */
export async function writeDescriptorAsync(fd: number, from: Uint8Array): Promise<number> {
  const { written, errno } = await writeAsync(fd, from);
  return written === -1 ? -errno : written;
}

/**
 * ioctl(2) with a structure in and out.
 * @returns what the call returned, not negative
 * @throws SystemError what the device answers
 */
export function controlDevice(fd: number, request: number, argument: Uint8Array): number {
  const result = ioctl(fd, request, "void *", argument);
  if (result === -1) throw lastError(`ioctl ${fd}, request 0x${request.toString(16)}`);
  return result;
}

/** Sets O_NONBLOCK on the open file behind a descriptor, for all who share it. */
export function setNonblocking(fd: number): void {
  const flags = fcntl(fd, F_GETFL, "int", 0);
  if (flags === -1) throw lastError(`F_GETFL ${fd}`);
  if (fcntl(fd, F_SETFL, "int", flags | constants.O_NONBLOCK) === -1) {
    throw lastError(`F_SETFL ${fd}`);
  }
}
