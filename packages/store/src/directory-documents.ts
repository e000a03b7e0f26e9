/**
 * The documents that stand for directories. A directory has one; a server without unique paths may hold two for one
 * path, when two devices made the directory, or one was moved to where the other stands. Then all devices keep the
 * document with the smaller id and delete the other: a directory is never shown twice (docs/spec/sync.md, AGREE-5).
 */
import { assert, isDirectory, rootIno, S_IFDIR } from "@smfs/core";
import type { StoreContext } from "./context.ts";
import { type EntryChanges, type EntryRow, isOwnCustomId } from "./entries.ts";
import { noBase, observed } from "./settle.ts";
import type { Applied, RemoteVersion } from "./sync-model.ts";
import { directoryOf, type Take } from "./take.ts";
import { modeOf, syncAttrs, toNames, usableNames, type Views } from "./view.ts";

export class DirectoryDocuments {
  readonly #context: StoreContext;
  readonly #views: Views;
  readonly #take: Take;

  constructor(context: StoreContext, views: Views, take: Take) {
    this.#context = context;
    this.#views = views;
    this.#take = take;
  }

  /** A document that no entry has: its directory is made, or gets it. */
  arrived(remote: RemoteVersion): Applied {
    return this.#arrive(remote).applied;
  }

  #arrive(remote: RemoteVersion): { readonly applied: Applied; readonly made: readonly number[] } {
    const directory = directoryOf(remote.path ?? "");
    // What is in it is shown all the same.
    if (directory !== "/" && usableNames(directory) === undefined) {
      return { applied: "done", made: [] };
    }
    const place = this.#take.place(directory, remote.docId, undefined);
    const made = [...(place.made ?? [])];
    let entry = place.alias ? this.#way(toNames(directory)).at : undefined;
    if (entry === undefined) {
      const mode = S_IFDIR | (modeOf(remote.attrs) & 0o7777);
      const ino = this.#take.makeDirectory(place.parent, place.name, mode);
      made.push(ino);
      entry = this.#context.entries.ofInode(ino)[0];
    }
    assert(entry !== undefined, "the directory is there");
    if (!this.#canUnite(entry)) return { applied: "stale", made };
    this.#unite(entry, remote);
    return { applied: "done", made };
  }

  /**
   * The server has a directory's document at R's path. Undefined when the directory can go there: it is empty, and its
   * new name is free. Else the document goes, and the directory stays as a plain one while something is in it: what is
   * in a moved directory has documents of its own, which are moved one by one, before it or after it (AGREE-8). Where a
   * directory stands that one gets the document, else a new one does.
   */
  moved(entry: EntryRow, remote: RemoteVersion): Applied | undefined {
    if (remote.path === null || usableNames(directoryOf(remote.path)) === undefined)
      return undefined;
    const way = this.#way(toNames(directoryOf(remote.path)));
    const standing = way.at;
    if (standing?.fid === entry.fid) return undefined;
    const isInside = way.inos.includes(entry.ino);
    const isEmpty = !this.#context.entries.hasChildren(entry.ino);
    if (standing === undefined && !isInside && isEmpty) return undefined;
    if (standing !== undefined && !this.#canUnite(standing)) {
      return entry.state === "deleted" ? this.#deleteAsSeen(entry, remote) : "stale";
    }
    if (entry.state === "deleted") this.#context.orphans.dropEntry(entry);
    else this.#letGo(entry);
    if (standing !== undefined) this.#unite(standing, remote);
    const { applied, made } =
      standing === undefined ? this.#arrive(remote) : { applied: "done" as const, made: [] };
    if (entry.state === "live") this.#follow(entry, remote, made);
    return applied;
  }

