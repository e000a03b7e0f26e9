/**
 * PUSH-8: both sides changed. Bytes, path and each attribute are compared separately with their base: changed on
 * one side takes that side's; a path or attribute changed on both takes R's; bytes changed on both are merged or
 * split, as the sync thread decided from the three texts.
 */
import { assert, inlineBytesMax, isDirectory } from "@smfs/core";
import type { Conflicts } from "./conflicts.ts";
import type { StoreContext } from "./context.ts";
import type { DirectoryDocuments } from "./directory-documents.ts";
import type { EntryRow } from "./entries.ts";
import type { InodeRow } from "./inodes.ts";
import { saidLink } from "./link-rules.ts";
import { heldOpen } from "./pend.ts";
import type { Resolution, ResolveView, Settled } from "./port.ts";
import type { Content, RemoteVersion, SyncAttrs } from "./sync-model.ts";
import { directoryOf, type Take } from "./take.ts";
import { type OpRow, sameAttrs, syncAttrs, type Views } from "./view.ts";

interface Sides {
  readonly entry: EntryRow;
  readonly op: OpRow;
  readonly inode: InodeRow;
  readonly remote: RemoteVersion;
}

export class Resolve {
  readonly #context: StoreContext;
  readonly #views: Views;
  readonly #take: Take;
  readonly #directories: DirectoryDocuments;
  readonly #conflicts: Conflicts;
  readonly #deleteOp;

  constructor(
    context: StoreContext,
    views: Views,
    take: Take,
    directories: DirectoryDocuments,
    conflicts: Conflicts,
  ) {
    this.#context = context;
    this.#views = views;
    this.#take = take;
    this.#directories = directories;
    this.#conflicts = conflicts;
    this.#deleteOp = context.db.sql.prepare("DELETE FROM op WHERE fid = ?");
  }

  /** What the decision needs: entry, attempt, and the digest of small local bytes as they are now. */
  view(fid: string, opId: string): ResolveView | null {
    const op = this.#views.opRow(fid);
    const entry = this.#context.entries.byFid(fid);
    if (op === undefined || entry === undefined || op.op_id !== opId) return null;
    return {
      entry: this.#views.entry(entry),
      op: this.#views.op(op, entry),
      localHash: this.#hashNow(this.#context.inodes.get(entry.ino)),
    };
  }

