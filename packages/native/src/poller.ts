/** poll(2) on a fixed set of descriptors, with no allocation per call. */
import { lastError, poll } from "./libc.ts";

const POLLIN = 0x1;
const POLLERR = 0x8;
const POLLHUP = 0x10;
const POLLNVAL = 0x20;

/** struct pollfd: int fd, short events, short revents. */
const pollfdBytes = 8;

export class Poller {
  readonly #bytes: Uint8Array;
  readonly #shorts: Int16Array;
  readonly #count: number;

  /** @param fds the descriptors to wait for, at most a few; `isReady` takes their index here */
  constructor(fds: readonly number[]) {
    const buffer = new ArrayBuffer(fds.length * pollfdBytes);
    const ints = new Int32Array(buffer);
    this.#shorts = new Int16Array(buffer);
    this.#bytes = new Uint8Array(buffer);
    this.#count = fds.length;
    fds.forEach((fd, index) => {
      ints[index * 2] = fd;
      this.#shorts[index * 4 + 2] = POLLIN;
    });
  }

  /**
   * Waits until a descriptor can be read or is broken.
   * @param timeoutMs 0 asks without waiting; -1 waits for ever
   * @returns how many are ready: 0 after the time-out, or when a signal came first
   */
  wait(timeoutMs: number): number {
    const ready = poll(this.#bytes, this.#count, timeoutMs);
    if (ready !== -1) return ready;
    const error = lastError("poll");
    if (error.code !== "EINTR") throw error;
    for (let index = 0; index < this.#count; index += 1) this.#shorts[index * 4 + 3] = 0;
    return 0;
  }

  /** Whether the descriptor at `index` was readable, hung up or broken when `wait` returned. */
  isReady(index: number): boolean {
    const events = this.#shorts[index * 4 + 3] ?? 0;
    return (events & (POLLIN | POLLERR | POLLHUP | POLLNVAL)) !== 0;
  }
}
