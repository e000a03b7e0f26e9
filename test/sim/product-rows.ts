/** The rows of a device's live names, kept up to date by what its database tells of changes. */
import type SqliteDatabase from "better-sqlite3";
import type { DeviceDatabase } from "./device-database.ts";

/** A live name with its inode. */
export interface Row {
  readonly id: number;
  readonly fid: string;
  readonly parent: number;
  readonly name: string;
  readonly ino: number;
  readonly doc_id: string | null;
  readonly alias: number;
  readonly local_only: number;
  readonly local_ver: number;
  readonly base_ver: number;
  readonly base_hash: string | null;
  readonly base_path: string | null;
  readonly rejected_ver: number | null;
  readonly rejected_why: string | null;
  readonly diverged: number;
  readonly r_status: string | null;
  readonly mode: number;
  readonly nlink: number;
  readonly writers: number;
  readonly bytes_ver: number;
  readonly stub: number;
  readonly fill: string | null;
  readonly target: string | null;
}

/** Values of a row in the order of `columns`: arrays are read from SQLite in half the time of objects. */
type Values = readonly [
  id: number,
  fid: string,
  parent: number,
  name: string,
  ino: number,
  docId: string | null,
  alias: number,
  localOnly: number,
  localVer: number,
  baseVer: number,
  baseHash: string | null,
  basePath: string | null,
  rejectedVer: number | null,
  rejectedWhy: string | null,
  diverged: number,
  rStatus: string | null,
  mode: number,
  nlink: number,
  writers: number,
  bytesVer: number,
  stub: number,
  fill: string | null,
  target: string | null,
];

const columns = `e.id, e.fid, e.parent, e.name, e.ino, e.doc_id, e.alias, e.local_only, e.local_ver, e.base_ver,
  e.base_hash, e.base_path, e.rejected_ver, e.rejected_why, e.diverged, e.r_status,
  i.mode, i.nlink, i.writers, i.bytes_ver, i.stub, i.fill, i.target`;

function toRow(v: Values): Row {
  return {
    id: v[0],
    fid: v[1],
    parent: v[2],
    name: v[3],
    ino: v[4],
    doc_id: v[5],
    alias: v[6],
    local_only: v[7],
    local_ver: v[8],
    base_ver: v[9],
    base_hash: v[10],
    base_path: v[11],
    rejected_ver: v[12],
    rejected_why: v[13],
    diverged: v[14],
    r_status: v[15],
    mode: v[16],
    nlink: v[17],
    writers: v[18],
    bytes_ver: v[19],
    stub: v[20],
    fill: v[21],
    target: v[22],
  };
}

/** Changed rows that are read one by one; more are read with all others. */
const singlesMax = 4;

export class ProductRows {
  readonly #database: () => DeviceDatabase;
  #read: DeviceDatabase | undefined;
  #all: SqliteDatabase.Statement<[], Values> | undefined;
  #one: SqliteDatabase.Statement<[number], Values> | undefined;
  #rows: readonly Row[] = [];
  /** `changes.count` at the last reading. */
  #count = -1;

  constructor(database: () => DeviceDatabase) {
    this.#database = database;
  }

  /** By directory and age; the same array while nothing has changed. */
  get(): readonly Row[] {
    const database = this.#database();
    const { changes } = database;
    if (this.#read !== database) {
      this.#prepare(database);
      changes.all = true;
    } else if (changes.count === this.#count) return this.#rows;
    this.#count = changes.count;
    if (changes.all) this.#rows = this.#readAll();
    else this.#readChanged(changes.entries, changes.inodes);
    changes.forget();
    return this.#rows;
  }

  /** Reads everything and compares: what the changes told must be all there is. */
  verify(): void {
    const kept = JSON.stringify(this.get());
    const there = JSON.stringify(this.#readAll());
    if (kept !== there)
      throw new Error(`the simulator has missed a change of a row: ${kept} is ${there}`);
  }

  #prepare(database: DeviceDatabase): void {
    this.#read = database;
    const live = `SELECT ${columns} FROM entry e JOIN inode i ON i.ino = e.ino WHERE e.state = 'live'`;
    this.#all = database.prepareOwn<[], Values>(`${live} ORDER BY e.parent, e.id`).raw();
    this.#one = database.prepareOwn<[number], Values>(`${live} AND e.id = ?`).raw();
  }

  #readAll(): readonly Row[] {
    return (this.#all?.all() ?? []).map(toRow);
  }

  #readChanged(entries: ReadonlySet<number>, inodes: ReadonlySet<number>): void {
    const ids = new Set(entries);
    if (inodes.size > 0) for (const row of this.#rows) if (inodes.has(row.ino)) ids.add(row.id);
    if (ids.size === 0) return;
    if (ids.size > singlesMax) {
      this.#rows = this.#readAll();
      return;
    }
    const rows = this.#rows.filter((row) => !ids.has(row.id));
    for (const id of ids) {
      const values = this.#one?.get(id);
      if (values !== undefined) rows.push(toRow(values));
    }
    this.#rows = rows.sort((a, b) => a.parent - b.parent || a.id - b.id);
  }
}
