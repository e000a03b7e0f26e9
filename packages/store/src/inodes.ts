/** Inode rows: attributes, link count, size, times, and who may write. Names are in entries.ts. */
import { type Attr, assert, type Clock, FsError } from "@smfs/core";
import type { Database } from "./database.ts";
import { RowCache } from "./row-cache.ts";
import { type InodeValues, inodeColumns, toInodeRow } from "./row-values.ts";

/** A row of table `inode` (docs/schema.md). Integers that are flags are 0 or 1. */
export interface InodeRow {
  ino: number;
  mode: number;
  uid: number;
  gid: number;
  rdev: number;
  nlink: number;
  size: number;
  blocks: number;
  atime_s: number;
  atime_ns: number;
  mtime_s: number;
  mtime_ns: number;
  ctime_s: number;
  ctime_ns: number;
  target: string | null;
  writers: number;
  bytes_ver: number;
  synced_ver: number;
  synced_size: number;
  stub: number;
  fill: string | null;
  work_ctime: string | null;
  birth_us: number | null;
}

/** A moment: seconds since 1970 and nanoseconds. */
export interface Moment {
  readonly s: number;
  readonly ns: number;
}

/** The moment `clock` shows. */
export function momentOf(clock: Clock): Moment {
  const ms = clock.now();
  const s = Math.floor(ms / 1000);
  return { s, ns: Math.min(999_999_999, Math.max(0, Math.round((ms - s * 1000) * 1e6))) };
}

/** What a new inode needs; the rest is zero, or now. */
export interface NewInode {
  /** Its number, one of `spare()`'s; the next one unless told. */
  readonly ino?: number;
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly nlink: number;
  readonly rdev?: number;
  readonly size?: number;
  readonly target?: string;
  readonly writers?: number;
  readonly bytesVer?: number;
  readonly stub?: number;
  readonly mtime?: Moment;
}

export type InodeColumn = Exclude<keyof InodeRow, "ino">;

/** Inode numbers reserved at a time, and how many are left at least when a transaction begins. */
const reserveCount = 65_536;
const reserveLeftMin = 32_768;
/** Rows kept in memory: about 6 MB. Reading one from the database takes 4 µs, a tenth of it from here. */
const cachedRowsMax = 16_384;

export class Inodes {
  readonly #db: Database;
  readonly #clock: Clock;
  readonly #get;
  readonly #mode;
  readonly #insert;
  readonly #delete;
  /** The last number given, and the last one reserved: a number is never given twice, also after a crash. */
  #last = 0;
  #reserved = 0;
  /** Every change of a row goes through this class, so what it holds is what the open transaction would read. */
  readonly #rows = new RowCache<InodeRow>(cachedRowsMax);
  readonly #updates = new Map<string, { run(...values: unknown[]): unknown }>();

