/** What the oracle sees of the product: rows and bytes as they are on the disk, read without the product's help. */
import { isDirectory, isSymlink, S_IFMT, S_IFREG, toText } from "@smfs/core";
import type { MemoryByteStore } from "@smfs/store";
import type SqliteDatabase from "better-sqlite3";
import type { DeviceView, EntryState } from "./device.ts";
import { sha256 } from "./sha256.ts";

interface Row {
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
  readonly mode: number;
  readonly nlink: number;
  readonly writers: number;
  readonly bytes_ver: number;
  readonly stub: number;
  readonly fill: string | null;
  readonly target: string | null;
}

/** The columns of a row, in the order they are selected in. */
const columns = [
  "e.fid",
  "e.parent",
  "e.name",
  "e.ino",
  "e.doc_id",
  "e.alias",
  "e.local_only",
  "e.local_ver",
  "e.base_ver",
  "e.base_hash",
  "e.base_path",
  "e.rejected_ver",
  "e.rejected_why",
  "e.diverged",
  "i.mode",
  "i.nlink",
  "i.writers",
  "i.bytes_ver",
  "i.stub",
  "i.fill",
  "i.target",
] as const;

type Values = readonly (string | number | null)[];

/** Arrays are read from SQLite in half the time of objects. */
function toRow(values: Values): Row {
  const row: Record<string, string | number | null> = {};
  for (const [index, column] of columns.entries()) row[column.slice(2)] = values[index]!;
  return row as unknown as Row;
}

interface Statements {
  readonly entries: SqliteDatabase.Statement<[], Values>;
  readonly snapshots: SqliteDatabase.Statement<[], { hash: string; bytes: Uint8Array | null }>;
  readonly trash: SqliteDatabase.Statement<[], { blob: string }>;
  readonly unrest: SqliteDatabase.Statement<[], { why: string }>;
  readonly pending: SqliteDatabase.Statement<[], { doc_id: string; why: string }>;
  readonly phases: SqliteDatabase.Statement<[], { phase: string }>;
  readonly damage: SqliteDatabase.Statement<[], { what: string }>;
}

const queries: Record<keyof Statements, string> = {
  entries: `SELECT ${columns.join(", ")} FROM entry e JOIN inode i ON i.ino = e.ino WHERE e.state = 'live'`,
  snapshots: `SELECT snap_hash AS hash, snap_bytes AS bytes FROM op
    WHERE snap_bytes IS NOT NULL OR snap_blob IS NOT NULL`,
  trash: "SELECT blob FROM trash WHERE blob IS NOT NULL",
  unrest: `SELECT 'deletion of ' || name || ' ' || local_ver || ' over ' || base_ver AS why FROM entry
      WHERE local_ver <> base_ver AND state = 'deleted'
    UNION ALL SELECT 'in flight: ' || path || ' ' || kind || ' ' || phase FROM op
    UNION ALL SELECT 'moved: ' || dir_ino FROM moved
    UNION ALL SELECT 'may be written: inode ' || ino FROM inode WHERE writers = 1 AND nlink > 0`,
  pending: "SELECT doc_id, why FROM pend",
  phases: "SELECT phase FROM op",
  damage: `SELECT 'base_ver above claim_ver of ' || op.op_id AS what FROM op JOIN entry USING (fid)
      WHERE base_ver >= claim_ver OR claim_ver > local_ver
    UNION ALL SELECT 'op without entry ' || op_id FROM op WHERE fid NOT IN (SELECT fid FROM entry)
    UNION ALL SELECT 'no parent of ' || name FROM entry AS child WHERE state = 'live' AND parent <> 1
      AND NOT EXISTS (SELECT 1 FROM entry AS dir WHERE dir.ino = child.parent AND dir.state = 'live')
    UNION ALL SELECT 'link count of inode ' || ino || ' is ' || nlink FROM inode WHERE ino <> 1
      AND (mode & ${S_IFMT}) = ${S_IFREG}
      AND nlink <> (SELECT count(*) FROM entry WHERE entry.ino = inode.ino AND state = 'live')`,
};

