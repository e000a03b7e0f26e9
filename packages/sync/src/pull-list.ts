/**
 * Pull by listing, for servers without a change feed (docs/spec/sync.md, PULL-3): pages over an order that moves
 * while it is read. A pass that was not stable moves no watermark; what is absent is only a candidate for a
 * deletion; a document whose `updatedAt` is too young to be unique is looked at again.
 */
import type { ApiClient, ListAnswer, RemoteDocument } from "@smfs/api";
import { type Clock, listPageMax, listPagesMax, toInstant } from "@smfs/core";
import type { EntryView, RemoteView, StorePort } from "@smfs/store";
import type { Brake } from "./brake.ts";
import type { Looks } from "./look.ts";
import type { Pull, Seen } from "./pull.ts";
import type { Observed } from "./reconcile.ts";

/** Names under which the store keeps the watermark and the time of the last full listing. */
export const watermarkKey = "watermark";

/** Milliseconds of overlap behind the watermark: more than a late commit and a step of the server's clock. */
const overlapMs = 5 * 60_000;
/** Milliseconds between two full listings that both lack a document before its deletion is believed. */
const confirmMs = 60_000;
export interface ListPass {
  readonly seenCount: number;
  readonly isStable: boolean;
}

interface Listing {
  readonly documents: readonly RemoteDocument[];
  readonly isStable: boolean;
  /** The newest `updatedAt` as read at the start. */
  readonly head: string | undefined;
  readonly date: string | null;
}

export class PullList {
  readonly #client: ApiClient;
  readonly #port: StorePort;
  readonly #pull: Pull;
  readonly #looks: Looks;
  readonly #clock: Clock;
  readonly #isExact: () => boolean;
  readonly #brake: Brake;
  /** When a full listing first lacked a document; in memory, so that a restart begins to count anew. */
  readonly #absentSince = new Map<string, number>();

  constructor(deps: {
    client: ApiClient;
    port: StorePort;
    pull: Pull;
    looks: Looks;
    clock: Clock;
    brake: Brake;
    /** Whether the server counts revisions: then what it answers is so. */
    isExact: () => boolean;
  }) {
    this.#client = deps.client;
    this.#port = deps.port;
    this.#pull = deps.pull;
    this.#looks = deps.looks;
    this.#clock = deps.clock;
    this.#brake = deps.brake;
    this.#isExact = deps.isExact;
  }

  /** What changed since the watermark. */
  async delta(signal?: AbortSignal): Promise<ListPass> {
    const watermark = await this.#port.cursor(watermarkKey);
    const listing = await this.#list(watermark, signal);
    await this.#judge(listing.documents);
    if (listing.isStable && listing.head !== undefined) {
      await this.#port.setCursor(watermarkKey, listing.head);
    }
    return { seenCount: listing.documents.length, isStable: listing.isStable };
  }

  /** All documents: repairs whatever a delta missed, and finds what is gone. */
  async full(signal?: AbortSignal): Promise<ListPass> {
    const listing = await this.#list(undefined, signal);
    await this.#judge(listing.documents);
    if (listing.isStable) await this.#findAbsent(new Set(listing.documents.map(({ id }) => id)));
    return { seenCount: listing.documents.length, isStable: listing.isStable };
  }

