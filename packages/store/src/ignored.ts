/**
 * Files that stay on this machine because a pattern says so (docs/spec/sync.md, IGNORE-n): those of the mount's own
 * patterns, and of `.smfsignore` at the root, which is itself synced. What the server holds already stays in sync
 * wherever it lies; only what is new, or is moved to such a place, stays here.
 */
import { isDirectory, isRegular, isSymlink, quietYoungMs, rootIno } from "@smfs/core";
import type { StoreContext } from "./context.ts";
import type { EntryRow } from "./entries.ts";
import type { Fills } from "./fills.ts";
import { IgnoreRules, ignoreBytesMax } from "./ignore-rules.ts";
import type { InodeRow } from "./inodes.ts";
import { linkOf, setLinkVersions } from "./link-versions.ts";
import type { Problems } from "./problems.ts";

/** Name of the synced set of patterns, at the root. */
export const ignoreFile = ".smfsignore";
/** Files that stay here which are looked at anew in one pick, after the patterns changed. */
const sweepRows = 256;
const problemKey = "ignore";

const decoder = new TextDecoder();

export class Ignored {
  readonly #context: StoreContext;
  readonly #fills: Fills;
  readonly #problems: Problems;
  readonly #local;
  /** What the rules were read from: inode and version of its bytes. */
  #readFrom: string | undefined;
  #rules: IgnoreRules;
  /** The rules before the file began to change: until it is quiet they are followed too. */
  #former: IgnoreRules | undefined;
  /** Entry up to which the files that stay here have been looked at under these rules; undefined when all have. */
  #sweptTo: number | undefined = 0;

