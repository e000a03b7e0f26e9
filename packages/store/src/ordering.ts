/**
 * Paths are unique on the server, so requests about them have an order: a name must be free there before another
 * entry takes it (PUSH-0). Answers what an entry has to wait for, and when waiting would go in a circle.
 */
import { isAtOrBelow, parentPath, S_IFDIR, S_IFMT } from "@smfs/core";
import type { StoreContext } from "./context.ts";
import type { EntryRow } from "./entries.ts";
import { deletedElsewhere } from "./pend.ts";
import type { OpRow, Views } from "./view.ts";

export type Blocked =
  | { readonly kind: "wait"; readonly why: string }
  /** This entry is the one of a circle of renames that goes out of the way. */
  | { readonly kind: "cycle" }
  /** A document that stays has the path; it is shown here under another name. */
  | { readonly kind: "taken" };

/** Entries in one circle of renames at most; a longer chain is simply waited for. */
const circleMax = 64;
/** Entries with a base path at, above or below one target that are looked at. */
const blockersMax = 64;

export class Ordering {
  readonly #context: StoreContext;
  readonly #views: Views;
  readonly #at;
  readonly #below;
  readonly #shown;
  readonly #ops;

  constructor(context: StoreContext, views: Views) {
    this.#context = context;
    this.#views = views;
    const { sql } = context.db;
    this.#at = sql.prepare<[{ path: string }], EntryRow>(
      `SELECT * FROM entry WHERE base_path = @path AND (doc_id IS NOT NULL OR sent = 1) AND local_ver <> base_ver
       UNION ALL SELECT * FROM entry WHERE base_path IS NULL AND r_path = @path AND doc_id IS NOT NULL`,
    );
    this.#below = sql.prepare<[{ from: string; to: string; most: number }], EntryRow>(
      `SELECT * FROM (
         SELECT * FROM entry WHERE base_path > @from AND base_path < @to AND doc_id IS NOT NULL AND local_ver <> base_ver
         UNION ALL SELECT * FROM entry WHERE base_path IS NULL AND r_path > @from AND r_path < @to AND doc_id IS NOT NULL)
       LIMIT @most + 0`,
    );
    this.#shown = sql.prepare<[string, string]>(
      `SELECT 1 FROM entry WHERE base_path = ? AND alias = 1 AND fid <> ? AND doc_id IS NOT NULL
         AND (SELECT mode & ${S_IFMT} FROM inode WHERE inode.ino = entry.ino) <> ${S_IFDIR}`,
    );
    this.#ops = sql.prepare<[], OpRow>(
      "SELECT * FROM op WHERE phase <> 'claimed' OR kind = 'cycle'",
    );
  }

  /** What keeps `entry` from being sent to `path` now. */
  blockedBy(entry: EntryRow, path: string): Blocked | undefined {
    for (const op of this.#ops.all()) {
      if (op.fid !== entry.fid && (isAtOrBelow(op.path, path) || isAtOrBelow(path, op.path))) {
        return { kind: "wait", why: `an attempt at ${op.path} has not ended` };
      }
    }
    const holder = this.#holderOf(entry, path);
    if (holder === undefined)
      return this.#shown.get(path, entry.fid) === undefined ? undefined : { kind: "taken" };
    return this.#closesCircle(entry, holder)
      ? { kind: "cycle" }
      : { kind: "wait", why: `${path} is still another document's at the server` };
  }

  /** An entry of ours that the server still has at, above or below `path`, and that is to leave there. */
  #holderOf(entry: EntryRow, path: string): EntryRow | undefined {
    const candidates = this.#at.all({ path });
    for (let above = parentPath(path); above !== "/"; above = parentPath(above)) {
      candidates.push(...this.#at.all({ path: above }));
    }
    candidates.push(...this.#below.all({ from: `${path}/`, to: `${path}0`, most: blockersMax }));
    return candidates.find(
      (other) => other.fid !== entry.fid && !this.#isGone(other) && this.#isLeaving(other),
    );
  }

  /** The server has told that its document was deleted: it has the path no more, whatever becomes of the entry. */
  #isGone({ doc_id }: EntryRow): boolean {
    return doc_id !== null && this.#context.pend.why(doc_id) === deletedElsewhere;
  }

  #isLeaving(other: EntryRow): boolean {
    if (other.state === "deleted") return true;
    // A document that was never agreed on (refused, lost, of unknown outcome) still has the path it was sent to.
    return this.#target(other) !== (other.base_path ?? other.r_path);
  }

  #target(entry: EntryRow): string | undefined {
    return this.#views.documentPath(entry, this.#context.inodes.get(entry.ino));
  }

  /** Follows who waits for whom from `holder`; the smallest fid of a circle that ends at `entry` is to move away. */
  #closesCircle(entry: EntryRow, holder: EntryRow): boolean {
    let smallest = entry.fid;
    let at: EntryRow | undefined = holder;
    for (let count = 0; at !== undefined && count < circleMax; count += 1) {
      if (at.fid === entry.fid) return smallest === entry.fid;
      if (at.state === "deleted") return false;
      if (at.fid < smallest) smallest = at.fid;
      const target = this.#target(at);
      at = target === undefined ? undefined : this.#holderOf(at, target);
    }
    return false;
  }
}
