/**
 * Room kept for removals. Deleting a file writes its row anew before a byte is freed: on a disk without a free block
 * that would fail, and nobody could make room. So some room is held by a file of our own and given up, a step at a
 * time, to what frees more than it takes (docs/spec/store.md, ROOM-n).
 */
import type { Logger } from "@smfs/core";
import type { ByteStore } from "./byte-store.ts";
import { isDiskFull } from "./disk-full.ts";
import type { Garbage } from "./garbage.ts";

/** Bytes held. */
export const reserveBytes: number = 4 << 20;
/** Bytes given up at a time: a removal's commit takes about ten pages; other programs take what it leaves. */
const stepBytes = 128 << 10;
/** It is filled again when this much is free beside it. */
const freeBytesMin = 2 * reserveBytes;
/** Bytes that wait to be freed when it is looked whether somebody needs their room: most removals need no look. */
const lookBytes = 1 << 20;
/** Milliseconds between two looks at the disk while it is short. */
const lookAgainMs = 1000;

export class Reserve {
  readonly #bytes: ByteStore;
  readonly #garbage: Garbage;
  readonly #log: Logger;
  #held = 0;
  #lookMs = Number.NEGATIVE_INFINITY;
  /** Bytes that wait when the disk is looked at again. */
  #lookAtBytes = lookBytes;

  constructor(bytes: ByteStore, garbage: Garbage, log: Logger) {
    this.#bytes = bytes;
    this.#garbage = garbage;
    this.#log = log;
    this.#fill();
  }

  /** Bytes held now. */
  get heldBytes(): number {
    return this.#held;
  }

  /**
   * Runs what frees room: when the disk is full, with room from the reserve.
   * @throws what `work` throws; ENOSPC or SQLITE_FULL only when the reserve is used up
   */
  run<T>(work: () => T): T {
    for (;;) {
      try {
        return work();
      } catch (error) {
        if (!isDiskFull(error) || !this.#giveUp()) throw error;
      }
    }
  }

  /** When `tick` has something to do, on the monotonic clock. */
  dueMs(): number {
    const { waitingBytes } = this.#garbage;
    // What was freed meanwhile needs no look any more: the next mebibyte does.
    this.#lookAtBytes = Math.min(this.#lookAtBytes, waitingBytes + lookBytes);
    if (waitingBytes >= this.#lookAtBytes) return Number.NEGATIVE_INFINITY;
    return this.#held === reserveBytes ? Number.POSITIVE_INFINITY : this.#lookMs;
  }

  /**
   * While the disk is short of room what was deleted is freed at once, although a program that writes past us may be
   * the only one that has noticed. The reserve is filled when there is room.
   */
  tick(nowMs: number): void {
    if (nowMs < this.dueMs()) return;
    const { waitingBytes } = this.#garbage;
    this.#lookAtBytes = waitingBytes + lookBytes;
    if (this.#held === reserveBytes && this.#freeBytes() >= freeBytesMin) return;
    this.#lookMs = nowMs + lookAgainMs;
    try {
      this.run(() => this.#garbage.removeAll());
    } catch (error) {
      if (!isDiskFull(error)) throw error;
    }
    this.#lookAtBytes = this.#garbage.waitingBytes + lookBytes;
    this.#fill();
  }

  #freeBytes(): number {
    const { blockBytes, blocksAvailable } = this.#bytes.disk();
    return blockBytes * blocksAvailable;
  }

  #fill(): void {
    if (this.#held === reserveBytes) return;
    if (this.#freeBytes() + this.#held < freeBytesMin + reserveBytes) return;
    try {
      this.#bytes.reserve(reserveBytes);
      this.#held = reserveBytes;
    } catch (error) {
      // Somebody was quicker. Less room is held than wished; it is tried again.
      if (!isDiskFull(error)) throw error;
      this.#log.log("warn", "no room can be kept for removals", { error: String(error) });
    }
  }

  /** Whether there was something to give up. */
  #giveUp(): boolean {
    if (this.#held === 0) return false;
    this.#held = Math.max(0, this.#held - stepBytes);
    this.#bytes.reserve(this.#held);
    return true;
  }
}
