/**
 * The brake on deletions that are inferred from absence (docs/spec/sync.md, PULL-11): many at once are held until
 * somebody who could see which has confirmed them. A server that lost its data must not empty the mount.
 */
import type { Clock, Logger } from "@smfs/core";
import type { EntryView, StorePort } from "@smfs/store";

/** Deletions inferred from absence that are always applied; beyond, a tenth of the container at most. */
const absentMax = 5;
const absentShareMax = 0.1;
/** Milliseconds for which a confirmation holds. */
const confirmedMs = 10 * 60_000;
/** Paths that are named at most. */
const pathsMax = 1000;

/** Deletions that are held: what a confirmation would do here. */
export interface HeldDeletions {
  /** Documents that are gone, of all that this store knows. */
  readonly count: number;
  readonly total: number;
  /** Of them, those whose file was changed here since: these stay, and are sent again. */
  readonly changedCount: number;
  /** Of the others, in order, at most 1000; a directory's ends in `/`. */
  readonly paths: readonly string[];
}

export class Brake {
  readonly #port: StorePort;
  readonly #clock: Clock;
  readonly #log: Logger;
  #held: HeldDeletions | null = null;
  #heldIds: ReadonlySet<string> = new Set();
  #confirmedUntilMs = Number.NEGATIVE_INFINITY;
  /** What was held when it was confirmed; undefined when nothing was: then whatever is found soon is. */
  #confirmedIds: ReadonlySet<string> | undefined;

  constructor(deps: { port: StorePort; clock: Clock; log: Logger }) {
    this.#port = deps.port;
    this.#clock = deps.clock;
    this.#log = deps.log;
  }

  /** What is held; null when nothing is. */
  get held(): HeldDeletions | null {
    return this.#held;
  }

  /** Whether what is held was confirmed since, and is to be looked for again. */
  get isConfirmed(): boolean {
    return this.#held !== null && this.#isConfirmedNow();
  }

  #isConfirmedNow(): boolean {
    return this.#clock.monotonic() < this.#confirmedUntilMs;
  }

  /** Somebody wants them deleted here, too. */
  confirm(): void {
    this.#confirmedUntilMs = this.#clock.monotonic() + confirmedMs;
    this.#confirmedIds = this.#held === null ? undefined : this.#heldIds;
  }

  /**
   * Whether deletions are held.
   * @param candidates entries whose document is gone
   * @param total entries with a document
   */
  async holds(candidates: readonly EntryView[], total: number): Promise<boolean> {
    const isHeld = isTooMuch(this.#unconfirmed(candidates), total);
    // What comes on top of what was confirmed is to be seen first.
    if (isHeld) this.#confirmedUntilMs = Number.NEGATIVE_INFINITY;
    this.#held = isHeld ? toHeld(candidates, total) : null;
    this.#heldIds = isHeld ? idsOf(candidates) : new Set();
    const count = candidates.length;
    if (isHeld) {
      this.#log.log("error", "too many documents are gone at once: deletions are held", { count });
    }
    const message = `${count} of ${total} documents are gone from the server at once; they are kept here until you run: smfs sync --confirm-deletes (with --dry-run it shows which)`;
    await this.#port.setProblem("brake", null, isHeld ? message : null);
    return isHeld;
  }

  /** How many of them nobody has confirmed. */
  #unconfirmed(candidates: readonly EntryView[]): number {
    if (!this.#isConfirmedNow()) return candidates.length;
    const seen = this.#confirmedIds;
    if (seen === undefined) return 0;
    return candidates.filter(({ docId }) => docId === null || !seen.has(docId)).length;
  }
}

function isTooMuch(count: number, total: number): boolean {
  return count > Math.max(absentMax, total * absentShareMax);
}

const idsOf = (entries: readonly EntryView[]): ReadonlySet<string> =>
  new Set(entries.flatMap(({ docId }) => (docId === null ? [] : [docId])));

function toHeld(candidates: readonly EntryView[], total: number): HeldDeletions {
  const paths: string[] = [];
  let changedCount = 0;
  for (const { state, path, kind, bytesVer, baseVer } of candidates) {
    if (state === "deleted") continue;
    if (bytesVer > baseVer) changedCount += 1;
    else paths.push(`${path ?? "(a name that is not UTF-8)"}${kind === "dir" ? "/" : ""}`);
  }
  return { count: candidates.length, total, changedCount, paths: paths.sort().slice(0, pathsMax) };
}
