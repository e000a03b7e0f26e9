/** Pull by change feed: a cursor, a long poll, tombstones that are believed (docs/spec/sync.md, PULL-1). */
import { type ApiClient, ApiError, type RemoteChange } from "@smfs/api";
import { changePageMax, type Logger } from "@smfs/core";
import type { StorePort } from "@smfs/store";
import type { Brake } from "./brake.ts";
import type { Pull, Seen } from "./pull.ts";
import type { PullList } from "./pull-list.ts";
import { fromChange } from "./stamp.ts";

/** Name under which the store keeps where the feed goes on. */
export const feedCursorKey = "feed";
/** Fact that is set while everything is read from the beginning: a start in the midst of it begins anew. */
const replayFact = "feed-replay";
/** Fact that names the server's history, and the value of `replayFact` when that is another one than it was. */
const epochFact = "feed-epoch";
const otherHistory = "lost";

export type FeedResult =
  | { readonly kind: "applied"; readonly count: number; readonly hasMore: boolean }
  /** The cursor is from before the horizon, or of another server: everything is compared anew. */
  | { readonly kind: "expired" };

export class PullFeed {
  readonly #client: ApiClient;
  readonly #port: StorePort;
  readonly #pull: Pull;
  readonly #list: PullList;
  readonly #brake: Brake;
  readonly #log: Logger;
  /** Documents seen since the beginning of the feed, while it is read from there. */
  #replayed: Set<string> | undefined;
  #hasStarted = false;
  #epoch: string | undefined;

  constructor(deps: {
    client: ApiClient;
    port: StorePort;
    pull: Pull;
    list: PullList;
    brake: Brake;
    log: Logger;
  }) {
    this.#client = deps.client;
    this.#port = deps.port;
    this.#pull = deps.pull;
    this.#list = deps.list;
    this.#brake = deps.brake;
    this.#log = deps.log;
  }

  /** One page. Waits up to `waitS` seconds at the server for a change. */
  async page(waitS: number, signal?: AbortSignal): Promise<FeedResult> {
    const since = await this.#since();
    try {
      const answer = await this.#client.changes(since, changePageMax, waitS, signal);
      if (answer.epoch !== "" && answer.epoch !== this.#epoch) await this.#enter(answer.epoch);
      const seen = answer.changes.flatMap((change) => this.#seen(change));
      const cursor = { key: feedCursorKey, value: answer.cursor };
      if (seen.length > 0 || answer.cursor !== since) await this.#pull.apply(seen, cursor, signal);
      for (const { docId } of seen) this.#replayed?.add(docId);
      if (!answer.hasMore) await this.#endReplay();
      return { kind: "applied", count: seen.length, hasMore: answer.hasMore };
    } catch (error) {
      if (error instanceof ApiError && error.kind === "gone") return { kind: "expired" };
      throw error;
    }
  }

  /** Another history (a backup was restored) counts anew: what was agreed on is told by stamps and bytes alone. */
  async #enter(epoch: string): Promise<void> {
    const known = await this.#port.fact(epochFact);
    if (known !== undefined && known !== epoch) {
      this.#log.log(
        "warn",
        "the server goes on from an earlier state: what it lacks is sent again",
      );
      this.#pull.forgetRemembered();
      await this.#port.forgetRevisions();
      await this.#port.setFact(replayFact, otherHistory);
    }
    await this.#port.setFact(epochFact, epoch);
    this.#epoch = epoch;
  }

  /** Where the feed goes on; null from its beginning. */
  async #since(): Promise<string | null> {
    const isUnfinished = !this.#hasStarted && (await this.#port.fact(replayFact)) !== undefined;
    if (isUnfinished || this.#brake.isConfirmed) await this.#port.setCursor(feedCursorKey, null);
    this.#hasStarted = true;
    const since = await this.#port.cursor(feedCursorKey);
    if (since !== undefined) return since;
    if ((await this.#port.fact(replayFact)) === undefined)
      await this.#port.setFact(replayFact, "1");
    this.#replayed = new Set();
    return null;
  }

  /**
   * From its beginning the feed tells what there is, and nothing of what is gone (server-api: no tombstones). Documents
   * of ours that it did not name are looked at.
   */
  async #endReplay(): Promise<void> {
    if (this.#replayed === undefined) return;
    const isLost = (await this.#port.fact(replayFact)) === otherHistory;
    const isDone = await this.#list.sweep(this.#replayed, isLost);
    this.#replayed = undefined;
    if (isDone) await this.#port.setFact(replayFact, null);
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