  /** What is in a directory is moved to where its document went: it may go there itself, and does when it is empty. */
  #follow(entry: EntryRow, remote: RemoteVersion, made: readonly number[]): void {
    const to = this.#context.entries.byDoc(remote.docId);
    if (to?.state === "live") this.#take.documentMoved(entry.ino, to.ino, made);
    this.#take.pruneEmpty(entry.ino);
  }

  /** Another is being moved to where a removed directory was: no bytes are at stake, so it is deleted as it is now. */
  #deleteAsSeen(entry: EntryRow, remote: RemoteVersion): Applied {
    const { entries, inodes, versions } = this.#context;
    this.#take.setBase(entry.fid, remote, entry.local_ver, syncAttrs(inodes.get(entry.ino)));
    entries.update(entry.fid, { local_ver: versions.next() });
    return "done";
  }

  /** A directory's document is gone: the directory goes with it when it is empty, else it goes on without. */
  goOnWithout(entry: EntryRow): void {
    this.#letGo(entry);
    this.#take.lostFrom(entry.ino);
    this.#take.pruneEmpty(entry.ino);
  }

  /** A directory goes on without its document, clean. */
  #letGo(entry: EntryRow): void {
    const { entries, inodes, versions } = this.#context;
    const version = versions.next();
    entries.update(entry.fid, {
      ...noBase,
      doc_id: null,
      sent: 0,
      alias: 0,
      local_ver: version,
      base_ver: version,
      base_attrs: JSON.stringify(syncAttrs(inodes.get(entry.ino))),
    });
    entries.reidentify(entry.fid);
  }

  /** Directories on the way to a path, as far as it exists; `at` is the live one at its end. */
  #way(names: readonly string[]): { readonly inos: number[]; readonly at: EntryRow | undefined } {
    const { entries, inodes } = this.#context;
    const inos: number[] = [];
    let at: EntryRow | undefined;
    for (const name of names) {
      at = entries.find(inos.at(-1) ?? rootIno, name);
      if (at === undefined || !isDirectory(inodes.get(at.ino).mode)) return { inos, at: undefined };
      inos.push(at.ino);
    }
    return { inos, at };
  }

  /** Whether a directory can get another document: what was changed of it here is sent after that. */
  #canUnite(entry: EntryRow): boolean {
    return this.#views.opRow(entry.fid) === undefined && !this.#views.isMovedAbove(entry);
  }

  #unite(standing: EntryRow, remote: RemoteVersion): void {
    if (standing.doc_id !== null && standing.doc_id < remote.docId) {
      this.#giveUp(standing, ownCustomIdOf(remote), {
        doc_id: remote.docId,
        base_ver: 1,
        base_rev: remote.rev,
        base_srev: remote.srev,
        base_etag: remote.etag,
        base_hash: remote.hash,
        base_path: remote.path,
        base_attrs: JSON.stringify(remote.attrs),
        base_chain: JSON.stringify(remote.chain),
        ...observed(remote),
      });
      return;
    }
    if (standing.doc_id !== null) {
      const { doc_id, base_ver, base_rev, base_srev, base_etag, base_hash, base_path } = standing;
      const { base_attrs, base_chain, r_rev, r_hash, r_path, r_status, r_updated } = standing;
      this.#context.entries.update(standing.fid, { doc_id: null });
      const base = { base_ver, base_rev, base_srev, base_etag, base_hash, base_path };
      const seen = { r_rev, r_hash, r_path, r_status, r_updated };
      this.#giveUp(standing, standing.cid, { doc_id, ...base, base_attrs, base_chain, ...seen });
    }
    this.#adopt(standing, remote);
  }

  #adopt(standing: EntryRow, remote: RemoteVersion): void {
    const { entries, inodes, versions } = this.#context;
    const isDirty = standing.local_ver !== standing.base_ver;
    if (!isDirty)
      this.#take.takeAttrs(standing.ino, { ...remote, attrs: { ...remote.attrs, kind: "dir" } });
    const version = versions.next();
    const cid = ownCustomIdOf(remote) ?? standing.cid;
    entries.update(standing.fid, { sent: 1, cid, local_ver: version });
    this.#take.setBase(standing.fid, remote, version, syncAttrs(inodes.get(standing.ino)));
    inodes.update(standing.ino, { bytes_ver: version });
    // It was about to be created or moved here: what differs from the document that was there is sent still.
    if (isDirty) entries.update(standing.fid, { local_ver: versions.next() });
  }

  /** A document that is one too many is deleted, by an entry that has no name here. */
  #giveUp(beside: EntryRow, cid: string | null, columns: EntryChanges): void {
    const { entries, inodes, owner, versions, emit } = this.#context;
    const ino = inodes.insert({ mode: S_IFDIR | 0o755, uid: owner.uid, gid: owner.gid, nlink: 0 });
    const fid = entries.insertDeleted({
      ino,
      parent: beside.parent,
      name: beside.name,
      localVer: versions.next(),
    });
    entries.update(fid, { ...columns, sent: 1, ...(cid === null ? {} : { cid }) });
    this.#context.db.afterCommit(() => emit({ kind: "dirty" }));
  }
}

/** A document's customer id, if it has our own form. */
function ownCustomIdOf({ customId }: RemoteVersion): string | null {
  return customId !== null && isOwnCustomId(customId) ? customId : null;
}
