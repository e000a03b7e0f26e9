/**
 * Plans made true (docs/spec/sync.md, PULL-n). A plan was decided on versions read earlier; each is carried out
 * only if its entry still has them, has no attempt in progress, and — where bytes would change — cannot be
 * written by anybody. Otherwise the answer is "stale" and the document stays pending.
 */
import { assert, isDirectory, unreachable } from "@smfs/core";
import type { Aliases } from "./aliases.ts";
import type { Conflicts } from "./conflicts.ts";
import type { StoreContext } from "./context.ts";
import type { DirectoryDocuments } from "./directory-documents.ts";
import { type EntryRow, isFid, isOwnCustomId } from "./entries.ts";
import type { InodeRow } from "./inodes.ts";
import type { Linking } from "./linking.ts";
import { deletedElsewhere } from "./pend.ts";
import { observed, sendAnew } from "./settle.ts";
import type { Applied, Content, Expect, Plan, RemoteVersion, SyncAttrs } from "./sync-model.ts";
import { directoryOf, type Take } from "./take.ts";
import type { Trash } from "./trash.ts";
import { directoryDocument, syncAttrs, type Views } from "./view.ts";

type PlanOf<K extends Plan["do"]> = Extract<Plan, { do: K }>;

export class Apply {
  readonly #context: StoreContext;
  readonly #views: Views;
  readonly #take: Take;
  readonly #trash: Trash;
  readonly #conflicts: Conflicts;
  readonly #aliases: Aliases;
  readonly #directories: DirectoryDocuments;
  readonly #linking: Linking;

  constructor(
    context: StoreContext,
    views: Views,
    take: Take,
    directories: DirectoryDocuments,
    aliases: Aliases,
    trash: Trash,
    conflicts: Conflicts,
    linking: Linking,
  ) {
    this.#context = context;
    this.#views = views;
    this.#take = take;
    this.#directories = directories;
    this.#trash = trash;
    this.#conflicts = conflicts;
    this.#aliases = aliases;
    this.#linking = linking;
  }

  /** Carries one plan out, within the caller's transaction. */
  one(plan: Plan): Applied {
    const applied = this.#lacksBytes(plan) ? "stale" : this.#carryOut(plan);
    const seen = plan.seenSrev ?? null;
    if (applied === "done") this.#relink(plan);
    if (applied === "stale") this.postpone(plan, "it changed here meanwhile");
    else if (plan.do === "defer") this.postpone(plan, plan.why);
    else this.#context.pend.drop(plan.docId, seen);
    return applied;
  }

