/**
 * Directories that were renamed elsewhere. A server knows documents and no directories, so the rename of one arrives as
 * moves of what is in it, one by one and in any order. Where they all went to one directory that was made for them, the
 * directory was renamed: it takes that one's place, and whoever stands in it is where its files are (docs/spec/sync.md,
 * AGREE-12).
 *
 * In memory only: who a directory is matters as long as somebody stands in it, and a restart ends that.
 */

/** Milliseconds without any move after which the next one is another story. More than the interval of polls. */
const togetherMs = 120_000;
/** Directories that are followed at a time; with more of them everything moves one by one. */
const followedMax = 16_384;
/** Names of a directory that takes the other's place, at most: they all change their row in one transaction. */
export const namesMax = 4096;

/** What is in a directory goes to several places, or goes for good. */
const scattered = "scattered";

export class Successors {
  /** Directories that were made here for what was moved elsewhere. */
  readonly #made = new Set<number>();
  /** By directory: where what has left it went. */
  readonly #went = new Map<number, number | typeof scattered>();
  #lastMs = Number.NEGATIVE_INFINITY;

  /** Nothing is known any more: of several directories in one movement the rest moves one by one. */
  clear(): void {
    this.#made.clear();
    this.#went.clear();
  }

  /** A directory was made here, since something was moved there elsewhere. */
  made(directory: number, nowMs: number): void {
    this.#begin(nowMs);
    this.#made.add(directory);
  }

  /** Something in `from` was moved to `to`. `isAlike`: it has the name there that it had. */
  left(move: { from: number; to: number; isAlike: boolean }, nowMs: number): void {
    const { from, to, isAlike } = move;
    if (from === to) return;
    this.#begin(nowMs);
    const before = this.#went.get(from) ?? to;
    this.#went.set(from, isAlike && before === to && this.#made.has(to) ? to : scattered);
  }

  /** Something in a directory was deleted elsewhere. */
  lost(directory: number, nowMs: number): void {
    this.#begin(nowMs);
    this.#went.set(directory, scattered);
  }

  /** The directory that everything went to which has left this one; undefined when there is no such one. */
  of(directory: number): number | undefined {
    const to = this.#went.get(directory);
    return to === undefined || to === scattered || !this.#made.has(to) ? undefined : to;
  }

  /** A directory is gone, or has taken another's place: nothing else may. */
  forget(directory: number): void {
    this.#made.delete(directory);
    this.#went.delete(directory);
  }

  #begin(nowMs: number): void {
    const isLater = nowMs - this.#lastMs > togetherMs;
    if (isLater || this.#made.size + this.#went.size > followedMax) this.clear();
    this.#lastMs = nowMs;
  }
}

/** What decides whether an empty directory takes the place of its successor. */
export interface Succession {
  /** The successor is shown under a name that the server does not know it by, or is being sent. */
  readonly isUnsettled: boolean;
  /** One of the two lies in the other. */
  readonly isNested: boolean;
  /** A rename made here is still being marked. */
  readonly isMoving: boolean;
  /** Names in the successor, those included whose deletion is not confirmed. */
  readonly names: number;
  /** A name that the directory had here waits for its deletion. */
  readonly hasDeleted: boolean;
  /** Whether a program may stand in the one and the other. */
  readonly isUsed: boolean;
  readonly isSuccessorUsed: boolean;
}

/** Pure. In doubt the files have moved, and the directory goes: nothing but where somebody stands depends on it. */
export function takesPlace(found: Succession): boolean {
  if (found.isUnsettled || found.isNested || found.isMoving || found.hasDeleted) return false;
  return found.names <= namesMax && (found.isUsed || !found.isSuccessorUsed);
}
