/** Parked operations: what each ticket waits for, and what came of it. */
import { type ErrnoName, FsError, Parked, type Ticket } from "@smfs/core";

type Outcome = "ready" | ErrnoName;

export class Waits {
  #next = 1;
  readonly #byKey = new Map<string, Set<Ticket>>();
  readonly #outcomes = new Map<Ticket, Outcome>();
  #announced: Ticket[] = [];

  /** Parks the running operation until `key` is settled. @param isBrief only the disk is waited for */
  park(key: string, isBrief = false): never {
    throw new Parked(this.ticket(key), isBrief);
  }

  /** The ticket of one more wait for `key`. */
  ticket(key: string): Ticket {
    const ticket = this.#next;
    this.#next += 1;
    const tickets = this.#byKey.get(key);
    if (tickets === undefined) this.#byKey.set(key, new Set([ticket]));
    else tickets.add(ticket);
    return ticket;
  }

  /** Whether anybody waits for `key`. */
  isAwaited(key: string): boolean {
    return this.#byKey.has(key);
  }

  /** Everybody who waits for `key` may go on: the operation is dispatched again and finds its outcome. */
  settle(key: string, outcome: Outcome): void {
    for (const ticket of this.#byKey.get(key) ?? []) {
      this.#outcomes.set(ticket, outcome);
      this.#announced.push(ticket);
    }
    this.#byKey.delete(key);
  }

  /** Throws what the wait of a resumed operation came to, if it failed. Each ticket's outcome is told once. */
  take(ticket: Ticket | undefined, failed = "the bytes could not be fetched"): void {
    if (ticket === undefined) return;
    const outcome = this.#outcomes.get(ticket);
    this.#outcomes.delete(ticket);
    if (outcome !== undefined && outcome !== "ready") throw new FsError(outcome, failed);
  }

  /** Tickets settled since the last call: the frontend dispatches their operations again. */
  announced(): Ticket[] {
    const tickets = this.#announced;
    this.#announced = [];
    return tickets;
  }

  /** The operation was given up (interrupted): its ticket is not announced. */
  abandon(ticket: Ticket): void {
    this.#outcomes.delete(ticket);
    for (const [key, tickets] of this.#byKey) {
      if (tickets.delete(ticket) && tickets.size === 0) this.#byKey.delete(key);
    }
  }
}

/** The key under which operations wait for the bytes of an inode. */
export function bytesOf(ino: number): string {
  return `bytes ${ino}`;
}