export interface ProductDisk {
  readonly sql: () => SqliteDatabase.Database;
  readonly bytes: MemoryByteStore;
  readonly stamp: () => number;
  readonly isUp: () => boolean;
}

export class ProductView implements DeviceView {
  readonly #disk: ProductDisk;
  #sql: SqliteDatabase.Database | undefined;
  #statements: Statements | undefined;
  /** Digest and bytes of each working file, by the state it was read in. */
  readonly #works = new Map<number, { readonly ctime: string; readonly digest: string }>();
  readonly #contents = new Map<string, Uint8Array>();
  #rows: { readonly stamp: number; readonly rows: readonly Row[] } | undefined;
  #entries: { readonly stamp: number; readonly entries: readonly EntryState[] } | undefined;

  constructor(disk: ProductDisk) {
    this.#disk = disk;
  }

  /** While the process is down nothing changes and nobody looks. */
  stamp(): number {
    return this.#disk.isUp() ? this.#disk.stamp() : 0;
  }

  #prepared(): Statements {
    const sql = this.#disk.sql();
    if (this.#statements === undefined || this.#sql !== sql) {
      this.#sql = sql;
      const made = Object.entries(queries).map(([name, text]) => [name, sql.prepare(text)]);
      this.#statements = Object.fromEntries(made) as Statements;
    }
    return this.#statements;
  }

  #readRows(): readonly Row[] {
    const stamp = this.#disk.stamp();
    if (this.#rows?.stamp !== stamp)
      this.#rows = { stamp, rows: this.#prepared().entries.raw().all().map(toRow) };
    return this.#rows.rows;
  }

  entries(): readonly EntryState[] {
    const stamp = this.#disk.stamp();
    if (this.#entries?.stamp === stamp) return this.#entries.entries;
    const rows = this.#readRows();
    const pathOf = pathsOf(rows);
    const taken = takenByRefused(rows);
    const entries = rows.map((row) => {
      const path = pathOf(row);
      return this.#toEntry(row, path, excuse(row) ?? blockedExcuse(row, path, taken));
    });
    this.#entries = { stamp, entries };
    return entries;
  }

  #toEntry(row: Row, path: string, excused: string | undefined): EntryState {
    const isDir = isDirectory(row.mode);
    return {
      path,
      kind: isDir ? "dir" : isSymlink(row.mode) ? "symlink" : "file",
      digest: isDir ? undefined : this.#digest(row),
      isHere: row.stub === 0,
      docId: row.doc_id,
      excused,
      isAlias: row.alias === 1,
      isDiverged: row.diverged === 1,
    };
  }

  #digest(row: Row): string | undefined {
    if (isSymlink(row.mode)) return sha256(Buffer.from(row.target ?? "", "latin1"));
    if (row.stub === 1) return row.base_hash ?? undefined;
    // Arrived bytes are in their blob until it has become the working file; the row says so a little later.
    if (row.fill !== null && this.#disk.bytes.hasBlob(row.fill)) return row.fill;
    return this.#workDigest(row.ino);
  }

  #workDigest(ino: number): string | undefined {
    const { bytes } = this.#disk;
    if (!bytes.hasWork(ino)) return undefined;
    const fd = bytes.openWork(ino, "read");
    const { ctime, size } = bytes.stat(fd);
    let known = this.#works.get(ino);
    if (known?.ctime !== ctime) {
      const content = new Uint8Array(size);
      bytes.read(fd, content, 0);
      known = { ctime, digest: sha256(content) };
      this.#works.set(ino, known);
      this.#contents.set(known.digest, content);
    }
    bytes.close(fd);
    return known.digest;
  }

  kept(): readonly string[] {
    const snapshots = this.#prepared().snapshots.all();
    for (const { hash, bytes } of snapshots) if (bytes !== null) this.#contents.set(hash, bytes);
    return [...snapshots.map(({ hash }) => hash), ...this.trashed()];
  }

  trashed(): readonly string[] {
    return this.#prepared()
      .trash.all()
      .map(({ blob }) => blob);
  }

  bytes(digest: string): Uint8Array | undefined {
    const { bytes } = this.#disk;
    return (
      this.#contents.get(digest) ?? (bytes.hasBlob(digest) ? bytes.readBlob(digest) : undefined)
    );
  }

  unrest(): readonly string[] {
    const found = this.#prepared()
      .unrest.all()
      .map(({ why }) => why);
    const rows = this.#readRows();
    const excused = new Set<string>();
    for (const [index, entry] of this.entries().entries()) {
      const row = rows[index]!;
      if (entry.excused !== undefined) excused.add(entry.path).add(entry.docId ?? "");
      else if (row.local_ver !== row.base_ver)
        found.push(`dirty: ${entry.path} ${row.local_ver} over ${row.base_ver}`);
    }
    for (const { doc_id, why } of this.#prepared().pending.all()) {
      // A refused version waits for the user, and whatever wants its path waits with it.
      const waitsForUser =
        excused.has(doc_id) || (excused.size > 0 && why.startsWith("its path is"));
      if (!waitsForUser) found.push(`undecided: ${doc_id} ${why}`);
    }
    return found;
  }

  phases(): readonly string[] {
    return this.#prepared()
      .phases.all()
      .map(({ phase }) => phase);
  }

  damage(): readonly string[] {
    const found = this.#prepared()
      .damage.all()
      .map(({ what }) => what);
    for (const row of this.#readRows()) {
      const problem = this.#byteDamage(row);
      if (problem !== undefined) found.push(`${row.name}: ${problem}`);
    }
    return found;
  }

  /** What base says of bytes must be true of the bytes (sync.md §3.2). */
  #byteDamage(row: Row): string | undefined {
    if (isDirectory(row.mode) || isSymlink(row.mode)) return undefined;
    if (row.stub === 1) return undefined;
    const { bytes } = this.#disk;
    if (row.fill !== null && !bytes.hasBlob(row.fill) && !bytes.hasWork(row.ino))
      return "its arrived bytes are gone";
    const digest = this.#digest(row);
    if (digest === undefined) return "its working file is gone";
    const isBase = row.base_ver > 0 && row.bytes_ver <= row.base_ver && row.writers === 0;
    if (!isBase || row.diverged === 1 || row.base_hash === digest) return undefined;
    return `bytes_ver ${row.bytes_ver} is within base ${row.base_ver}, but its bytes are not base's`;
  }
}

