/**
 * Listings in pages that do not shift.
 *
 * The first page of a listing that has more fixes the order of all its documents for a minute; the pages after it read
 * from there, and documents deleted meanwhile leave holes. Otherwise a deletion between two pages would hide a document
 * from a client that walks them, and some of those clients delete local files that they do not see.
 */
import type { Clock } from "@smfs/core";
import { filterSliceMax, pinnedListMs, pinnedListsMax, pinnedNosMax } from "../limits.ts";
import { type Filter, matchesFilter } from "../search/filter.ts";
import type { Order, Scope, Storage } from "../storage/storage.ts";
import type { StoredDocument } from "../storage/stored.ts";

export interface ListQuery {
  /** Names who asks: listings of different keys are kept apart. */
  readonly keyId: string;
  readonly scope: Scope;
  readonly order: Order;
  readonly filter: Filter | undefined;
  readonly limit: number;
  /** From 1. */
  readonly page: number;
}

export interface DocumentPage {
  readonly documents: readonly StoredDocument[];
  readonly totalItems: number;
}

interface PinnedList {
  readonly nos: readonly number[];
  readonly until: number;
  /** Seq of the last commit before it was made. */
  readonly seq: number;
}

type ListStorage = Pick<Storage, "documentNos" | "documentsByNo" | "head">;

export class DocumentLists {
  readonly #storage: ListStorage;
  readonly #clock: Clock;
  /** In the order of their making: the oldest goes first. */
  readonly #pinned = new Map<string, PinnedList>();
  #pinnedNos = 0;

  constructor(storage: ListStorage, clock: Clock) {
    this.#storage = storage;
    this.#clock = clock;
  }

  async page(query: ListQuery): Promise<DocumentPage> {
    const nos = await this.#nos(query);
    const start = (query.page - 1) * query.limit;
    const documents = await this.#storage.documentsByNo(nos.slice(start, start + query.limit));
    return { documents, totalItems: nos.length };
  }

  async #nos(query: ListQuery): Promise<readonly number[]> {
    const { keyId, scope, order, filter, limit } = query;
    const name = JSON.stringify([keyId, scope, order, filter, limit]);
    const pinned = this.#pinned.get(name);
    if (query.page > 1 && pinned !== undefined && pinned.until > this.#clock.monotonic()) {
      return pinned.nos;
    }
    const seq = await this.#storage.head();
    // Many clients ask for the first page again and again; while nothing has changed, nothing has to be read anew. Steps of
    // processing move no seq, so a listing by status is.
    if (pinned?.seq === seq && scope.status === undefined) {
      this.#unpin(name);
      this.#pin(name, pinned.nos, seq);
      return pinned.nos;
    }
    const nos = await filteredNos(this.#storage, scope, order, filter);
    this.#unpin(name);
    if (nos.length > limit) this.#pin(name, nos, seq);
    return nos;
  }

  #pin(name: string, nos: readonly number[], seq: number): void {
    const until = this.#clock.monotonic() + pinnedListMs;
    for (const [old, list] of this.#pinned) {
      const isRoom =
        this.#pinned.size < pinnedListsMax && this.#pinnedNos + nos.length <= pinnedNosMax;
      if (isRoom && list.until > this.#clock.monotonic()) break;
      this.#unpin(old);
    }
    this.#pinned.set(name, { nos, until, seq });
    this.#pinnedNos += nos.length;
  }

  #unpin(name: string): void {
    this.#pinnedNos -= this.#pinned.get(name)?.nos.length ?? 0;
    this.#pinned.delete(name);
  }
}

/** The documents in scope that pass a filter, in order. Others get their turn between slices. */
export async function filteredNos(
  storage: Pick<ListStorage, "documentNos" | "documentsByNo">,
  scope: Scope,
  order: Order,
  filter: Filter | undefined,
): Promise<readonly number[]> {
  const nos = await storage.documentNos(scope, order);
  if (filter === undefined) return nos;
  const passing: number[] = [];
  for (let start = 0; start < nos.length; start += filterSliceMax) {
    for (const document of await storage.documentsByNo(nos.slice(start, start + filterSliceMax))) {
      if (matchesFilter(filter, document.metadata)) passing.push(document.no);
    }
    await new Promise<void>((resolve) => {
      setImmediate(resolve);
    });
  }
  return passing;
}
