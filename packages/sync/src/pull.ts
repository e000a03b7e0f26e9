/**
 * From observations to the local tree: views, plans, bytes where a plan needs them, and one application per page
 * (docs/spec/sync.md, PULL-1 … PULL-5). How the observations are made is in pull-feed.ts and pull-list.ts.
 */

import { type ApiClient, ApiError } from "@smfs/api";
import type { Logger } from "@smfs/core";
import {
  type FileWorker,
  leavesLink,
  type Plan,
  type RemoteVersion,
  type RemoteView,
  type StorePort,
  saidLink,
} from "@smfs/store";
import type { Contents } from "./content.ts";
import { freeze } from "./freeze.ts";
import { type Observed, reconcile } from "./reconcile.ts";

/** Plans carried out in one transaction: a slice that the store thread finishes in a few milliseconds. */
const sliceMax = 64;

/** One observation, with the bytes when they came along. */
export interface Seen {
  readonly docId: string;
  readonly observed: Observed;
  readonly bytes?: Uint8Array | undefined;
}

export interface PullDeps {
  readonly port: StorePort;
  readonly client: ApiClient;
  readonly worker: FileWorker;
  readonly contents: Contents;
  readonly log: Logger;
  /** This store's epoch. */
  readonly epoch: string;
  /** Whether the server gives raw bytes. */
  readonly hasRaw: () => boolean;
  /** Called when something was deferred. */
  readonly onDeferred: () => void;
}

export class Pull {
  readonly #deps: PullDeps;
  /**
   * Observations of deferred documents: the feed said everything, so that a second look needs no request. In
   * memory only; after a restart the document is fetched.
   */
  readonly #remembered = new Map<string, Seen>();

  constructor(deps: PullDeps) {
    this.#deps = deps;
  }

  /** The server's history is another one: what was observed of the old one says nothing of it. */
  forgetRemembered(): void {
    this.#remembered.clear();
  }

  /** The last observation of a deferred document, if it was made by this process. */
  remembered(docId: string): Seen | undefined {
    return this.#remembered.get(docId);
  }

  /**
   * Applies a page of observations in order. The cursor moves in the transaction of the last slice, so that a crash
   * repeats observations and skips none (PULL-2).
   */
  async apply(
    seen: readonly Seen[],
    cursor?: { readonly key: string; readonly value: string },
    signal?: AbortSignal,
  ): Promise<{ applied: number; deferred: number }> {
    let applied = 0;
    let deferred = 0;
    for (
      let from = 0;
      from < seen.length || (from === 0 && cursor !== undefined);
      from += sliceMax
    ) {
      const slice = seen.slice(from, from + sliceMax);
      const isLast = from + sliceMax >= seen.length;
      const plans = await this.#plans(slice, signal);
      const results = await this.#deps.port.apply(plans, isLast ? cursor : undefined);
      for (const [index, plan] of plans.entries()) {
        if (results[index] === "stale" || plan.do === "defer") deferred += 1;
        else applied += 1;
        this.#remember(plan, results[index] === "stale", slice[index]);
      }
    }
    if (deferred > 0) this.#deps.onDeferred();
    return { applied, deferred };
  }

  #remember(plan: Plan, isStale: boolean, seen: Seen | undefined): void {
    const isUndecided = isStale || plan.do === "defer";
    if (seen !== undefined && isUndecided && isComplete(seen)) {
      this.#remembered.set(plan.docId, seen);
    } else if (!isLater(this.#remembered.get(plan.docId), plan.seenSrev ?? null)) {
      this.#remembered.delete(plan.docId);
    }
  }

  async #plans(slice: readonly Seen[], signal: AbortSignal | undefined): Promise<Plan[]> {
    const { port, epoch } = this.#deps;
    const views = await port.viewRemote(slice.map(toItem));
    const plans: Plan[] = [];
    for (const [index, seen] of slice.entries()) {
      const view = views[index];
      if (view === undefined) continue;
      const plan = { ...reconcile(view, seen.observed, { epoch }), seenSrev: srevOf(seen) };
      plans.push(await this.#equip(plan, view, seen, signal));
    }
    return plans;
  }