  constructor(context: StoreContext, fills: Fills, problems: Problems) {
    this.#context = context;
    this.#fills = fills;
    this.#problems = problems;
    this.#rules = new IgnoreRules([context.ignorePatterns]);
    this.#local = context.db.sql.prepare<[number, number], EntryRow>(
      "SELECT * FROM entry WHERE local_only = 1 AND id > ? ORDER BY id LIMIT ? + 0",
    );
  }

  /**
   * Reads the patterns as they are now, and looks at a slice of what stays here because of earlier ones. Within a
   * transaction. Returns milliseconds after which it is to be called again, 0 when it need not be; undefined while
   * the patterns are not here: nothing may be sent then that they could keep here.
   */
  refresh(): number | undefined {
    const entry = this.#context.entries.find(rootIno, ignoreFile);
    const inode = entry === undefined ? undefined : this.#context.inodes.get(entry.ino);
    const from = inode === undefined ? "none" : `${inode.ino} ${inode.bytes_ver}`;
    const isChanging =
      inode !== undefined &&
      (inode.writers === 1 || this.#context.versions.ageMs(inode.bytes_ver) < quietYoungMs);
    if (from !== this.#readFrom || isChanging || this.#former !== undefined) {
      if (inode !== undefined && inode.stub === 1) {
        this.#context.emit({ kind: "want", ino: inode.ino });
        return undefined;
      }
      this.#read(inode, isChanging);
      this.#readFrom = from;
    }
    if (isChanging) return quietYoungMs;
    return this.#sweep() ? 1 : 0;
  }

  #read(inode: InodeRow | undefined, isChanging: boolean): void {
    const before = this.#rules;
    this.#rules = new IgnoreRules([this.#context.ignorePatterns, this.#textOf(inode)]);
    // Whoever writes the file anew empties it first: that must not let out what it keeps here.
    this.#former = isChanging ? (this.#former ?? before) : undefined;
    this.#sweptTo = 0;
    const problem = this.#rules.problems.join("; ");
    if (problem === "") this.#problems.clear(problemKey);
    else this.#problems.set(problemKey, `/${ignoreFile}`, problem);
  }

  #textOf(inode: InodeRow | undefined): string {
    const { bytes } = this.#context;
    if (inode === undefined || !isRegular(inode.mode)) return "";
    this.#fills.finish(inode);
    if (!bytes.hasWork(inode.ino)) return "";
    const fd = bytes.openWork(inode.ino, "read");
    try {
      const content = new Uint8Array(Math.min(bytes.stat(fd).size, ignoreBytesMax));
      return decoder.decode(content.subarray(0, bytes.read(fd, content, 0)));
    } finally {
      bytes.close(fd);
    }
  }

  /** What no pattern keeps here any more is to be sent. Whether more is left to look at. */
  #sweep(): boolean {
    if (this.#sweptTo === undefined) return false;
    const rows = this.#local.all(this.#sweptTo, sweepRows);
    for (const entry of rows) {
      const inode = this.#context.inodes.get(entry.ino);
      if (isOrdinary(inode) && !this.matches(entry, inode)) {
        this.#setLocal(entry, 0);
        this.#context.emit({ kind: "dirty" });
      }
    }
    this.#sweptTo = rows.length < sweepRows ? undefined : rows.at(-1)?.id;
    return this.#sweptTo !== undefined;
  }

  /** Whether a pattern matches where an entry is now. */
  matches(entry: EntryRow, inode: InodeRow): boolean {
    if (this.#rules.isEmpty && this.#former === undefined) return false;
    const path = this.#context.entries.textPath(entry) ?? this.#context.entries.path(entry);
    if (path === undefined || path === `/${ignoreFile}`) return false;
    const isDir = isDirectory(inode.mode);
    return this.#rules.matches(path, isDir) || this.#former?.matches(path, isDir) === true;
  }

  /** IGNORE-1: an entry that the server knows nothing of stays here. Whether it does. Within a transaction. */
  keepsHere(entry: EntryRow): boolean {
    if (entry.state === "deleted" || entry.doc_id !== null || entry.sent === 1) return false;
    if (!this.matches(entry, this.#context.inodes.get(entry.ino))) return false;
    this.#setLocal(entry, 1);
    return true;
  }

  /** Names that stay here are no hard links to others. */
  #setLocal({ fid, ino }: EntryRow, isLocal: 0 | 1): void {
    const link = linkOf(this.#context, ino);
    this.#context.entries.update(fid, { local_only: isLocal });
    setLinkVersions(this.#context, ino, link, this.#context.versions.next());
  }

  /** Whether an entry that the server knows was moved here to where a pattern matches. */
  mustLeave(entry: EntryRow, inode: InodeRow, path: string): boolean {
    if (entry.doc_id === null && entry.sent === 0) return false;
    return entry.alias === 0 && path !== entry.base_path && this.matches(entry, inode);
  }

  /**
   * IGNORE-2: an entry with a document was moved to where a pattern matches. The document is deleted under its fid; the
   * name goes on here under a new one. Within a transaction. The deleted entry gets an inode of its own without
   * bytes, as if its last name had been removed: the bytes are the name's.
   */
  leave(entry: EntryRow, inode: InodeRow): void {
    const { entries, inodes, versions, orphans } = this.#context;
    const version = versions.next();
    const link = linkOf(this.#context, inode.ino);
    const { mode, uid, gid, target } = inode;
    const ghost = inodes.insert({
      mode,
      uid,
      gid,
      nlink: 0,
      bytesVer: inode.bytes_ver,
      ...(target === null ? {} : { target }),
    });
    entries.update(entry.fid, { state: "deleted", alias: 0, local_ver: version, ino: ghost });
    const { parent, name } = entry;
    const fid = entries.insert({ ino: inode.ino, parent, name, localVer: version });
    entries.update(fid, { local_only: 1 });
    orphans.freeIfUnused(ghost);
    setLinkVersions(this.#context, inode.ino, link, version);
    this.#context.emit({ kind: "dirty" });
  }
}

/** Whether it is a kind of thing that travels: of the others none is kept here by a pattern. */
function isOrdinary({ mode }: InodeRow): boolean {
  return isRegular(mode) || isSymlink(mode) || isDirectory(mode);
}