  constructor(db: Database, clock: Clock) {
    this.#db = db;
    this.#clock = clock;
    this.#get = db.sql
      .prepare<[number], InodeValues>(`SELECT ${inodeColumns} FROM inode WHERE ino = ?`)
      .raw();
    this.#mode = db.sql.prepare<[number], number>("SELECT mode FROM inode WHERE ino = ?").pluck();
    this.#insert = db.sql.prepare(
      `INSERT INTO inode (ino, mode, uid, gid, rdev, nlink, size, target, writers, bytes_ver, stub,
         atime_s, atime_ns, mtime_s, mtime_ns, ctime_s, ctime_ns, birth_us)
       VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
    );
    this.#delete = db.sql.prepare("DELETE FROM inode WHERE ino = ?");
    this.#reserveNumbers();
    db.onRollback(() => this.#rows.clear());
  }

  #reserveNumbers(): void {
    const { sql } = this.#db;
    const given = sql.prepare<[], { last: number }>(
      `SELECT max((SELECT max(ino) FROM inode),
         ifnull((SELECT cast(v AS INTEGER) FROM store WHERE k = 'ino_reserved'), 0)) AS last`,
    );
    const reserve = sql.prepare(
      `INSERT INTO store (k, v) VALUES ('ino_reserved', ?)
       ON CONFLICT (k) DO UPDATE SET v = excluded.v`,
    );
    this.#last = given.get()?.last ?? 0;
    this.#reserved = this.#last;
    this.#db.beforeBegin(() => {
      if (this.#reserved - this.#last >= reserveLeftMin) return;
      const reserved = this.#last + reserveCount;
      reserve.run(String(reserved));
      this.#reserved = reserved;
    });
  }

  /** The row of an inode, or undefined when there is none. */
  find(ino: number): InodeRow | undefined {
    const cached = this.#rows.get(ino);
    if (cached !== undefined) return cached;
    const values = this.#get.get(ino);
    if (values === undefined) return undefined;
    const row = toInodeRow(values);
    this.#rows.set(ino, row);
    return row;
  }

  /** The row of an inode. @throws FsError ESTALE when there is none */
  get(ino: number): InodeRow {
    const row = this.find(ino);
    if (row === undefined) throw new FsError("ESTALE", `inode ${ino}`);
    return row;
  }

  /** The mode of an inode; of one that is not remembered no more than that is read. @throws FsError ESTALE */
  modeOf(ino: number): number {
    const mode = this.#rows.peek(ino)?.mode ?? this.#mode.get(ino);
    if (mode === undefined) throw new FsError("ESTALE", `inode ${ino}`);
    return mode;
  }

  /** A number that no inode has or will have. */
  spare(): number {
    assert(this.#last < this.#reserved, "no more inodes are taken at once than are reserved");
    this.#last += 1;
    return this.#last;
  }

  /** Makes an inode; returns its number. */
  insert(inode: NewInode): number {
    const now = momentOf(this.#clock);
    const mtime = inode.mtime ?? now;
    const row: InodeRow = {
      ino: inode.ino ?? this.spare(),
      mode: inode.mode,
      uid: inode.uid,
      gid: inode.gid,
      rdev: inode.rdev ?? 0,
      nlink: inode.nlink,
      size: inode.size ?? 0,
      blocks: 0,
      atime_s: now.s,
      atime_ns: now.ns,
      mtime_s: mtime.s,
      mtime_ns: mtime.ns,
      ctime_s: now.s,
      ctime_ns: now.ns,
      target: inode.target ?? null,
      writers: inode.writers ?? 0,
      bytes_ver: inode.bytesVer ?? 0,
      synced_ver: 0,
      synced_size: 0,
      stub: inode.stub ?? 0,
      fill: null,
      work_ctime: null,
      birth_us: now.s * 1_000_000 + Math.floor(now.ns / 1000),
    };
    this.#insert.run(
      row.ino,
      row.mode,
      row.uid,
      row.gid,
      row.rdev,
      row.nlink,
      row.size,
      row.target,
      row.writers,
      row.bytes_ver,
      row.stub,
      now.s,
      now.ns,
      mtime.s,
      mtime.ns,
      now.s,
      now.ns,
      row.birth_us,
    );
    this.#rows.set(row.ino, row);
    return row.ino;
  }

  /** Changes columns of one inode. */
  update(ino: number, changes: Partial<Pick<InodeRow, InodeColumn>>): void {
    const columns = Object.keys(changes);
    if (columns.length === 0) return;
    const key = columns.join();
    let statement = this.#updates.get(key);
    if (statement === undefined) {
      statement = this.#db.sql.prepare(
        `UPDATE inode SET ${columns.map((column) => `${column} = ?`).join(", ")} WHERE ino = ?`,
      );
      this.#updates.set(key, statement);
    }
    statement.run(...Object.values(changes), ino);
    const row = this.#rows.get(ino);
    if (row !== undefined) this.#rows.set(ino, Object.assign(copyOf(row), changes));
  }

  /** Columns that say "changed now": ctime, and mtime unless `attributesOnly`. */
  touched(attributesOnly = false): Partial<InodeRow> {
    const { s, ns } = momentOf(this.#clock);
    return attributesOnly
      ? { ctime_s: s, ctime_ns: ns }
      : { mtime_s: s, mtime_ns: ns, ctime_s: s, ctime_ns: ns };
  }

  /** Removes the row. Its working file, if any, is the caller's to remove afterwards. */
  delete(ino: number): void {
    this.#delete.run(ino);
    this.#rows.delete(ino);
  }
}

/** A copy with the same hidden class: a spread makes an object that is slow from then on. */
function copyOf(row: InodeRow): InodeRow {
  return {
    ino: row.ino,
    mode: row.mode,
    uid: row.uid,
    gid: row.gid,
    rdev: row.rdev,
    nlink: row.nlink,
    size: row.size,
    blocks: row.blocks,
    atime_s: row.atime_s,
    atime_ns: row.atime_ns,
    mtime_s: row.mtime_s,
    mtime_ns: row.mtime_ns,
    ctime_s: row.ctime_s,
    ctime_ns: row.ctime_ns,
    target: row.target,
    writers: row.writers,
    bytes_ver: row.bytes_ver,
    synced_ver: row.synced_ver,
    synced_size: row.synced_size,
    stub: row.stub,
    fill: row.fill,
    work_ctime: row.work_ctime,
    birth_us: row.birth_us,
  };
}

/** A row as attributes. While somebody may write, the caller overlays what fstat says. */
export function toAttr(row: InodeRow): Attr {
  return {
    ino: row.ino,
    mode: row.mode,
    nlink: row.nlink,
    uid: row.uid,
    gid: row.gid,
    rdev: row.rdev,
    size: row.size,
    blocks: row.blocks,
    atimeS: row.atime_s,
    atimeNs: row.atime_ns,
    mtimeS: row.mtime_s,
    mtimeNs: row.mtime_ns,
    ctimeS: row.ctime_s,
    ctimeNs: row.ctime_ns,
    birthUs: row.birth_us ?? undefined,
    stable: row.writers === 0,
  };
}
