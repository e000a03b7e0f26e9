/**
 * Hard links are documents of their own that name their common file by the smallest fid of its names. Whose
 * answer to that changes has changed (docs/spec/store.md, STORE-9).
 */
import type { StoreContext } from "./context.ts";
import type { EntryRow } from "./entries.ts";
import type { Link } from "./link-rules.ts";

/** What the names of an inode say of each other: the smallest fid when there are several, else null. */
export function linkOf(context: StoreContext, ino: number): Link {
  const fids = context.entries
    .ofInode(ino)
    .filter(({ state, local_only }) => state === "live" && local_only === 0)
    .map(({ fid }) => fid)
    .sort();
  return fids.length > 1 ? (fids[0] ?? null) : null;
}

/** Within a transaction that added or removed a name: `before` is what `linkOf` said before it. */
export function setLinkVersions(
  context: StoreContext,
  ino: number,
  before: Link,
  version: number,
): void {
  if (linkOf(context, ino) !== before) context.entries.bumpInode(ino, version);
}

/**
 * Within a transaction: an entry gets another identity (`Entries.reidentify`). The other names of its inode may be told by
 * another one from now on.
 */
export function reidentify(
  context: StoreContext,
  { fid, ino }: Pick<EntryRow, "fid" | "ino">,
  wanted?: string,
): void {
  const before = linkOf(context, ino);
  context.entries.reidentify(fid, wanted);
  if (before !== null) setLinkVersions(context, ino, before, context.versions.next());
}