  /** Pages, newest first, down to the watermark less the overlap. */
  async #list(watermark: string | undefined, signal: AbortSignal | undefined): Promise<Listing> {
    const until = watermark === undefined ? undefined : (toInstant(watermark) ?? 0) - overlapMs;
    const documents = new Map<string, RemoteDocument>();
    let head: string | undefined;
    let first: ListAnswer | undefined;
    let date: string | null = null;
    let isStable = true;
    let count = 0;
    for (let page = 1; page <= listPagesMax; page += 1) {
      const answer = await this.#page(page, signal);
      first ??= answer;
      date ??= answer.date;
      head ??= answer.memories[0]?.updatedAt;
      if (answer.pagination.totalItems !== first.pagination.totalItems) isStable = false;
      const isEnd = page >= answer.pagination.totalPages;
      if (answer.memories.length === 0 && !isEnd) isStable = false;
      count += answer.memories.length;
      for (const document of answer.memories) documents.set(document.id, document);
      const oldest = toInstant(answer.memories.at(-1)?.updatedAt ?? "");
      if (isEnd || (until !== undefined && oldest !== undefined && oldest < until)) break;
    }
    if (until === undefined && count !== first?.pagination.totalItems) isStable = false;
    if (documents.size !== count) isStable = false;
    const again = await this.#page(1, signal);
    if (again.memories[0]?.id !== first?.memories[0]?.id) isStable = false;
    if (again.memories[0]?.updatedAt !== first?.memories[0]?.updatedAt) isStable = false;
    return { documents: [...documents.values()], isStable, head, date };
  }

  #page(
    page: number,
    signal: AbortSignal | undefined,
  ): Promise<ListAnswer & { date: string | null }> {
    return this.#client.list(
      { page, limit: listPageMax, sort: "updatedAt", order: "desc", includeContent: false },
      signal,
    );
  }

  /** Looks at every document that is not known to be as it was. */
  async #judge(documents: readonly RemoteDocument[]): Promise<void> {
    for (let from = 0; from < documents.length; from += listPageMax) {
      const page = documents.slice(from, from + listPageMax);
      const views = await this.#port.viewRemote(
        page.map(({ id, filepath }) => ({ docId: id, fid: null, customId: null, path: filepath })),
      );
      for (const [index, document] of page.entries())
        if (!isKnown(document, views[index])) await this.one(document.id);
    }
  }

  /**
   * Fetches one document and judges it. That it is not there means that it was deleted where the server counts; from
   * any other, whose reads may lag, it is judged by the full listings.
   */
  one(docId: string): Promise<void> {
    return this.#lookAt(docId, this.#isExact() ? toTombstone(docId) : { kind: "absent", docId });
  }

  /** @param gone what it means that the document is not there */
  async #lookAt(docId: string, gone: Observed): Promise<void> {
    const look = await this.#looks.at(docId);
    if (look === null) {
      await this.#pull.apply([{ docId, observed: gone }]);
      return;
    }
    const seen: Seen =
      look.remote === undefined
        ? { docId, observed: { kind: "unreadable", docId, status: look.status } }
        : { docId, observed: { kind: "version", remote: look.remote }, bytes: look.bytes };
    await this.#pull.apply([seen]);
  }

  /**
   * The feed of a server that counts has named everything there is: what it has not named is looked at.
   * @param isLost the server's history is another one than it was (a backup was restored): what it lacks it has lost,
   *   and is sent again
   * @returns false when deletions are held, since they would be too many
   */
  async sweep(present: ReadonlySet<string>, isLost: boolean): Promise<boolean> {
    const { candidates, total } = await this.#lacking(present);
    if (!isLost && (await this.#brake.holds(candidates, total))) return false;
    for (const { docId } of candidates) {
      if (docId === null) continue;
      if (isLost) await this.#lookAt(docId, { kind: "lost", docId });
      else await this.one(docId);
    }
    return true;
  }

  /** Two stable full listings a minute apart without it, and a 404 by id: then it was deleted, or lost. */
  async #findAbsent(present: ReadonlySet<string>): Promise<void> {
    const { candidates, total } = await this.#lacking(present);
    const absent = new Set(candidates.map(({ fid }) => fid));
    for (const fid of this.#absentSince.keys()) if (!absent.has(fid)) this.#absentSince.delete(fid);
    const confirmed = candidates.filter((entry) => this.#isAbsentAgain(entry));
    if (await this.#brake.holds(confirmed, total)) return;
    for (const entry of confirmed) await this.#confirm(entry);
  }

  /** Entries whose document is not among those that are there. */
  async #lacking(
    present: ReadonlySet<string>,
  ): Promise<{ readonly candidates: EntryView[]; readonly total: number }> {
    const candidates: EntryView[] = [];
    let total = 0;
    for (let after = ""; ; ) {
      const page = await this.#port.documents(after, listPageMax);
      total += page.length;
      for (const entry of page)
        if (entry.docId !== null && !present.has(entry.docId)) candidates.push(entry);
      after = page.at(-1)?.fid ?? after;
      if (page.length < listPageMax) return { candidates, total };
    }
  }

  #isAbsentAgain(entry: EntryView): boolean {
    const since = this.#absentSince.get(entry.fid);
    const now = this.#clock.monotonic();
    if (since === undefined) {
      this.#absentSince.set(entry.fid, now);
      return false;
    }
    return now - since >= confirmMs;
  }

  async #confirm(entry: EntryView): Promise<void> {
    const docId = entry.docId;
    if (docId === null) return;
    const look = await this.#looks.at(docId);
    if (look !== null) return;
    const wasDone = entry.observed?.status === "done";
    await this.#pull.apply([
      {
        docId,
        observed: wasDone ? toTombstone(docId) : { kind: "lost", docId },
      },
    ]);
    this.#absentSince.delete(entry.fid);
  }
}

/** A deletion that was found by looking: nobody says at which revision. */
function toTombstone(docId: string): Observed {
  return { kind: "tombstone", docId, srev: null };
}

/** Whether a document is as it was when it was last seen, and was then seen late enough to tell. */
function isKnown(document: RemoteDocument, view: RemoteView | undefined): boolean {
  const seen = view?.entry?.observed ?? null;
  if (seen === null || !seen.settled) return false;
  return seen.updatedAt === document.updatedAt && seen.status === document.status;
}
