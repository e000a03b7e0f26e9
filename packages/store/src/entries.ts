/**
 * Names and their sync identity. One row per name; a directory's names are the live rows with its inode as
 * parent. What is *dirty* is decided here and nowhere else.
 */
import {
  assert,
  joinPath,
  type Random,
  rootIno,
  toBase32,
  toDisplay,
  toHex,
  toText,
} from "@smfs/core";
import type { Database } from "./database.ts";
import { type EntryValues, entryColumns, toEntryRow } from "./row-values.ts";

/** A row of table `entry` (docs/schema.md). */
export interface EntryRow {
  id: number;
  fid: string;
  cid: string;
  ino: number;
  parent: number;
  name: string;
  state: "live" | "deleted";
  alias: number;
  local_only: number;
  local_ver: number;
  base_ver: number;
  base_rev: string | null;
  base_srev: number | null;
  base_etag: string | null;
  base_hash: string | null;
  base_path: string | null;
  base_attrs: string | null;
  base_chain: string;
  base_blob: string | null;
  doc_id: string | null;
  sent: number;
  r_rev: string | null;
  r_srev: number | null;
  r_hash: string | null;
  r_path: string | null;
  r_status: string | null;
  r_updated: string | null;
  r_settled: number;
  r_etag: string | null;
  misses: number;
  diverged: number;
  rejected_ver: number | null;
  rejected_hash: string | null;
  rejected_why: string | null;
}

/** What an operation on names has to know of an entry: a third of the time that all of a row takes. */
export type NamedEntry = Pick<
  EntryRow,
  "fid" | "ino" | "parent" | "name" | "state" | "local_only" | "doc_id" | "sent"
>;

export type EntryColumn = Exclude<keyof EntryRow, "id">;
export type EntryChanges = Partial<Pick<EntryRow, EntryColumn>>;

/** An entry whose base the bytes at hand are. */
export interface AgreedRow {
  readonly fid: string;
  readonly base_hash: string;
}

/** Directories above one name at most: PATH_MAX / 2. A longer chain is a cycle, which cannot be. */
const depthMax = 2048;
/** Bytes of a fid, and fids drawn at a time. */
const identityBytes = 16;
const drawCount = 64;

export interface NewEntry {
  readonly ino: number;
  readonly parent: number;
  readonly name: string;
  readonly localVer: number;
  /** Identity given from outside (a conflict version's is derived from its op); else random. */
  readonly fid?: string;
}

function fromHex(hex: string): Uint8Array {
  const bytes = new Uint8Array(hex.length / 2);
  for (let i = 0; i < bytes.length; i += 1) {
    bytes[i] = Number.parseInt(hex.slice(2 * i, 2 * i + 2), 16);
  }
  return bytes;
}

/** The number that digits of `text` are. */
function decimal(text: string, from: number, end: number): number {
  let value = 0;
  for (let at = from; at < end; at += 1) value = value * 10 + text.charCodeAt(at) - 48;
  return value;
}

/** Whether a text from a server has the form of a fid. */
export function isFid(text: string): boolean {
  return /^[0-9a-f]{32}$/.test(text);
}

/** Whether a customer id has our own form: only such a one can be counted on. */
export function isOwnCustomId(text: string): boolean {
  return /^n_[a-z2-7]+(_\d+)?$/.test(text);
}

export class Entries {
  readonly #db: Database;
  readonly #random: Random;
  readonly #byName;
  readonly #named;
  readonly #inoByName;
  readonly #names;
  readonly #hasEntry;
  readonly #agreed;
  readonly #byFid;
  readonly #byDoc;
  readonly #byIno;
  readonly #byCid;
  readonly #children;
  readonly #hasChild;
  readonly #insert;
  readonly #delete;
  readonly #bumpIno;
  readonly #bumpOthers;
  readonly #parentOfDir;
  readonly #anyAlias;
  readonly #renameConflict;
  readonly #updates = new Map<string, { run(...values: unknown[]): unknown }>();
  /** Whether there was an alias since it was first asked: hardly ever, and it is asked with each name that goes. */
  #mayHaveAliases: boolean | undefined;
  /** Random bytes drawn ahead: the system gives many as quickly as a few. */
  #drawn: Uint8Array = new Uint8Array(0);

