/**
 * The scheduler: a heap of events in virtual time. One event runs, then every promise it settled is followed to its end,
 * then the invariants are checked, then the next one runs. Nothing else makes time pass.
 */
import type { Stream } from "./rng.ts";

/** Whose event it is: events of a life that has ended do not run. */
export interface Life {
  isAlive: boolean;
  /** Events of this life that are still to come. A started engine without any waits for something that is not here. */
  pendingCount: number;
}

export interface Event {
  readonly at: number;
  readonly tie: number;
  readonly seq: number;
  readonly label: string;
  readonly life: Life | undefined;
  run: (() => void) | undefined;
}

export class Scheduler {
  /** Virtual milliseconds since the run began. Never goes back. */
  now = 0;
  /** Events that ran. */
  count = 0;
  /** FNV-1a over the labels and times of all events: equal runs have equal hashes. */
  traceHash = 0x811c9dc5;
  /** Called with each label, when somebody wants the trace. */
  onEvent: ((at: number, label: string) => void) | undefined;
  readonly #heap: Event[] = [];
  readonly #ties: Stream;
  #seq = 0;

  constructor(ties: Stream) {
    this.#ties = ties;
  }

  get size(): number {
    return this.#heap.length;
  }

  /** Runs `run` at `at` (at once if that is past). Events of one moment run in a drawn order. Returns how to cancel. */
  at(at: number, label: string, life: Life | undefined, run: () => void): () => void {
    this.#seq += 1;
    const when = Math.max(at, this.now);
    const tie = this.#ties.below(4);
    const event: Event = { at: when, tie, seq: this.#seq, label, life, run };
    if (life !== undefined) life.pendingCount += 1;
    this.#push(event);
    return () => {
      if (event.run === undefined) return;
      event.run = undefined;
      if (life !== undefined) life.pendingCount -= 1;
    };
  }

  after(ms: number, label: string, life: Life | undefined, run: () => void): () => void {
    return this.at(this.now + ms, label, life, run);
  }

  /** Takes the next event; undefined when there is none before or at `until`. The caller runs it. */
  next(until: number): (() => void) | undefined {
    for (;;) {
      const [first] = this.#heap;
      if (first === undefined || first.at > until) return undefined;
      this.#pop();
      const { run } = first;
      if (run === undefined) continue;
      // What has begun can no longer be cancelled.
      first.run = undefined;
      if (first.life !== undefined) {
        first.life.pendingCount -= 1;
        if (!first.life.isAlive) continue;
      }
      this.now = first.at;
      this.count += 1;
      this.note(first.label);
      return run;
    }
  }

  /** Adds a line to the trace. */
  note(label: string): void {
    let hash = this.traceHash ^ (this.now * 1000);
    for (let i = 0; i < label.length; i += 1)
      hash = Math.imul(hash ^ label.charCodeAt(i), 0x01000193);
    this.traceHash = hash >>> 0;
    this.onEvent?.(this.now, label);
  }

  #push(event: Event): void {
    const heap = this.#heap;
    let index = heap.length;
    heap.push(event);
    while (index > 0) {
      const up = (index - 1) >> 1;
      const parent = heap[up]!;
      if (!before(event, parent)) break;
      heap[index] = parent;
      index = up;
    }
    heap[index] = event;
  }

  #pop(): void {
    const heap = this.#heap;
    const last = heap.pop()!;
    if (heap.length === 0) return;
    let index = 0;
    for (;;) {
      let child = index * 2 + 1;
      if (child >= heap.length) break;
      if (child + 1 < heap.length && before(heap[child + 1]!, heap[child]!)) child += 1;
      if (!before(heap[child]!, last)) break;
      heap[index] = heap[child]!;
      index = child;
    }
    heap[index] = last;
  }
}

function before(a: Event, b: Event): boolean {
  if (a.at !== b.at) return a.at < b.at;
  if (a.tie !== b.tie) return a.tie < b.tie;
  return a.seq < b.seq;
}

/**
 * Follows every promise that is settled to its end, within the call: ticks and microtasks, until none is left. Undefined
 * where this version of Node does not offer it. It must not be called from a promise's own callback.
 */
export const settle: (() => void) | undefined = (process as { _tickCallback?: () => void })
  ._tickCallback;

/** The same by way of the event loop: all microtasks and ticks run before the next immediate. Several times slower. */
export function drain(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
