/**
 * The change feed: what changed after a cursor, in commit order, and waiting for more.
 *
 * One entry per document, at its last change. A key that is limited to a path sees documents that leave it as deleted.
 */
import type { Change, DeleteChange, StatusChange } from "@smfs/api";
import type { Cancel, Clock } from "@smfs/core";
import { HttpError } from "../http/http-error.ts";
import { pageContentBytesMax, waitersMax } from "../limits.ts";
import type { Storage } from "../storage/storage.ts";
import type { StoredChange, StoredDocument } from "../storage/stored.ts";
import { toIsoTime } from "../time.ts";
import { type Access, sees } from "./access.ts";
import { type ChangeCursor, formatCursor, parseCursor } from "./change-cursor.ts";
import { toStatusChange, toUpsert } from "./document-json.ts";
import type { StatusEvents } from "./status-events.ts";

/** What a reader asks for. */
export interface FeedQuery {
  readonly access: Access;
  readonly containerTag: string | undefined;
  readonly includeContent: boolean;
  readonly excludeOrigin: string | undefined;
  /** Steps of processing are told too. */
  readonly withStatus: boolean;
  readonly limit: number;
}

export interface FeedPage {
  readonly changes: readonly (Change | StatusChange)[];
  readonly cursor: string;
  readonly hasMore: boolean;
  readonly epoch: string;
}

type FeedStorage = Pick<
  Storage,
  "changesAfter" | "documentsByNo" | "head" | "horizon" | "epoch" | "onCommit" | "readContent"
>;

export class ChangeFeed {
  readonly #storage: FeedStorage;
  readonly #events: StatusEvents;
  readonly #clock: Clock;
  readonly #waiters = new Set<() => void>();
  readonly #unsubscribe: () => void;
  #closed = false;

