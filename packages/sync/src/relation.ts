/** How an observed version relates to what both sides last agreed on. Pure. */
import {
  type BaseView,
  type OpView,
  type RemoteVersion,
  type SyncAttrs,
  saidLink,
} from "@smfs/store";

/**
 * - `same`: it is base. `descends`: made by somebody who had seen base. `regress`: an ancestor of base: the server
 *   carried out an old request late. `stale`: an observation older than base. `concurrent`: none of these.
 */
export type Relation = "same" | "descends" | "regress" | "stale" | "concurrent";

/**
 * The version with its effective revision: bytes whose stamp is not theirs, but which are base's or the attempt's
 * own, have that revision (a server that dropped the content and kept the metadata).
 */
export function effective(
  remote: RemoteVersion,
  base: BaseView | null,
  op: Pick<OpView, "opId" | "hash" | "chain" | "withBytes"> | null,
): RemoteVersion {
  if (!remote.rev.startsWith("x:")) return remote;
  if (isShownFor(base, remote)) {
    const { rev, chain, hash } = base;
    return { ...remote, rev, chain: [...chain], hash, isShown: true };
  }
  // Only path or attributes were sent: what it shows is what it showed.
  const isMoved = op !== null && !op.withBytes && remote.stampRev === op.opId;
  if (isMoved && base?.shown === remote.hash) {
    return { ...remote, rev: op.opId, chain: op.chain, hash: op.hash };
  }
  if (op !== null && remote.hash === op.hash && remote.stampRev === op.opId) {
    return { ...remote, rev: op.opId, chain: op.chain };
  }
  if (base !== null && base.rev !== null && remote.hash === base.hash) {
    return { ...remote, rev: base.rev, chain: base.chain };
  }
  return remote;
}

/** Whether R is what a server that changes what it is sent shows in place of base's bytes. */
export function isShownFor(
  base: BaseView | null,
  remote: RemoteVersion,
): base is BaseView & { rev: string; hash: string } {
  return (
    base !== null &&
    base.shown !== null &&
    base.rev !== null &&
    base.hash !== null &&
    remote.hash === base.shown &&
    remote.stampRev === base.rev
  );
}

/** Relation of an (effective) version to base. */
export function relationOf(base: BaseView | null, remote: RemoteVersion): Relation {
  if (base === null) return "concurrent";
  // A server that counts: its history holds whatever was overwritten, so a higher number descends.
  if (base.srev !== null && remote.srev !== null) {
    if (remote.srev === base.srev) return "same";
    if (remote.srev < base.srev) return "stale";
    // It also counts what is no edit (the end of its processing): that must not beat a deletion or a move here.
    return isEqual(base, remote) ? "same" : "descends";
  }
  if (remote.rev === base.rev && remote.hash === base.hash)
    return isEqual(base, remote) ? "same" : "descends";
  if (base.rev !== null && remote.chain.includes(base.rev)) return "descends";
  if (base.chain.includes(remote.rev)) return "regress";
  // Somebody without our stamp changed the bytes: the stamp that is left says what they started from.
  if (remote.rev.startsWith("x:") && base.rev !== null && remote.stampRev === base.rev) {
    return "descends";
  }
  return "concurrent";
}

/**
 * Whether R is what the store with this epoch made of another file than `fid`: a late creation, which a server took for
 * a change of the document at its path (AGREE-10). That other file lives on elsewhere, or was deleted.
 */
export function isStray(fid: string, epoch: string, remote: RemoteVersion): boolean {
  return remote.fid !== null && remote.fid !== fid && remote.rev.startsWith(`${epoch}:`);
}

/** Whether R has base's bytes, path and attributes. */
function isEqual(base: BaseView, remote: RemoteVersion): boolean {
  return (
    remote.hash === base.hash && remote.path === base.path && agreesWith(base.attrs, remote.attrs)
  );
}

/** Whether R's attributes are those of `local`, as far as R says them. That it has no other name is said by having no link. */
export function agreesWith(local: Partial<SyncAttrs>, remote: Partial<SyncAttrs>): boolean {
  const keys = ["kind", "mode", "mtime", "target"] as const;
  const link = saidLink(remote);
  if (link !== undefined && link !== (local.link ?? null)) return false;
  return keys.every((key) => remote[key] === undefined || remote[key] === local[key]);
}
