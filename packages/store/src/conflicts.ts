/**
 * Conflict versions: the local bytes keep their inode and go on under `/.conflicts/<path>.<device>-<op>`, so that
 * local bytes never move; the path gets R in a fresh inode. One transaction, so both survive or neither has
 * changed (PUSH-8).
 */
import { baseName, parentPath, toByteString, toHex } from "@smfs/core";
import type { StoreContext } from "./context.ts";
import type { EntryRow } from "./entries.ts";
import type { ConflictView } from "./port.ts";
import type { Content, RemoteVersion } from "./sync-model.ts";
import type { Take } from "./take.ts";
import { toNames } from "./view.ts";

/** Directory of conflict versions, at the root. A normal, synced directory. */
export const conflictsDirectory = ".conflicts";

export class Conflicts {
  readonly #context: StoreContext;
  readonly #take: Take;
  readonly #put;
  readonly #list;

  constructor(context: StoreContext, take: Take) {
    this.#context = context;
    this.#take = take;
    this.#put = context.db.sql.prepare(
      `INSERT INTO conflict (fid, path, base_rev, base_hash, local_rev, remote_rev, remote_by, at_ms)
       VALUES (?, ?, ?, ?, ?, ?, ?, ?)`,
    );
    this.#list = context.db.sql.prepare<
      [number],
      { fid: string; path: string; remote_by: string | null; at_ms: number }
    >("SELECT fid, path, remote_by, at_ms FROM conflict ORDER BY at_ms DESC LIMIT ? + 0");
  }

  /**
   * Splits an entry: its inode goes to a new conflict entry (dirty), the entry takes R. The conflict entry's fid
   * comes from `revision` (the op's, or base's in a pull), so that doing it twice makes it once.
   */
  split(
    entry: EntryRow,
    path: string,
    revision: string,
    remote: RemoteVersion,
    content: Content,
  ): void {
    const { entries, inodes, versions, clock } = this.#context;
    const atPath = versions.next();
    const inode = inodes.get(entry.ino);
    const kept = entry.ino;
    const fresh = this.#take.newInode(remote, content, atPath);
    entries.update(entry.fid, { ino: fresh, local_ver: atPath });
    this.#context.invalidate({ kind: "entry", parent: entry.parent, name: entry.name });

    const place = this.#place(path, revision);
    const fid = this.#fidOf(revision, entry.fid);
    const conflictVer = versions.next();
    this.#take.addEntry({ ...place, alias: false }, kept, conflictVer, fid);
    if (entry.state === "deleted") inodes.update(kept, { nlink: inode.nlink + 1 });
    this.#put.run(
      fid,
      path,
      entry.base_rev,
      entry.base_hash,
      revision,
      remote.rev,
      remote.by,
      Math.round(clock.now()),
    );
  }

  #fidOf(revision: string, fid: string): string {
    const text = new TextEncoder().encode(`conflict ${revision} ${fid}`);
    return this.#context.bytes.digest(text).slice(0, 32);
  }

  /** `/.conflicts/<path>.<device>-<op>`: names of two devices cannot collide. */
  #place(path: string, revision: string): { parent: number; name: string } {
    const device = this.#context.versions.epoch.slice(0, 6);
    const tag = toHex(new TextEncoder().encode(revision.slice(-6))).slice(-8);
    const name = toByteString(`${baseName(path)}.${device}-${tag}`);
    const directory = toNames(`/${conflictsDirectory}${parentPath(path)}`);
    const { ino: parent } = this.#take.directoryAt(directory, device);
    const taken = this.#context.entries.find(parent, name) !== undefined;
    return { parent, name: taken ? this.#context.names.free(parent, name, tag) : name };
  }

  /** The newest first. A version that was removed or moved away is settled and not listed. */
  list(countMax: number): ConflictView[] {
    const views: ConflictView[] = [];
    for (const row of this.#list.all(countMax)) {
      const entry = this.#context.entries.byFid(row.fid);
      const versionPath = entry?.state === "live" ? this.#context.entries.path(entry) : undefined;
      if (versionPath?.startsWith(`/${conflictsDirectory}/`) !== true) continue;
      views.push({ path: row.path, versionPath, remoteBy: row.remote_by, atMs: row.at_ms });
    }
    return views;
  }
}