  /** Gets a plan the bytes it needs before the transaction, since nothing may wait inside it. */
  async #equip(
    plan: Plan,
    view: RemoteView,
    seen: Seen,
    signal: AbortSignal | undefined,
  ): Promise<Plan> {
    switch (plan.do) {
      case "materialise":
        return { ...plan, content: await this.#given(seen, plan.remote) };
      case "fast-forward":
        return { ...plan, content: await this.#newBytes(plan.remote, view, seen, signal) };
      case "split":
        return { ...plan, content: await this.#newBytes(plan.remote, view, seen, signal) };
      case "displace": {
        const kept = await this.#kept(view, signal);
        return { ...plan, kept, content: await this.#newBytes(plan.remote, view, seen, signal) };
      }
      case "vanish":
        return { ...plan, kept: await this.#kept(view, signal) };
      case "delete-again":
        return this.#deleteAgain(plan);
      default:
        return plan;
    }
  }

  #hasBytes(remote: RemoteVersion): boolean {
    return remote.attrs.kind !== "symlink" && remote.attrs.kind !== "dir" && remote.size !== 0;
  }

  async #given(
    seen: Seen,
    remote: RemoteVersion,
  ): Promise<{ blob: string; size: number } | undefined> {
    if (seen.bytes === undefined || !this.#hasBytes(remote)) return undefined;
    return this.#deps.contents.keep(seen.bytes);
  }

  /**
   * Bytes for an entry that is here: fetched at once when they are small and the old ones are here too, so that a
   * file that could be read offline stays so; else it becomes a stub.
   */
  async #newBytes(
    remote: RemoteVersion,
    view: RemoteView,
    seen: Seen,
    signal: AbortSignal | undefined,
  ): Promise<{ blob: string; size: number } | undefined> {
    if (seen.bytes !== undefined) return this.#given(seen, remote);
    if (leavesLinkOf(view, remote)) return this.#split(view, remote, signal);
    const { contents, hasRaw } = this.#deps;
    const isChanged = remote.hash !== view.entry?.base?.hash;
    if (!isChanged || view.entry?.stub === true || !hasRaw()) return undefined;
    if (!this.#hasBytes(remote) || !contents.isSmall(remote)) return undefined;
    return contents.fetchRaw(remote.docId, remote, signal);
  }

  /** LINK-3: the bytes are here, under the other names: this one gets a copy of them. */
  async #split(
    view: RemoteView,
    remote: RemoteVersion,
    signal: AbortSignal | undefined,
  ): Promise<{ blob: string; size: number } | undefined> {
    const copy = await this.#kept(view, signal);
    return copy?.blob === remote.hash ? copy : undefined;
  }

  /** A copy of an entry's bytes for the trash. */
  async #kept(
    view: RemoteView,
    signal: AbortSignal | undefined,
  ): Promise<{ blob: string; size: number } | undefined> {
    const { entry } = view;
    if (entry === null || entry.stub || entry.kind !== "file" || entry.state !== "live")
      return undefined;
    const copy = await freeze(this.#deps.worker, entry.ino, false, signal);
    return copy === undefined ? undefined : { blob: copy.digest, size: copy.size };
  }

  /** A late write of ours has brought a deleted file back: that document goes again, if it is still that version. */
  async #deleteAgain(plan: Extract<Plan, { do: "delete-again" }>): Promise<Plan> {
    this.#deps.log.log(
      "info",
      "a deleted document came back by a late request of ours: deleting it again",
      {
        docId: plan.docId,
      },
    );
    try {
      await this.#deps.client.delete(plan.docId, plan.etag === null ? {} : { ifMatch: plan.etag });
    } catch (error) {
      // It has changed since, or is gone: the feed says so next.
      if (!(error instanceof ApiError && error.kind === "precondition")) throw error;
    }
    return plan;
  }
}

/** Whether a version with base's bytes takes an entry out of the inode that it shares. */
function leavesLinkOf({ entry }: RemoteView, remote: RemoteVersion): boolean {
  if (entry === null || remote.hash !== entry.base?.hash) return false;
  return leavesLink({
    said: saidLink(remote.attrs),
    base: entry.base.attrs.link ?? null,
    here: entry.attrs.link ?? null,
  });
}

/**
 * Whether a second look may do without a request: only a server that counts says everything at once, and says it
 * again, with a higher number, when it is true no longer.
 */
function isComplete({ observed, bytes }: Seen): boolean {
  if (bytes !== undefined) return false;
  if (observed.kind === "version") return observed.remote.srev !== null;
  return observed.kind === "tombstone" && observed.srev !== null;
}

/** Revision number of an observation, where the server counts. */
function srevOf({ observed }: Seen): number | null {
  switch (observed.kind) {
    case "version":
      return observed.remote.srev;
    case "tombstone":
      return observed.srev;
    default:
      return null;
  }
}

function isLater(seen: Seen | undefined, srev: number | null): boolean {
  const seenSrev = seen === undefined ? null : srevOf(seen);
  return seenSrev !== null && srev !== null && seenSrev > srev;
}

function toItem(seen: Seen): {
  docId: string;
  fid: string | null;
  customId: string | null;
  path: string | null;
} {
  if (seen.observed.kind !== "version") {
    return { docId: seen.docId, fid: null, customId: null, path: null };
  }
  const { fid, customId, path } = seen.observed.remote;
  return { docId: seen.docId, fid, customId, path };
}
