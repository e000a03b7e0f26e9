/**
 * Taking what the server holds into the local tree: bytes, path, attributes, each on its own. Used by `apply`
 * (pull) and `resolve` (push). Everything here happens within the caller's transaction; bytes follow it (FILL-1).
 */
import {
  isDirectory,
  isSymlink,
  parentPath,
  rootIno,
  S_IFDIR,
  S_IFMT,
  toByteString,
  toInstant,
} from "@smfs/core";
import type { StoreContext } from "./context.ts";
import type { EntryRow } from "./entries.ts";
import type { Fills } from "./fills.ts";
import type { InodeRow } from "./inodes.ts";
import { observed } from "./settle.ts";
import { Succession } from "./succession.ts";
import type { Content, RemoteVersion, SyncAttrs } from "./sync-model.ts";
import { directoryDocument, fromNanoseconds, modeOf, syncAttrs, usableNames } from "./view.ts";

/** Where an entry is to stand. */
export interface Place {
  readonly parent: number;
  readonly name: string;
  /** The path was taken: the entry is shown under another name. */
  readonly alias: boolean;
  /** Directories that were made on the way. */
  readonly made?: readonly number[];
}

export class Take {
  readonly #context: StoreContext;
  readonly #fills: Fills;
  readonly #succession: Succession;

  constructor(context: StoreContext, fills: Fills) {
    this.#context = context;
    this.#fills = fills;
    this.#succession = new Succession(context);
  }

  /** base := R. `attrs` are the local ones at agreement: what R leaves open is no difference. */
  setBase(fid: string, remote: RemoteVersion, baseVer: number, attrs: SyncAttrs): void {
    const { entries } = this.#context;
    const before = entries.byFid(fid);
    const isShown = before?.diverged === 1 && remote.isShown === true;
    entries.update(fid, {
      doc_id: remote.docId,
      base_ver: baseVer,
      base_rev: remote.rev,
      base_srev: remote.srev,
      base_etag: remote.etag,
      base_hash: remote.hash,
      base_path: remote.path,
      base_attrs: JSON.stringify({ ...attrs, ...remote.attrs }),
      base_chain: JSON.stringify(remote.chain),
      base_blob: null,
      diverged: isShown ? 1 : 0,
      ...observed(remote),
      ...(isShown ? { r_hash: before.r_hash } : {}),
    });
  }

  /** The attributes a file will have once R's are taken: R's, and what R leaves open as it is. */
  merged(inode: InodeRow, remote: Partial<SyncAttrs>): SyncAttrs {
    return { ...syncAttrs(inode), ...remote } as SyncAttrs;
  }

  /** Makes an inode for R's bytes: filled from a blob that is here, else a stub. */
  newInode(remote: RemoteVersion, content: Content, version: number): number {
    const { inodes, owner } = this.#context;
    const mode = modeOf(remote.attrs);
    const isLink = isSymlink(mode);
    const mtime = mtimeOf(remote);
    const isEmpty = remote.size === 0;
    const ino = inodes.insert({
      mode,
      uid: owner.uid,
      gid: owner.gid,
      nlink: 1,
      size: isLink
        ? toByteString(remote.attrs.target ?? "").length
        : (content?.size ?? Math.max(0, remote.size)),
      bytesVer: version,
      stub: isLink || isEmpty || content !== undefined ? 0 : 1,
      ...(mtime === undefined ? {} : { mtime }),
      ...(isLink ? { target: toByteString(remote.attrs.target ?? "") } : {}),
    });
    if (isLink) return ino;
    if (content !== undefined) this.#fills.start(ino, content.blob);
    else if (isEmpty) this.#context.db.afterCommit(() => this.#createEmpty(ino));
    return ino;
  }