function pathsOf(rows: readonly Row[]): (row: Row) => string {
  const directories = new Map<number, Row>();
  for (const row of rows) if (isDirectory(row.mode)) directories.set(row.ino, row);
  const pathOf = (row: Row): string => {
    const parent = row.parent === 1 ? undefined : directories.get(row.parent);
    return `${parent === undefined ? "" : pathOf(parent)}/${toText(row.name) ?? row.name}`;
  };
  return pathOf;
}

/** Paths at the server that refused versions keep taken. */
function takenByRefused(rows: readonly Row[]): ReadonlySet<string> {
  const taken = new Set<string>();
  for (const row of rows)
    if (row.base_path !== null && excuse(row)?.startsWith("refused") === true)
      taken.add(row.base_path);
  return taken;
}

function blockedExcuse(row: Row, path: string, taken: ReadonlySet<string>): string | undefined {
  if (row.local_ver === row.base_ver || !taken.has(path)) return undefined;
  return "a refused version keeps its path at the server";
}

/** Why an entry need not be at the server: a reason that `status` shows. */
function excuse(row: Row): string | undefined {
  if (row.local_only === 1) return "local only";
  if (row.rejected_ver !== null && row.rejected_ver === row.local_ver)
    return `refused: ${row.rejected_why ?? ""}`;
  return undefined;
}