  #relink({ docId }: Plan): void {
    const entry = this.#context.entries.byDoc(docId);
    if (entry !== undefined) this.#linking.relink(entry.fid);
  }

  /** What a plan was made of is looked at again later. Within a transaction. */
  postpone(plan: Plan, why: string): void {
    // Only this says, after a restart, that a deletion was told: by its id a document is merely not there.
    const told = isDeletion(plan) ? deletedElsewhere : why;
    this.#context.pend.put(plan.docId, told, plan.seenSrev ?? null);
  }

  /**
   * Whether the bytes that were fetched for a plan are gone by now: another inode with the same bytes has taken the
   * blob. They are fetched again; a fill without its blob would leave the old bytes under the new base.
   */
  #lacksBytes(plan: Plan): boolean {
    const content = "content" in plan ? plan.content : undefined;
    return content !== undefined && !this.#context.bytes.hasBlob(content.blob);
  }

  #carryOut(plan: Plan): Applied {
    switch (plan.do) {
      case "ignore":
      case "delete-again":
        return "done";
      case "defer":
        if (plan.hasFailed === true) this.#noteFailed(plan.docId);
        return "done";
      case "observe":
        return this.#withEntry(plan, (entry) => this.#observe(entry, plan.remote));
      case "arrive":
        return this.#withEntry(plan, (entry) => this.#arrive(entry, plan.remote));
      case "materialise":
        return this.#materialise(plan);
      case "fast-forward":
        return this.#withEntry(plan, (entry) => this.#replace(entry, plan.remote, plan.content));
      case "displace":
        return this.#withEntry(plan, (entry) => this.#displace(entry, plan));
      case "split":
        return this.#withEntry(plan, (entry) => this.#split(entry, plan));
      case "reassert":
        return this.#withEntry(plan, (entry) => this.#reassert(entry, plan.remote));
      case "vanish":
        return this.#withEntry(plan, (entry) => this.#vanish(entry, plan));
      case "resend":
        return this.#withEntry(plan, (entry) => this.#resend(entry));
      default:
        return unreachable(plan);
    }
  }

  /** The entry of a plan, if it is still as it was when the plan was made. */
  #withEntry(
    plan: { fid: string; docId: string; expect: Expect },
    act: (entry: EntryRow) => Applied,
  ): Applied {
    const entry = this.#context.entries.byFid(plan.fid);
    if (entry === undefined || entry.doc_id !== plan.docId) return "stale";
    if (entry.local_ver !== plan.expect.localVer || entry.base_ver !== plan.expect.baseVer)
      return "stale";
    if (this.#views.opRow(entry.fid) !== undefined || this.#views.isMovedAbove(entry))
      return "stale";
    return act(entry);
  }

  #canReplaceBytes(entry: EntryRow): boolean {
    return this.#context.inodes.get(entry.ino).writers === 0;
  }

  #noteFailed(docId: string): void {
    const { entries } = this.#context;
    const entry = entries.byDoc(docId);
    if (entry !== undefined) entries.update(entry.fid, { r_status: "failed" });
  }

  #observe(entry: EntryRow, remote: RemoteVersion): Applied {
    this.#context.entries.update(entry.fid, {
      ...observed(remote),
      base_etag: remote.etag,
      base_srev: remote.srev,
    });
    return "done";
  }

  #arrive(entry: EntryRow, remote: RemoteVersion): Applied {
    const attrs = syncAttrs(this.#context.inodes.get(entry.ino));
    const blob = entry.base_blob;
    this.#take.setBase(entry.fid, remote, entry.local_ver, attrs);
    this.#context.entries.update(entry.fid, { base_blob: blob });
    return "done";
  }

  #materialise(plan: PlanOf<"materialise">): Applied {
    const { remote, content } = plan;
    const { entries, inodes, versions } = this.#context;
    const path = remote.path ?? `/${remote.docId}.md`;
    if (entries.byDoc(remote.docId) !== undefined) return "stale";
    if (path.endsWith(`/${directoryDocument}`))
      return this.#directories.arrived({ ...remote, path });
    const place = this.#take.place(path, remote.docId, undefined);
    // A path that became free or taken since the decision: decide again.
    if (place.alias !== plan.alias) return "stale";
    const version = versions.next();
    const ino = this.#take.newInode(remote, content, version);
    const fid = this.#take.addEntry(place, ino, version, this.#unusedFid(remote));
    this.#identify(fid, remote);
    this.#take.setBase(fid, remote, version, syncAttrs(inodes.get(ino)));
    this.#context.tombs.drop(remote.docId);
    return "done";
  }

  /** The fid that a document's stamp names, unless it is in use here: one file keeps one identity on all devices. */
  #unusedFid(remote: RemoteVersion): string | undefined {
    if (remote.fid === null || !isFid(remote.fid)) return undefined;
    return this.#context.entries.byFid(remote.fid) === undefined ? remote.fid : undefined;
  }

  #identify(fid: string, remote: RemoteVersion): void {
    const cid = remote.customId;
    this.#context.entries.update(fid, {
      sent: 1,
      ...(cid === null ? {} : { cid: this.#ownCid(fid, cid) }),
    });
  }

  /** Only an id of our own form can be counted on: another keeps its entry's own. */
  #ownCid(fid: string, cid: string): string {
    return isOwnCustomId(cid) ? cid : (this.#context.entries.byFid(fid)?.cid ?? cid);
  }

  /** The entry becomes R: bytes where they differ, path, attributes; base with it. */
  #replace(entry: EntryRow, remote: RemoteVersion, content: Content): Applied {
    const { entries, inodes, versions } = this.#context;
    const inode = inodes.get(entry.ino);
    const moved = isDirectory(inode.mode) ? this.#directories.moved(entry, remote) : undefined;
    if (moved !== undefined) return moved;
    const bytesDiffer =
      remote.hash !== entry.base_hash || inode.stub === 1 || this.#leavesLink(entry, inode, remote);
    if (bytesDiffer && !this.#canReplaceBytes(entry)) return "stale";
    const version = versions.next();
    let ino = entry.ino;
    if (bytesDiffer && !isDirectory(inode.mode)) {
      ino = this.#take.takeBytes(entry, remote, content, version);
    }
    this.#take.takeAttrs(ino, remote);
    entries.update(entry.fid, { local_ver: version });
    const now = entries.byFid(entry.fid);
    assert(now !== undefined, "the entry stays");
    if (remote.path !== null) this.#take.takePath(now, remote.path, version);
    const keptBlob = bytesDiffer ? null : entry.base_blob;
    this.#take.setBase(entry.fid, remote, version, syncAttrs(inodes.get(ino)));
    entries.update(entry.fid, { base_blob: keptBlob });
    // After base has moved, or the entry itself would be taken for one that waits for the path it has just left.
    this.#aliases.endAt(entry.parent, entry.name);
    return "done";
  }

  /**
   * Whether the name goes on with an inode of its own: it is no name of the same file any more (LINK-3), or other names
   * would get R's attributes, which nobody may send for them (AGREE-9). What a server shows in place of what it was sent
   * is nothing to make one from.
   */
  #leavesLink(entry: EntryRow, inode: InodeRow, remote: RemoteVersion): boolean {
    if (inode.nlink < 2 || isDirectory(inode.mode) || entry.diverged === 1) return false;
    return this.#views.leavesLink(entry, remote) || !agreesOn(syncAttrs(inode), remote.attrs);
  }

  #displace(entry: EntryRow, plan: PlanOf<"displace">): Applied {
    if (!this.#canReplaceBytes(entry) || !this.#isKept(entry, plan.kept)) return "stale";
    const inode = this.#context.inodes.get(entry.ino);
    this.#trash.put(
      entry,
      this.#context.entries.shownPath(entry),
      plan.kept,
      inode.size,
      "replaced by a concurrent version of another device",
    );
    return this.#replace(entry, plan.remote, plan.content);
  }

  #split(entry: EntryRow, plan: PlanOf<"split">): Applied {
    const { entries, inodes } = this.#context;
    const inode = inodes.get(entry.ino);
    // A stub has no bytes of ours here: the server's history has them, the row says where.
    if (inode.stub === 1 || entry.base_rev === null) {
      return this.#displace(entry, { ...plan, do: "displace", kept: undefined });
    }
    if (!this.#canReplaceBytes(entry)) return "stale";
    const path = entries.textPath(entry) ?? plan.remote.path ?? "";
    this.#conflicts.split(entry, path, entry.base_rev, plan.remote, plan.content);
    const after = entries.byFid(entry.fid);
    assert(after !== undefined, "the entry that was split stays");
    if (plan.remote.path !== null) this.#take.takePath(after, plan.remote.path, after.local_ver);
    this.#take.setBase(entry.fid, plan.remote, after.local_ver, syncAttrs(inodes.get(after.ino)));
    return "done";
  }

  #reassert(entry: EntryRow, remote: RemoteVersion): Applied {
    const version = this.#context.versions.next();
    this.#context.inodes.update(entry.ino, { bytes_ver: version });
    this.#context.entries.bumpInode(entry.ino, version);
    this.#context.entries.update(entry.fid, observed(remote));
    return "done";
  }

  #vanish(entry: EntryRow, plan: PlanOf<"vanish">): Applied {
    const { inodes, entries, orphans, tombs } = this.#context;
    const inode = inodes.get(entry.ino);
    if (!this.#canReplaceBytes(entry)) return "stale";
    if (!isDirectory(inode.mode) && !this.#isKept(entry, plan.kept)) return "stale";
    tombs.put(entry, plan.srev);
    if (isDirectory(inode.mode)) {
      this.#directories.goOnWithout(entry);
      return "done";
    }
    if (inode.size > 0) {
      this.#trash.put(entry, entries.shownPath(entry), plan.kept, inode.size, plan.why);
    }
    this.#context.invalidate({
      kind: "delete",
      parent: entry.parent,
      name: entry.name,
      ino: entry.ino,
    });
    this.#context.invalidate({ kind: "inode", ino: entry.parent });
    // To the kernel it has no name left now: its other names say otherwise.
    this.#context.invalidate({ kind: "inode", ino: entry.ino, attributesOnly: true });
    orphans.dropEntry(entry);
    inodes.update(entry.parent, inodes.touched());
    this.#aliases.endAt(entry.parent, entry.name);
    this.#take.lostFrom(entry.parent);
    this.#take.pruneEmpty(entry.parent);
    return "done";
  }

  #isKept(entry: EntryRow, kept: Content): boolean {
    const inode = this.#context.inodes.get(entry.ino);
    if (inode.stub === 1 || inode.size === 0 || inode.target !== null) return true;
    return kept !== undefined && this.#context.bytes.hasBlob(kept.blob);
  }

  /** The server lost what we gave it: it goes again under a new customer id. */
  #resend(entry: EntryRow): Applied {
    const inode = this.#context.inodes.get(entry.ino);
    if (inode.stub === 1) return "stale";
    sendAnew(this.#context, entry);
    return "done";
  }
}

/** Whether attributes are R's, as far as R says them. */
function agreesOn(local: SyncAttrs, remote: Partial<SyncAttrs>): boolean {
  const isAgreed = (key: "mode" | "mtime"): boolean =>
    remote[key] === undefined || remote[key] === local[key];
  return isAgreed("mode") && isAgreed("mtime");
}

/** Whether a plan follows from a deletion that the server told. */
function isDeletion(plan: Plan): boolean {
  return plan.do === "vanish"
    ? plan.srev !== null
    : plan.do === "defer" && plan.isDeletion === true;
}

/** The path at which a document is seen here. */
export function shownPath(remote: Pick<RemoteVersion, "path" | "docId">): string {
  return directoryOf(remote.path ?? `/${remote.docId}.md`);
}
