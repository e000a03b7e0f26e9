/**
 * How far documents are on their way, for readers that want to see it move (`events=status`).
 *
 * Steps of the pipeline are no visible changes and take no place in the change log. What is kept here is, for each
 * document whose status moved lately, a position of its own, in memory only: readers are told of the document's status
 * as it is when they ask, and somebody who was away for long, or across a restart, hears of later steps only.
 */
import type { Storage, Transaction } from "../storage/storage.ts";

/** Documents that are remembered: those that moved longest ago are forgotten first. */
const remembered = 10_000;

export class StatusEvents {
  /** Names the life of this server: positions of another one mean nothing here. */
  readonly life: string;
  /** Document number → position of its last step, in the order of positions. */
  readonly #steps = new Map<number, number>();
  readonly #listeners = new Set<() => void>();
  #position = 0;

  /** @param life hexadecimal, another one for each start of the server */
  constructor(life: string) {
    this.life = life;
  }

  /** Where a reader that has seen everything stands. */
  get position(): number {
    return this.#position;
  }

  /** Statuses of these documents have moved, and that is durable. */
  note(documentNos: Iterable<number>): void {
    const before = this.#position;
    for (const no of documentNos) {
      this.#position += 1;
      this.#steps.delete(no);
      this.#steps.set(no, this.#position);
    }
    for (const no of this.#steps.keys()) {
      if (this.#steps.size <= remembered) break;
      this.#steps.delete(no);
    }
    if (this.#position > before) for (const listener of this.#listeners) listener();
  }

  /** Documents whose status moved after a position, and what that position was, oldest first. */
  after(position: number, limit: number): { readonly no: number; readonly position: number }[] {
    const found: { no: number; position: number }[] = [];
    for (const [no, at] of this.#steps) {
      if (found.length === limit) break;
      if (at > position) found.push({ no, position: at });
    }
    return found;
  }

  onStep(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }
}

/** The storage as the pipeline gets it: once a unit is durable, the statuses that it moved are noted. */
export function notingStatus<S extends Pick<Storage, "write">>(
  storage: S,
  events: StatusEvents,
): S {
  return {
    ...storage,
    write: async (unit) => {
      const moved = new Set<number>();
      const result = await storage.write((tx) => {
        // A unit may be run again.
        moved.clear();
        return unit(noting(tx, moved));
      });
      events.note(moved);
      return result;
    },
  };
}

function noting(tx: Transaction, moved: Set<number>): Transaction {
  return {
    ...tx,
    setStatus: async (documentNo, contentRev, status) => {
      moved.add(documentNo);
      await tx.setStatus(documentNo, contentRev, status);
    },
    setDreamingStatus: async (documentNo, status) => {
      moved.add(documentNo);
      await tx.setDreamingStatus(documentNo, status);
    },
    payFacts: async (debt) => {
      moved.add(debt.documentNo);
      await tx.payFacts(debt);
    },
    payText: async (debt) => {
      moved.add(debt.documentNo);
      await tx.payText(debt);
    },
  };
}