  #hashNow(inode: InodeRow): string | null {
    const { bytes } = this.#context;
    if (inode.writers === 1 || inode.stub === 1 || inode.fill !== null) return null;
    if (inode.size > inlineBytesMax || !bytes.hasWork(inode.ino)) return null;
    const fd = bytes.openWork(inode.ino, "read");
    try {
      const content = new Uint8Array(bytes.stat(fd).size);
      bytes.read(fd, content, 0);
      return bytes.digest(content);
    } finally {
      bytes.close(fd);
    }
  }

  /**
   * Settles an attempt against R. `localVer` is the version that L was read at: if the entry has moved since,
   * nothing is done. "held": somebody can write the file and its bytes would have to change: later.
   */
  resolve(
    fid: string,
    opId: string,
    localVer: number,
    remote: RemoteVersion,
    how: Resolution,
    content: Content,
  ): Settled | "held" {
    const op = this.#views.opRow(fid);
    const entry = this.#context.entries.byFid(fid);
    if (op === undefined || entry === undefined || op.op_id !== opId) return "stale";
    if (entry.local_ver !== localVer) return "stale";
    // Another inode with the same bytes may have taken the blob: they are fetched, or merged, again.
    const blobs = [content?.blob, how.kind === "merged" ? how.blob : undefined];
    if (blobs.some((blob) => blob !== undefined && !this.#context.bytes.hasBlob(blob)))
      return "stale";
    const inode = this.#context.inodes.get(entry.ino);
    const sides: Sides = { entry, op, inode, remote };
    if (isDirectory(inode.mode) && !this.#keepsPath(sides)) {
      this.#deleteOp.run(fid);
      const moved = this.#directories.moved(entry, remote);
      if (moved !== undefined) return this.#handedOver(sides, moved === "done");
    }
    if (entry.state === "deleted") return this.#undelete(sides, content);
    if (inode.writers === 1 && how.kind !== "local") {
      this.#deleteOp.run(fid);
      this.#context.pend.put(remote.docId, heldOpen, remote.srev);
      return "held";
    }
    this.#deleteOp.run(fid);
    if (how.kind === "split") this.#split(sides, content);
    else this.#join(sides, how, content);
    this.#context.pend.drop(remote.docId, remote.srev);
    return "done";
  }

  /** A directory's attempt ends: its document has become another's, or will when that one is settled. */
  #handedOver({ remote }: Sides, isDone: boolean): Settled | "held" {
    if (isDone) {
      this.#context.pend.drop(remote.docId, remote.srev);
      return "done";
    }
    const why = "the directory at its path is not settled";
    this.#context.pend.put(remote.docId, why, remote.srev);
    return "held";
  }

  /** Local delete against remote edit: the edit wins, the entry comes back as R. */
  #undelete({ entry, remote }: Sides, content: Content): Settled {
    const { entries, versions } = this.#context;
    this.#deleteOp.run(entry.fid);
    const version = versions.next();
    const place = this.#take.place(
      directoryOf(remote.path ?? `/${remote.docId}`),
      remote.docId,
      entry.fid,
    );
    const ino = this.#take.newInode(remote, content, version);
    const old = entry.ino;
    entries.update(entry.fid, {
      ino,
      state: "live",
      parent: place.parent,
      name: place.name,
      alias: place.alias ? 1 : 0,
      local_ver: version,
    });
    this.#context.orphans.freeIfUnused(old);
    this.#context.invalidate({ kind: "entry", parent: place.parent, name: place.name });
    this.#take.setBase(entry.fid, remote, version, syncAttrs(this.#context.inodes.get(ino)));
    return "done";
  }

  /** Whether only we moved it, before the attempt or since: it stays where it is here, and its document follows. */
  #keepsPath({ entry, op, inode, remote }: Sides): boolean {
    const base = this.#views.base(entry);
    const path = this.#views.documentPath(entry, inode) ?? op.path;
    return base !== null && base.path !== path && base.path === remote.path;
  }

  #split(sides: Sides, content: Content): void {
    const { entry, op, remote } = sides;
    const { entries, inodes, versions } = this.#context;
    const keepsPath = this.#keepsPath(sides);
    this.#conflicts.split(entry, op.path, op.op_id, remote, content);
    const after = entries.byFid(entry.fid);
    assert(after !== undefined, "the entry that was split is there");
    if (!keepsPath && remote.path !== null) {
      this.#take.takePath(after, remote.path, after.local_ver);
    }
    this.#take.setBase(entry.fid, remote, after.local_ver, syncAttrs(inodes.get(after.ino)));
    if (keepsPath) entries.update(entry.fid, { local_ver: versions.next() });
  }

  /** Whether the local bytes may be others than R's: then they stay dirty. One claim too many is harmless. */
  #keepsBytes({ entry, op, inode, remote }: Sides): boolean {
    if (inode.writers === 1) return true;
    if (inode.bytes_ver <= entry.base_ver) return false;
    return op.snap_hash !== remote.hash || inode.bytes_ver > op.claim_ver;
  }

  #join(sides: Sides, how: Resolution, content: Content): void {
    const { entry, inode, remote } = sides;
    const { entries, inodes, versions } = this.#context;
    const base = this.#views.base(entry);
    const agreed = versions.next();
    const localAttrs = syncAttrs(inode);
    const oursBytes = how.kind === "merged" || (how.kind === "local" && this.#keepsBytes(sides));
    const keepsAttrs =
      base !== null &&
      !sameAttrs(base.attrs, localAttrs) &&
      !this.#remoteChangedAttrs(base.attrs, remote);
    const keepsPath = this.#keepsPath(sides);

    let ino = inode.ino;
    if (how.kind === "local" && !oursBytes && this.#leavesLink(sides))
      ino = this.#take.takeBytes(entry, remote, content, agreed);
    if (how.kind === "remote") ino = this.#take.takeBytes(entry, remote, content, agreed);
    if (how.kind === "merged")
      ino = this.#take.takeBytes(entry, remote, { blob: how.blob, size: how.size }, agreed);
    if (!keepsAttrs && !(how.kind === "local" && oursBytes)) this.#take.takeAttrs(ino, remote);
    const attrsAgreed = this.#take.merged(inodes.get(ino), keepsAttrs ? remote.attrs : {});
    entries.bumpInode(ino, agreed);
    inodes.update(ino, { bytes_ver: agreed });
    if (!keepsPath && remote.path !== null) this.#followPath(entry.fid, remote.path, agreed);
    this.#take.setBase(entry.fid, remote, agreed, attrsAgreed);
    entries.update(entry.fid, { local_ver: agreed });

    if (oursBytes) {
      const above = versions.next();
      inodes.update(ino, { bytes_ver: above });
      entries.bumpInode(ino, above);
    } else if (keepsAttrs || keepsPath || this.#isLinkUntold(entry.fid, remote)) {
      entries.update(entry.fid, { local_ver: versions.next() });
    }
  }

  /** LINK-3: it is no name of the same file any more at the server, and nothing that was made a name here since. */
  #leavesLink({ entry, inode, remote }: Sides): boolean {
    if (inode.nlink < 2 || entry.diverged === 1) return false;
    if (saidLink(remote.attrs) === (this.#views.attrs(inode).link ?? null)) return false;
    return this.#views.leavesLink(entry, remote);
  }

  /** Whether the names of an entry's inode are others than R says: they were made here, and R's author has not seen them. */
  #isLinkUntold(fid: string, remote: RemoteVersion): boolean {
    const said = saidLink(remote.attrs);
    const entry = this.#context.entries.byFid(fid);
    if (entry === undefined || said === undefined) return false;
    const inode = this.#context.inodes.get(entry.ino);
    return inode.nlink > 1 && (this.#views.attrs(inode).link ?? null) !== said;
  }

  #followPath(fid: string, path: string, version: number): void {
    const entry = this.#context.entries.byFid(fid);
    if (entry !== undefined) this.#take.takePath(entry, path, version);
  }

  #remoteChangedAttrs(base: Partial<SyncAttrs>, remote: RemoteVersion): boolean {
    return !sameAttrs({ ...base, ...remote.attrs }, base);
  }
}
