/**
 * How the store thread says that there may be something to push: at once for the first change, and after that at
 * most every `repeatMs`, however many changes come. None is missed: the count tells whether more came meanwhile.
 *
 * The memory is shared by the two threads: [whether a message is under way or the other end still counts, count].
 */
import type { Cancel, Clock } from "@smfs/core";

const flag = 0;
const counter = 1;

/** Milliseconds between two tellings: shorter than the quiet time after which a change is claimed. */
const repeatMs = 20;

export function dirtySignalMemory(): Int32Array<SharedArrayBuffer> {
  return new Int32Array(new SharedArrayBuffer(8));
}

/** The store thread's end: whether a message must be sent for this change. */
export function raiseDirty(memory: Int32Array): boolean {
  Atomics.add(memory, counter, 1);
  return Atomics.exchange(memory, flag, 1) === 0;
}

/** The sync thread's end. */
export class DirtyListener {
  readonly #memory: Int32Array;
  readonly #clock: Clock;
  readonly #tell: () => void;
  #cancel: Cancel | undefined;

  constructor(memory: Int32Array, clock: Clock, tell: () => void) {
    this.#memory = memory;
    this.#clock = clock;
    this.#tell = tell;
  }

  /** The message of a change has come. */
  received(): void {
    const told = Atomics.load(this.#memory, counter);
    this.#tell();
    this.#cancel = this.#clock.after(repeatMs, () => this.#lookAgain(told));
  }

  #lookAgain(told: number): void {
    if (Atomics.load(this.#memory, counter) !== told) {
      this.received();
      return;
    }
    Atomics.store(this.#memory, flag, 0);
    // A change between the look and the store saw the flag still up and sent nothing: it is told from here.
    const isMissed = Atomics.load(this.#memory, counter) !== told;
    if (isMissed && Atomics.exchange(this.#memory, flag, 1) === 0) this.received();
  }

  stop(): void {
    this.#cancel?.();
  }
}
