/** Pull by change feed: a cursor, a long poll, tombstones that are believed (docs/spec/sync.md, PULL-1). */
import { type ApiClient, ApiError, type RemoteChange } from "@smfs/api";
import { changePageMax, type Logger } from "@smfs/core";
import type { StorePort } from "@smfs/store";
import type { Pull, Seen } from "./pull.ts";
import { fromChange } from "./stamp.ts";

/** Name under which the store keeps where the feed goes on. */
export const feedCursorKey = "feed";

export type FeedResult =
  | { readonly kind: "applied"; readonly count: number; readonly hasMore: boolean }
  /** The cursor is from before the horizon, or of another server: everything is compared anew. */
  | { readonly kind: "expired" };

export class PullFeed {
  readonly #client: ApiClient;
  readonly #port: StorePort;
  readonly #pull: Pull;
  readonly #log: Logger;

  constructor(deps: { client: ApiClient; port: StorePort; pull: Pull; log: Logger }) {
    this.#client = deps.client;
    this.#port = deps.port;
    this.#pull = deps.pull;
    this.#log = deps.log;
  }

  /** One page. Waits up to `waitS` seconds at the server for a change. */
  async page(waitS: number, signal?: AbortSignal): Promise<FeedResult> {
    const since = await this.#port.cursor(feedCursorKey);
    try {
      const answer = await this.#client.changes(since ?? null, changePageMax, waitS, signal);
      const seen = answer.changes.flatMap((change) => this.#seen(change));
      const cursor = { key: feedCursorKey, value: answer.cursor };
      if (seen.length > 0 || answer.cursor !== since) await this.#pull.apply(seen, cursor, signal);
      return { kind: "applied", count: seen.length, hasMore: answer.hasMore };
    } catch (error) {
      if (error instanceof ApiError && error.kind === "gone") return { kind: "expired" };
      throw error;
    }
  }

  #seen(change: RemoteChange): Seen[] {
    if (change.type === "delete") {
      return [
        { docId: change.id, observed: { kind: "tombstone", docId: change.id, srev: change.rev } },
      ];
    }
    if (change.type !== "upsert") return [];
    const remote = fromChange(change);
    if (remote === undefined) {
      this.#log.log("warn", "the feed names a document without a digest of its bytes", {
        docId: change.id,
      });
      return [];
    }
    return [{ docId: change.id, observed: { kind: "version", remote } }];
  }
}