  constructor(db: Database, random: Random) {
    this.#db = db;
    this.#random = random;
    const { sql } = db;
    this.#byName = sql
      .prepare<[number, string], EntryValues>(
        `SELECT ${entryColumns} FROM entry WHERE parent = ? AND name = ? AND state = 'live'`,
      )
      .raw();
    this.#named = sql
      .prepare<[number, string], [string, number, number, string | null, number]>(
        "SELECT fid, ino, local_only, doc_id, sent FROM entry WHERE parent = ? AND name = ? AND state = 'live'",
      )
      .raw();
    this.#inoByName = sql
      .prepare<[number, string], number>(
        "SELECT ino FROM entry WHERE parent = ? AND name = ? AND state = 'live'",
      )
      .pluck();
    this.#names = sql
      .prepare<[number, number, number], string | null>(
        `SELECT group_concat(one, '/') FROM (SELECT id || '/' || ino || '/' || name AS one FROM entry
         WHERE parent = ? AND id > ? AND state = 'live' ORDER BY id LIMIT ? + 0)`,
      )
      .pluck();
    this.#hasEntry = sql.prepare<[number]>("SELECT 1 FROM entry WHERE ino = ? LIMIT 1").pluck();
    this.#agreed = sql.prepare<[number, number], AgreedRow>(
      `SELECT fid, base_hash FROM entry WHERE ino = ? AND base_ver >= ? AND base_ver > 0
         AND base_hash IS NOT NULL AND base_blob IS NULL AND state = 'live'`,
    );
    this.#byFid = sql.prepare<[string], EntryRow>("SELECT * FROM entry WHERE fid = ?");
    this.#byDoc = sql.prepare<[string], EntryRow>("SELECT * FROM entry WHERE doc_id = ?");
    this.#byCid = sql
      .prepare<[string], string>("SELECT fid FROM entry WHERE cid = ? AND sent = 1 LIMIT 1")
      .pluck();
    this.#byIno = sql.prepare<[number], EntryRow>("SELECT * FROM entry WHERE ino = ? ORDER BY id");
    this.#children = sql.prepare<[number, number, number], EntryRow>(
      "SELECT * FROM entry WHERE parent = ? AND id > ? AND state = 'live' ORDER BY id LIMIT ? + 0",
    );
    this.#hasChild = sql.prepare<[number], { id: number }>(
      "SELECT id FROM entry WHERE parent = ? AND state = 'live' LIMIT 1",
    );
    this.#insert = sql.prepare(
      "INSERT INTO entry (fid, cid, ino, parent, name, local_ver, state) VALUES (?, ?, ?, ?, ?, ?, ?)",
    );
    this.#delete = sql.prepare("DELETE FROM entry WHERE fid = ?");
    this.#renameConflict = sql.prepare("UPDATE conflict SET fid = ? WHERE fid = ?");
    this.#bumpOthers = sql.prepare(
      `UPDATE entry SET local_ver = @version WHERE ino = @ino AND state = 'live' AND local_only = 0
         AND local_ver = base_ver AND fid <> @fid AND base_attrs ->> '$.link' IS NOT @link`,
    );
    this.#bumpIno = sql.prepare("UPDATE entry SET local_ver = ? WHERE ino = ? AND state = 'live'");
    this.#anyAlias = sql.prepare("SELECT 1 FROM entry WHERE alias = 1 LIMIT 1");
    this.#parentOfDir = sql.prepare<[number], { parent: number; name: string; fid: string }>(
      "SELECT parent, name, fid FROM entry WHERE ino = ? AND state = 'live' LIMIT 1",
    );
  }

  /** The live entry of a name. */
  find(parent: number, name: string): EntryRow | undefined {
    const values = this.#byName.get(parent, name);
    return values === undefined ? undefined : toEntryRow(values);
  }

  /** The live entry of a name, as far as operations on names need it. */
  named(parent: number, name: string): NamedEntry | undefined {
    const values = this.#named.get(parent, name);
    if (values === undefined) return undefined;
    const [fid, ino, local_only, doc_id, sent] = values;
    return { fid, ino, parent, name, state: "live", local_only, doc_id, sent };
  }

  /** Inode of a name, or undefined: `find` for those who need no more. */
  inoOf(parent: number, name: string): number | undefined {
    return this.#inoByName.get(parent, name);
  }

  /**
   * Visits live names of a directory with `id` above `afterId`, in the order of their streams, until `visit` says false.
   * They come as one text, since the binding takes twice as long to make a row of each; it is read by hand, since
   * `split` and `Number` take as long as the query.
   * @returns the `id` of the last one when it may not have been the last of all; undefined otherwise, and after false
   */
  eachName(
    parent: number,
    afterId: number,
    countMax: number,
    visit: (id: number, ino: number, name: string) => boolean,
  ): number | undefined {
    const text = this.#names.get(parent, afterId, countMax) ?? "";
    let count = 0;
    let id = afterId;
    for (let at = 0; at < text.length; ) {
      const idEnd = text.indexOf("/", at);
      const inoEnd = text.indexOf("/", idEnd + 1);
      const slash = text.indexOf("/", inoEnd + 1);
      const nameEnd = slash === -1 ? text.length : slash;
      id = decimal(text, at, idEnd);
      if (!visit(id, decimal(text, idEnd + 1, inoEnd), text.slice(inoEnd + 1, nameEnd))) return;
      at = nameEnd + 1;
      count += 1;
    }
    return count < countMax ? undefined : id;
  }

  /** Live entries whose base the bytes of an inode are, where base's bytes are not kept otherwise. */
  agreed(ino: number, bytesVer: number): AgreedRow[] {
    return this.#agreed.all(ino, bytesVer);
  }

  /** Whether any entry, live or deleted, refers to an inode. */
  refersTo(ino: number): boolean {
    return this.#hasEntry.get(ino) !== undefined;
  }

  byFid(fid: string): EntryRow | undefined {
    return this.#byFid.get(fid);
  }

  byDoc(docId: string): EntryRow | undefined {
    return this.#byDoc.get(docId);
  }

  /** Every entry of an inode, live and deleted, oldest first. */
  ofInode(ino: number): EntryRow[] {
    return this.#byIno.all(ino);
  }

  /** Live entries of a directory with `id` above `afterId`, in the order of their streams. */
  children(parent: number, afterId: number, countMax: number): EntryRow[] {
    return this.#children.all(parent, afterId, countMax);
  }

  hasChildren(parent: number): boolean {
    return this.#hasChild.get(parent) !== undefined;
  }

  /** Adds a live entry, dirty by construction (base_ver 0). Returns its fid. */
  insert(entry: NewEntry): string {
    return this.#add(entry, "live");
  }

  /** Adds an entry whose document is to be deleted: it has no name here. Returns its fid. */
  insertDeleted(entry: NewEntry): string {
    return this.#add(entry, "deleted");
  }

  #add(entry: NewEntry, state: EntryRow["state"]): string {
    const identity = entry.fid === undefined ? this.#draw() : fromHex(entry.fid);
    const fid = entry.fid ?? toHex(identity);
    const cid = `n_${toBase32(identity)}`;
    this.#insert.run(fid, cid, entry.ino, entry.parent, entry.name, entry.localVer, state);
    return fid;
  }

  /** A customer id that nothing has had. */
  drawCustomId(): string {
    return `n_${toBase32(this.#draw())}`;
  }

  #draw(): Uint8Array {
    if (this.#drawn.length === 0) this.#drawn = this.#random.bytes(identityBytes * drawCount);
    const identity = this.#drawn.subarray(0, identityBytes);
    this.#drawn = this.#drawn.subarray(identityBytes);
    return identity;
  }

  /** Whether any entry may be an alias. */
  get mayHaveAliases(): boolean {
    this.#mayHaveAliases ??= this.#anyAlias.get() !== undefined;
    return this.#mayHaveAliases;
  }

  update(fid: string, changes: EntryChanges): void {
    if (changes.alias === 1) this.#mayHaveAliases = true;
    const columns = Object.keys(changes);
    if (columns.length === 0) return;
    const key = columns.join();
    let statement = this.#updates.get(key);
    if (statement === undefined) {
      statement = this.#db.sql.prepare(
        `UPDATE entry SET ${columns.map((column) => `${column} = ?`).join(", ")} WHERE fid = ?`,
      );
      this.#updates.set(key, statement);
    }
    statement.run(...Object.values(changes), fid);
  }

  /**
   * Sets local_ver of every live entry of an inode: whatever moves its bytes moves them all. A deleted entry has
   * its own change to send, which other bytes do not alter.
   */
  bumpInode(ino: number, localVer: number): void {
    this.#bumpIno.run(localVer, ino);
  }

  /**
   * LINK-4: what one name tells of the file that it is a name of, all of them tell. Sets local_ver of the clean ones among
   * the others of an inode whose documents say another link.
   */
  bumpOtherNames(
    { fid, ino }: Pick<EntryRow, "fid" | "ino">,
    link: string | undefined,
    version: number,
  ): void {
    this.#bumpOthers.run({ fid, ino, link: link ?? null, version });
  }

  delete(fid: string): void {
    this.#delete.run(fid);
  }

  /** Whether an entry other than `fid` has used a customer id. */
  isCustomIdTaken(cid: string, fid: string): boolean {
    const user = this.#byCid.get(cid);
    return user !== undefined && user !== fid;
  }

  /**
   * Gives an entry another fid and customer id: it is a file of its own from now on, or the one that `wanted` names,
   * unless that is an entry here already. It has no attempt in progress.
   */
  reidentify(fid: string, wanted?: string): void {
    const isFree = wanted !== undefined && this.byFid(wanted) === undefined;
    const identity = isFree ? fromHex(wanted) : this.#draw();
    const now = toHex(identity);
    this.update(fid, { fid: now, cid: `n_${toBase32(identity)}` });
    this.#renameConflict.run(now, fid);
  }

  /** Path of a directory as a byte string, or undefined for one that has no name (removed, still open). */
  directoryPath(ino: number): string | undefined {
    const names: string[] = [];
    let at = ino;
    for (let depth = 0; at !== rootIno; depth += 1) {
      assert(depth < depthMax, "directories form a tree");
      const row = this.#parentOfDir.get(at);
      if (row === undefined) return undefined;
      names.push(row.name);
      at = row.parent;
    }
    return `/${names.reverse().join("/")}`;
  }

  /** Inodes of a directory and of all above it, up to the root. */
  ancestors(ino: number): number[] {
    const inos = [ino];
    for (let at = ino; at !== rootIno; ) {
      assert(inos.length < depthMax, "directories form a tree");
      const row = this.#parentOfDir.get(at);
      if (row === undefined) break;
      at = row.parent;
      inos.push(at);
    }
    return inos;
  }

  /** Path of an entry as a byte string, or undefined when its directory has no name any more. */
  path(entry: Pick<EntryRow, "parent" | "name">): string | undefined {
    const directory = this.directoryPath(entry.parent);
    return directory === undefined ? undefined : joinPath(directory, entry.name);
  }

  /** Path of an entry for people, or what is known of it when its directory has none: bytes that are no UTF-8 as `\\xNN`. */
  shownPath(
    entry: Pick<EntryRow, "parent" | "name"> & Partial<Pick<EntryRow, "base_path">>,
  ): string {
    const path = this.path(entry);
    if (path !== undefined) return toDisplay(path);
    return entry.base_path ?? toDisplay(entry.name);
  }

  /** Path of an entry as the server can know it: undefined when it has none or is not UTF-8. */
  textPath(entry: Pick<EntryRow, "parent" | "name">): string | undefined {
    const path = this.path(entry);
    return path === undefined ? undefined : toText(path);
  }
}