  #createEmpty(ino: number): void {
    const { bytes } = this.#context;
    bytes.close(bytes.openWork(ino, "create"));
  }

  /** The bytes of an entry become R's. A fresh inode when others read the old one, or share it. */
  takeBytes(entry: EntryRow, remote: RemoteVersion, content: Content, version: number): number {
    const { entries, inodes, openFiles, db, bytes } = this.#context;
    const inode = inodes.get(entry.ino);
    const isSameType = (inode.mode & S_IFMT) === (modeOf(remote.attrs) & S_IFMT);
    const isPlain = isSameType && !isSymlink(inode.mode) && !isDirectory(inode.mode);
    if (!isPlain || inode.nlink > 1 || openFiles.isOpen(inode.ino) || entry.state === "deleted") {
      return this.replaceInode(entry, this.newInode(remote, content, version));
    }
    const size = content?.size ?? Math.max(0, remote.size);
    const isEmpty = content === undefined && remote.size === 0;
    inodes.update(inode.ino, {
      size,
      bytes_ver: version,
      stub: content === undefined && !isEmpty ? 1 : 0,
      fill: null,
      work_ctime: null,
      ...inodes.touched(),
    });
    if (content !== undefined) this.#fills.start(inode.ino, content.blob);
    else {
      db.afterCommit(() => {
        bytes.removeWork(inode.ino);
        if (isEmpty) this.#createEmpty(inode.ino);
      });
    }
    entries.bumpInode(inode.ino, version);
    this.#context.invalidate({ kind: "inode", ino: inode.ino });
    return inode.ino;
  }

  /** The name goes on with another inode; the old one lives as an orphan while somebody needs it. */
  replaceInode(entry: EntryRow, ino: number): number {
    const { entries, orphans } = this.#context;
    entries.update(entry.fid, { ino });
    if (entry.state === "live") {
      orphans.unlinked(entry.ino, entry.parent);
      orphans.noteReplaced(entry.ino);
    } else orphans.freeIfUnused(entry.ino);
    this.#context.invalidate({ kind: "entry", parent: entry.parent, name: entry.name });
    // Its other names, and who has it open, see that it has a name less.
    this.#context.invalidate({ kind: "inode", ino: entry.ino, attributesOnly: true });
    return ino;
  }

  /** Attributes of an inode become R's, as far as R says them. */
  takeAttrs(ino: number, remote: RemoteVersion): void {
    const { inodes } = this.#context;
    const inode = inodes.get(ino);
    const mtime = mtimeOf(remote);
    const isFile = !isDirectory(inode.mode) && !isSymlink(inode.mode);
    inodes.update(ino, {
      ...(remote.attrs.mode === undefined || isSymlink(inode.mode)
        ? {}
        : {
            mode:
              (inode.mode & S_IFMT) |
              (modeOf({ ...remote.attrs, kind: remote.attrs.kind ?? "file" }) & 0o7777),
          }),
      ...(isFile && mtime !== undefined ? { mtime_s: mtime.s, mtime_ns: mtime.ns } : {}),
      ...inodes.touched(true),
    });
    this.#context.invalidate({ kind: "inode", ino, attributesOnly: true });
  }

  /**
   * Where a document's path is here. Directories on the way are made; a name that another entry has, or a file
   * where a directory is needed, gives an alias.
   */
  place(path: string, docId: string, self: string | undefined): Place {
    const usable = usableNames(path);
    const names = usable ?? [];
    const name = names.pop() ?? docId;
    const at = this.directoryAt(names, docId);
    const parent = at.ino;
    // A path that cannot be one here: the document is shown by its id, and keeps its path at the server.
    const alias = at.alias || usable === undefined;
    const holder = this.#context.entries.find(parent, name);
    const { made } = at;
    if (holder === undefined || holder.fid === self) return { parent, name, alias, made };
    const other = this.#context.names.free(parent, name, docId.slice(0, 8));
    return { parent, name: other, alias: true, made };
  }

  /** The directory with this path, made where it is missing. */
  directoryAt(
    names: readonly string[],
    docId: string,
  ): { readonly ino: number; readonly alias: boolean; readonly made: readonly number[] } {
    const made: number[] = [];
    let ino = rootIno;
    let alias = false;
    for (const name of names) {
      const found = this.#directory(ino, name, docId);
      ino = found.ino;
      alias ||= found.alias;
      if (found.isNew) made.push(ino);
    }
    return { ino, alias, made };
  }

  #directory(
    parent: number,
    name: string,
    docId: string,
  ): { readonly ino: number; readonly alias: boolean; readonly isNew: boolean } {
    const { entries, inodes, names } = this.#context;
    const holder = entries.find(parent, name);
    if (holder === undefined) {
      return { ino: this.makeDirectory(parent, name), alias: false, isNew: true };
    }
    if (isDirectory(inodes.get(holder.ino).mode)) {
      return { ino: holder.ino, alias: false, isNew: false };
    }
    // A file has the directory's name: the documents below it are shown in a directory beside it.
    const other = names.free(parent, name, docId.slice(0, 8));
    return { ino: this.makeDirectory(parent, other), alias: true, isNew: true };
  }

  /** A directory that exists because something is in it: clean, and without a document of its own. */
  makeDirectory(parent: number, name: string, mode: number = S_IFDIR | 0o755): number {
    const { entries, inodes, owner, versions } = this.#context;
    const ino = inodes.insert({ mode, uid: owner.uid, gid: owner.gid, nlink: 2 });
    const above = inodes.get(parent);
    inodes.update(parent, { nlink: above.nlink + 1, ...inodes.touched() });
    const version = versions.next();
    const fid = entries.insert({ ino, parent, name, localVer: version });
    entries.update(fid, {
      base_ver: version,
      base_attrs: JSON.stringify(syncAttrs(inodes.get(ino))),
    });
    this.#context.invalidate({ kind: "entry", parent, name });
    this.#context.invalidate({ kind: "inode", ino: parent });
    return ino;
  }

  /** Moves a live entry to where the server has it. */
  takePath(entry: EntryRow, path: string, version: number): void {
    const { entries, inodes } = this.#context;
    const inode = inodes.get(entry.ino);
    const target = isDirectory(inode.mode) ? directoryOf(path) : path;
    if (entries.textPath(entry) === target && entry.alias === 0) return;
    const place = this.place(target, entry.doc_id ?? entry.fid, entry.fid);
    entries.update(entry.fid, {
      parent: place.parent,
      name: place.name,
      alias: place.alias ? 1 : 0,
      local_ver: version,
    });
    this.#moved(entry, inode, place);
  }

  #moved(entry: EntryRow, inode: InodeRow, place: Place): void {
    const { inodes } = this.#context;
    this.#succession.moved(entry, place);
    if (isDirectory(inode.mode) && place.parent !== entry.parent) {
      const from = inodes.get(entry.parent);
      const to = inodes.get(place.parent);
      inodes.update(from.ino, { nlink: from.nlink - 1 });
      inodes.update(to.ino, { nlink: to.nlink + 1 });
    }
    for (const ino of new Set([entry.parent, place.parent])) {
      inodes.update(ino, inodes.touched());
      this.#context.invalidate({ kind: "inode", ino });
    }
    this.#context.invalidate({ kind: "entry", parent: entry.parent, name: entry.name });
    this.#context.invalidate({ kind: "entry", parent: place.parent, name: place.name });
    this.pruneEmpty(entry.parent);
  }

  /**
   * A directory's document was moved to where `to` stands, and takes nothing along (AGREE-8). `made`: directories that
   * were made for it.
   */
  documentMoved(directory: number, to: number, made: readonly number[]): void {
    this.#succession.documentMoved(directory, to, made);
  }

  /** Something in a directory was deleted elsewhere. */
  lostFrom(directory: number): void {
    this.#succession.lost(directory);
  }

  /**
   * A directory that only existed because something was in it goes with the last name, and so on upwards: to where all
   * that was in it went, when that is one place (AGREE-12).
   */
  pruneEmpty(directory: number): void {
    const { entries, orphans } = this.#context;
    for (let ino = directory; ino !== rootIno; ) {
      if (entries.hasChildren(ino)) return;
      const entry = entries.ofInode(ino).find(({ state }) => state === "live");
      if (entry === undefined || entry.doc_id !== null || entry.sent === 1) return;
      if (entry.local_ver !== entry.base_ver) return;
      if (!this.#succession.follow(entry)) {
        this.#context.invalidate({ kind: "delete", parent: entry.parent, name: entry.name, ino });
        orphans.dropEntry(entry);
      }
      ino = entry.parent;
    }
  }

  /** Adds a live entry for a new inode at a place; tells the kernel. */
  addEntry(place: Place, ino: number, version: number, fid?: string): string {
    const { entries, inodes } = this.#context;
    const made = entries.insert({
      ...place,
      ino,
      localVer: version,
      ...(fid === undefined ? {} : { fid }),
    });
    if (place.alias) entries.update(made, { alias: 1 });
    inodes.update(place.parent, inodes.touched());
    this.#context.invalidate({ kind: "entry", parent: place.parent, name: place.name });
    this.#context.invalidate({ kind: "inode", ino: place.parent });
    return made;
  }
}

/** The directory a `.smfs-dir` document stands for; any other path is itself. */
export function directoryOf(path: string): string {
  return path.endsWith(`/${directoryDocument}`) ? parentPath(path) : path;
}

/** When a remote version was last changed, for people: its stamp's time, else the server's. */
export function mtimeOf(remote: RemoteVersion): { s: number; ns: number } | undefined {
  const stamped = fromNanoseconds(remote.attrs.mtime);
  if (stamped !== undefined) return stamped;
  const ms = toInstant(remote.updatedAt);
  return ms === undefined ? undefined : { s: Math.floor(ms / 1000), ns: (ms % 1000) * 1_000_000 };
}
