/**
 * Conflict versions: the local bytes keep their inode and go on under `/.conflicts/<path>.<device>-<op>`, so that
 * local bytes never move; the path gets R in a fresh inode. One transaction, so both survive or neither has
 * changed (PUSH-8).
 */
import {
  baseName,
  conflictsDirectory,
  isDirectory,
  parentPath,
  rootIno,
  toByteString,
  toHex,
  toText,
} from "@smfs/core";
import { conflictName, deviceOf, parseConflictName } from "./conflict-names.ts";
import type { StoreContext } from "./context.ts";
import type { EntryRow } from "./entries.ts";
import { linkOf, setLinkVersions } from "./link-versions.ts";
import type { ConflictView } from "./port.ts";
import type { Content, RemoteVersion } from "./sync-model.ts";
import type { Take } from "./take.ts";
import { toNames } from "./view.ts";

interface ConflictRow {
  readonly fid: string;
  readonly path: string;
  readonly base_rev: string | null;
  readonly base_hash: string | null;
  readonly local_rev: string | null;
  readonly remote_rev: string | null;
  readonly remote_by: string | null;
  readonly at_ms: number;
}

/** Levels of directories below `/.conflicts` that are looked into. */
const depthMax = 64;
const pageRows = 256;

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
    this.#list = context.db.sql.prepare<[number], ConflictRow>(
      "SELECT * FROM conflict ORDER BY at_ms DESC LIMIT ? + 0",
    );
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
    const link = linkOf(this.#context, kept);
    this.#take.addEntry({ ...place, alias: false }, kept, conflictVer, fid);
    // The other names of what was edited are names of the conflict version now.
    setLinkVersions(this.#context, kept, link, conflictVer);
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
    const device = deviceOf(this.#context.versions.epoch);
    const tag = toHex(new TextEncoder().encode(revision.slice(-6))).slice(-8);
    const name = toByteString(conflictName(baseName(path), device, tag));
    const directory = toNames(`/${conflictsDirectory}${parentPath(path)}`);
    const { ino: parent } = this.#take.directoryAt(directory, device);
    const taken = this.#context.entries.find(parent, name) !== undefined;
    return { parent, name: taken ? this.#context.names.free(parent, name, tag) : name };
  }

  /** Those that this device made, the newest first. A version that was removed or moved away is settled and not listed. */
  list(countMax: number): ConflictView[] {
    return this.#made(countMax).map(({ view }) => view);
  }

  /** All that are there, the newest first; those of other devices after them, with what their names say. */
  all(countMax: number): ConflictView[] {
    const made = this.#made(countMax);
    const known = new Set(made.map(({ fid }) => fid));
    const found = this.#context.entries.find(rootIno, conflictsDirectory);
    const others: ConflictView[] = [];
    if (found !== undefined) this.#collect(found.ino, "", known, countMax - made.length, others);
    return [...made.map(({ view }) => view), ...others];
  }

  #made(countMax: number): { fid: string; view: ConflictView }[] {
    const made: { fid: string; view: ConflictView }[] = [];
    for (const row of this.#list.all(countMax)) {
      const entry = this.#context.entries.byFid(row.fid);
      const versionPath = entry?.state === "live" ? this.#context.entries.path(entry) : undefined;
      if (entry === undefined || versionPath?.startsWith(`/${conflictsDirectory}/`) !== true)
        continue;
      made.push({ fid: row.fid, view: this.#view(row, entry, toText(versionPath) ?? versionPath) });
    }
    return made;
  }

  #view(row: ConflictRow, entry: EntryRow, versionPath: string): ConflictView {
    return {
      path: row.path,
      versionPath,
      device: deviceOf(this.#context.versions.epoch),
      isOurs: true,
      size: this.#context.inodes.get(entry.ino).size,
      base: row.base_rev === null ? null : { rev: row.base_rev, hash: row.base_hash },
      mineRev: row.local_rev,
      theirs: {
        rev: row.remote_rev,
        device: row.remote_by === null ? null : deviceOf(row.remote_by),
      },
      isEditedSince: this.#isEditedSince(row),
      atMs: row.at_ms,
    };
  }

  /** Whether the path no longer has exactly what the other side wrote. */
  #isEditedSince({ path, remote_rev }: ConflictRow): boolean {
    const { entries, inodes } = this.#context;
    let parent: number = rootIno;
    let entry: EntryRow | undefined;
    for (const name of toNames(path)) {
      entry = entries.find(parent, name);
      if (entry === undefined) return true;
      parent = entry.ino;
    }
    if (entry === undefined || entry.base_rev !== remote_rev) return true;
    const { bytes_ver, writers } = inodes.get(entry.ino);
    return bytes_ver > entry.base_ver || writers === 1;
  }

  /** Versions below a directory that other devices made, and those that this device made and has forgotten. */
  #collect(
    ino: number,
    below: string,
    known: ReadonlySet<string>,
    countMax: number,
    into: ConflictView[],
  ): void {
    const { entries, inodes } = this.#context;
    if (below.split("/").length > depthMax) return;
    for (let after = 0; into.length < countMax; ) {
      const page = entries.children(ino, after, pageRows);
      for (const entry of page) {
        after = entry.id;
        const name = toText(entry.name);
        if (name === undefined || known.has(entry.fid) || into.length >= countMax) continue;
        const inode = inodes.get(entry.ino);
        const path = `${below}/${name}`;
        if (isDirectory(inode.mode)) this.#collect(entry.ino, path, known, countMax, into);
        else this.#addOther(path, below, name, inode, into);
      }
      if (page.length < pageRows) return;
    }
  }

  #addOther(
    path: string,
    below: string,
    name: string,
    inode: { readonly size: number; readonly mtime_s: number },
    into: ConflictView[],
  ): void {
    const parsed = parseConflictName(name);
    if (parsed === undefined) return;
    into.push({
      path: `${below}/${parsed.name}`,
      versionPath: `/${conflictsDirectory}${path}`,
      device: parsed.device,
      isOurs: parsed.device === deviceOf(this.#context.versions.epoch),
      size: inode.size,
      base: null,
      mineRev: null,
      theirs: { rev: null, device: null },
      isEditedSince: null,
      atMs: inode.mtime_s * 1000,
    });
  }
}