  constructor(storage: FeedStorage, events: StatusEvents, clock: Clock) {
    this.#storage = storage;
    this.#events = events;
    this.#clock = clock;
    const stops = [storage.onCommit(() => this.#wakeAll()), events.onStep(() => this.#wakeAll())];
    this.#unsubscribe = () => {
      for (const stop of stops) stop();
    };
  }

  /** Wakes everybody who waits; nobody waits any more. */
  close(): void {
    this.#closed = true;
    this.#unsubscribe();
    this.#wakeAll();
  }

  get isClosed(): boolean {
    return this.#closed;
  }

  /**
   * Where a reader begins.
   * @param since a cursor; undefined or `0`: before everything; `now`: after everything
   * @throws HttpError 400 when it is no cursor, 410 when it is of another life of the database or before the horizon
   */
  async start(since: string | undefined): Promise<ChangeCursor> {
    const epoch = await this.#storage.epoch();
    if (since === undefined || since === "0") return { epoch, seq: 0 };
    if (since === "now") return { epoch, seq: await this.#storage.head() };
    const cursor = parseCursor(since);
    if (cursor === undefined)
      throw new HttpError(400, "Invalid request parameters", { details: "since: not a cursor" });
    await this.checkAlive(cursor);
    return cursor;
  }

  /** @throws HttpError 410 */
  async checkAlive(cursor: ChangeCursor): Promise<void> {
    const [epoch, head, horizon] = [
      await this.#storage.epoch(),
      await this.#storage.head(),
      await this.#storage.horizon(),
    ];
    // Position 0 has seen nothing, so no deletion can have been missed there.
    const isAlive =
      cursor.epoch === epoch && cursor.seq <= head && (cursor.seq === 0 || cursor.seq >= horizon);
    if (isAlive) return;
    throw new HttpError(410, "Cursor expired", {
      details: "list the container again (GET /ext/v1/snapshot), then go on from its feedCursor",
      resync: true,
    });
  }

  /** The next page after a cursor; empty when nothing changed. */
  async page(cursor: ChangeCursor, query: FeedQuery): Promise<FeedPage> {
    // Read first: whatever committed up to this seq is in what is found next.
    const head = await this.#storage.head();
    const found = await this.#storage.changesAfter(query.containerTag, cursor.seq, query.limit + 1);
    const page = bounded(found.slice(0, query.limit), query);
    const changes: Change[] = [];
    for (const change of page) {
      const shown = await this.#shown(change, query);
      if (shown !== undefined) changes.push(shown);
    }
    const hasMore = found.length > page.length;
    const last = page.at(-1)?.seq ?? cursor.seq;
    // A reader of a quiet container stays near the head, so that the horizon does not overtake it.
    const seq = hasMore ? last : Math.max(last, head);
    const { epoch } = cursor;
    if (!query.withStatus) {
      return { changes, cursor: formatCursor({ epoch, seq }), hasMore, epoch };
    }
    const steps = await this.#steps(cursor, query);
    return {
      changes: [...changes, ...steps.changes],
      cursor: formatCursor({ epoch, seq, status: steps.status }),
      hasMore: hasMore || steps.hasMore,
      epoch,
    };
  }

  /** Documents whose status moved since, each as it is now. */
  async #steps(cursor: ChangeCursor, query: FeedQuery) {
    const { life, position } = this.#events;
    // Of steps in another life of the server nothing is known.
    const after = cursor.status?.life === life ? cursor.status.position : position;
    const found = this.#events.after(after, query.limit + 1);
    const page = found.slice(0, query.limit);
    const documents = await this.#storage.documentsByNo(page.map(({ no }) => no));
    const seen = documents.filter(
      (document) =>
        sees(query.access, document) &&
        (query.containerTag === undefined || document.containerTags.includes(query.containerTag)),
    );
    return {
      changes: seen.map(toStatusChange),
      status: { life, position: page.at(-1)?.position ?? after },
      hasMore: found.length > page.length,
    };
  }

  /** The next page that is not empty, or an empty one when `waitMs` have passed, the reader left or the server stops. */
  async waitForPage(
    cursor: ChangeCursor,
    query: FeedQuery,
    waitMs: number,
    signal: AbortSignal,
  ): Promise<FeedPage> {
    const until = this.#clock.monotonic() + waitMs;
    let at = cursor;
    for (;;) {
      // Waiting begins before looking: a commit between the two is not missed.
      const waiter = this.#wait(until - this.#clock.monotonic(), signal);
      try {
        const page = await this.page(at, query);
        if (page.changes.length > 0 || page.hasMore) return page;
        if (this.#closed || signal.aborted || this.#clock.monotonic() >= until) return page;
        // What was only skipped is behind the reader.
        at = parseCursor(page.cursor) ?? at;
        await waiter.woken;
      } finally {
        waiter.cancel();
      }
    }
  }

  #wait(ms: number, signal: AbortSignal): { woken: Promise<void>; cancel: () => void } {
    if (this.#waiters.size >= waitersMax) {
      throw new HttpError(503, "Service Unavailable", {
        details: "too many readers are waiting",
        headers: { "Retry-After": "5" },
      });
    }
    let wake: () => void = () => undefined;
    const woken = new Promise<void>((resolve) => {
      wake = resolve;
    });
    const timer: Cancel = this.#clock.after(Math.max(0, ms), wake);
    this.#waiters.add(wake);
    signal.addEventListener("abort", wake, { once: true });
    return {
      woken,
      cancel: () => {
        timer();
        this.#waiters.delete(wake);
        signal.removeEventListener("abort", wake);
      },
    };
  }

  #wakeAll(): void {
    for (const wake of this.#waiters) wake();
  }

  async #shown(change: StoredChange, query: FeedQuery): Promise<Change | undefined> {
    if (change.kind === "delete") {
      const { tombstone } = change;
      if (tombstone.writer.origin !== null && tombstone.writer.origin === query.excludeOrigin)
        return undefined;
      const place = { containerTags: [tombstone.containerTag], filepath: tombstone.filepath };
      if (!sees(query.access, place)) return undefined;
      return {
        seq: change.seq,
        type: "delete",
        id: tombstone.id,
        customId: tombstone.customId,
        rev: tombstone.rev,
        filepath: tombstone.filepath,
        deletedAt: toIsoTime(tombstone.deletedAt),
        reason: tombstone.reason,
        ...tombstone.writer,
      };
    }
    const { document } = change;
    if (document.writer.origin !== null && document.writer.origin === query.excludeOrigin)
      return undefined;
    if (!sees(query.access, document)) return outOfSight(document);
    return toUpsert(document, query.includeContent ? await this.#content(document) : undefined);
  }

  async #content(document: StoredDocument): Promise<string | undefined> {
    if (!document.isText) return undefined;
    return Buffer.from(await this.#storage.readContent(document.content)).toString("utf8");
  }
}

/** The beginning of a page whose content is not too much for one answer; at least its first entry. */
function bounded(page: readonly StoredChange[], query: FeedQuery): readonly StoredChange[] {
  if (!query.includeContent) return page;
  let bytes = 0;
  const end = page.findIndex((change, index) => {
    bytes += change.kind === "upsert" ? change.document.content.size : 0;
    return index > 0 && bytes > pageContentBytesMax;
  });
  return end < 0 ? page : page.slice(0, end);
}

/** A document that may have left what the key sees: that it is gone is all that may be told. */
function outOfSight(document: StoredDocument): DeleteChange | undefined {
  if (document.rev === 1) return undefined;
  return {
    seq: document.seq,
    type: "delete",
    id: document.id,
    customId: null,
    rev: document.rev,
    filepath: null,
    deletedAt: toIsoTime(document.updatedAt),
    reason: "moved",
    origin: null,
    actor: null,
    session: null,
  };
}
