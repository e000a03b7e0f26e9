/** What the oracle sees of the product: rows and bytes as they are on the disk, read without the product's help. */
import { emptyDigest, isDirectory, isSymlink, S_IFMT, S_IFREG, toText } from "@smfs/core";
import type { MemoryByteStore } from "@smfs/store";
import type SqliteDatabase from "better-sqlite3";
import type { DeviceView, EntryState, Unconfirmed, Vanished } from "./device.ts";
import type { DeviceDatabase } from "./device-database.ts";
import { ProductRows, type Row } from "./product-rows.ts";
import { sha256 } from "./sha256.ts";

interface Statements {
  readonly snapshots: SqliteDatabase.Statement<[], { hash: string; bytes: Uint8Array | null }>;
  readonly trash: SqliteDatabase.Statement<[], { blob: string }>;
  readonly vanished: SqliteDatabase.Statement<[], { doc_id: string | null; blob: string | null }>;
  readonly refused: SqliteDatabase.Statement<[string], { rejected_hash: string | null }>;
  readonly unrest: SqliteDatabase.Statement<[], { why: string }>;
  readonly pending: SqliteDatabase.Statement<[], { doc_id: string; why: string }>;
  readonly unconfirmed: SqliteDatabase.Statement<[], Unconfirmed>;
  readonly size: SqliteDatabase.Statement<[number], { size: number }>;
  readonly phases: SqliteDatabase.Statement<[], { phase: string }>;
  readonly damage: SqliteDatabase.Statement<[], { what: string }>;
}

const queries: Record<keyof Statements, string> = {
  snapshots: `SELECT snap_hash AS hash, snap_bytes AS bytes FROM op
    WHERE snap_bytes IS NOT NULL OR snap_blob IS NOT NULL`,
  trash: "SELECT blob FROM trash WHERE blob IS NOT NULL",
  vanished: "SELECT doc_id, blob FROM trash WHERE why = 'deleted on another device' ORDER BY id",
  refused: "SELECT rejected_hash FROM entry WHERE fid = ?",
  unrest: `SELECT 'deletion of ' || name || ' ' || local_ver || ' over ' || base_ver AS why FROM entry
      WHERE local_ver <> base_ver AND state = 'deleted'
    UNION ALL SELECT 'in flight: ' || path || ' ' || kind || ' ' || phase FROM op
    UNION ALL SELECT 'moved: ' || dir_ino FROM moved
    UNION ALL SELECT 'may be written: inode ' || ino FROM inode WHERE writers = 1 AND nlink > 0`,
  pending: "SELECT doc_id, why FROM pend",
  unconfirmed: `SELECT fid, doc_id AS docId, snap_hash AS digest FROM op JOIN entry USING (fid)
      WHERE with_bytes = 1 AND snap_hash IS NOT NULL
    UNION ALL SELECT fid, doc_id, base_hash FROM entry
      WHERE state = 'live' AND base_hash IS NOT NULL AND r_status <> 'done'`,
  size: "SELECT size FROM inode WHERE ino = ?",
  phases: "SELECT phase FROM op",
  damage: `SELECT 'base_ver above claim_ver of ' || op.op_id AS what FROM op JOIN entry USING (fid)
      WHERE base_ver >= claim_ver OR claim_ver > local_ver
    UNION ALL SELECT 'op without entry ' || op_id FROM op WHERE fid NOT IN (SELECT fid FROM entry)
    UNION ALL SELECT 'attempt ' || op_id || ' says nothing but base' FROM op JOIN entry USING (fid)
      WHERE kind = 'put' AND diverged = 0 AND snap_hash = base_hash AND path = base_path AND attrs = base_attrs
        AND r_rev = base_rev AND r_hash = base_hash
    UNION ALL SELECT 'no parent of ' || name FROM entry AS child WHERE state = 'live' AND parent <> 1
      AND NOT EXISTS (SELECT 1 FROM entry AS dir WHERE dir.ino = child.parent AND dir.state = 'live')
    UNION ALL SELECT 'link count of inode ' || ino || ' is ' || nlink FROM inode WHERE ino <> 1
      AND (mode & ${S_IFMT}) = ${S_IFREG}
      AND nlink <> (SELECT count(*) FROM entry WHERE entry.ino = inode.ino AND state = 'live')`,
};

export interface ProductDisk {
  readonly database: () => DeviceDatabase;
  readonly bytes: MemoryByteStore;
  /** Moves with each change of bytes, and with who runs. */
  readonly bytesStamp: () => number;
  readonly isUp: () => boolean;
}

/** Stamps are sums: each database of a device starts far above what the one before can have come to. */
const databaseStamp = 1_000_000_000;
/** Times that a device at rest is looked at, for one in which all its rows are read and compared with those kept here. */
const verifyEvery = 8;

export class ProductView implements DeviceView {
  readonly #disk: ProductDisk;
  readonly #rows: ProductRows;
  #database: DeviceDatabase | undefined;
  #databaseCount = 0;
  #statements: Statements | undefined;
  /** Digest and bytes of each working file, by the state it was read in. */
  readonly #works = new Map<number, { readonly ctime: string; readonly digest: string }>();
  readonly #contents = new Map<string, Uint8Array>();
  #entries: readonly EntryState[] = [];
  /** What `#entries` was made from. */
  #entriesOf: { readonly rows: readonly Row[]; readonly bytesStamp: number } | undefined;
  #kept: { readonly stamp: number; readonly digests: readonly string[] } | undefined;
  #vanished: { readonly stamp: number; readonly found: readonly Vanished[] } | undefined;
  #damage: { readonly stamp: number; readonly found: readonly string[] } | undefined;
  #rowDamage: { readonly stamp: number; readonly found: readonly string[] } | undefined;
  #unrestCount = 0;

  constructor(disk: ProductDisk) {
    this.#disk = disk;
    this.#rows = new ProductRows(disk.database);
  }

  /** While the process is down nothing changes and nobody looks. */
  stamp(): number {
    return this.#disk.isUp() ? this.#stamp() : 0;
  }

  #stamp(): number {
    const { changes } = this.#current();
    return changes.count + this.#disk.bytesStamp() + this.#databaseCount * databaseStamp;
  }

  #current(): DeviceDatabase {
    const database = this.#disk.database();
    if (this.#database !== database) {
      this.#database = database;
      this.#databaseCount += 1;
      this.#statements = undefined;
    }
    return database;
  }

  #prepared(): Statements {
    const database = this.#current();
    if (this.#statements === undefined) {
      const made = Object.entries(queries).map(([name, text]) => [name, database.prepareOwn(text)]);
      this.#statements = Object.fromEntries(made) as Statements;
    }
    return this.#statements;
  }

  /** The same array while nothing has changed, and the same entry in the next one while it has not. */
  entries(): readonly EntryState[] {
    const rows = this.#rows.get();
    const bytesStamp = this.#disk.bytesStamp();
    if (rows === this.#entriesOf?.rows && bytesStamp === this.#entriesOf.bytesStamp)
      return this.#entries;
    const before = this.#entries;
    const pathOf = pathsOf(rows);
    const taken = takenByRefused(rows);
    let isSame = rows.length === before.length;
    const entries = rows.map((row, index) => {
      const path = pathOf(row);
      const entry = this.#toEntry(row, path, excuse(row) ?? blockedExcuse(row, path, taken));
      const old = before[index];
      if (old !== undefined && isEqual(old, entry)) return old;
      isSame = false;
      return entry;
    });
    if (!isSame) this.#entries = entries;
    this.#entriesOf = { rows, bytesStamp };
    return this.#entries;
  }

  #toEntry(row: Row, path: string, excused: string | undefined): EntryState {
    const isDir = isDirectory(row.mode);
    const digest = isDir ? undefined : this.#digest(row);
    return {
      path,
      kind: isDir ? "dir" : isSymlink(row.mode) ? "symlink" : "file",
      digest,
      isHere: row.stub === 0,
      docId: row.doc_id,
      file: row.id,
      ino: row.ino,
      excused: excused === undefined || this.#wasRefused(row, digest) ? excused : undefined,
      isAlias: row.alias === 1,
      isDiverged: row.diverged === 1,
      wasSeenDone: row.r_status === "done",
      mode: row.mode & 0o7777,
    };
  }

  /** A refusal excuses the bytes that were refused, and no others. */
  #wasRefused(row: Row, digest: string | undefined): boolean {
    if (row.rejected_ver === null || row.rejected_ver !== row.local_ver) return true;
    const refused = this.#prepared().refused.get(row.fid)?.rejected_hash ?? null;
    return refused === null || digest === undefined || refused === digest;
  }

  #digest(row: Row): string | undefined {
    if (isSymlink(row.mode)) return sha256(Buffer.from(row.target ?? "", "latin1"));
    if (row.stub === 1) return row.base_hash ?? undefined;
    // Arrived bytes are in their blob until it has become the working file; the row says so a little later.
    if (row.fill !== null && this.#disk.bytes.hasBlob(row.fill)) return row.fill;
    return this.#workDigest(row.ino);
  }

  /** An empty file is made after its row: the next start makes what a crash in between has left out. */
  #isToBeMade(ino: number): boolean {
    return !this.#disk.isUp() && this.#prepared().size.get(ino)?.size === 0;
  }

  #workDigest(ino: number): string | undefined {
    const { bytes } = this.#disk;
    if (!bytes.hasWork(ino)) return this.#isToBeMade(ino) ? emptyDigest : undefined;
    const fd = bytes.openWork(ino, "read");
    const { ctime, size: length } = bytes.stat(fd);
    let known = this.#works.get(ino);
    if (known?.ctime !== ctime) {
      const content = new Uint8Array(length);
      bytes.read(fd, content, 0);
      known = { ctime, digest: sha256(content) };
      this.#works.set(ino, known);
      this.#contents.set(known.digest, content);
    }
    bytes.close(fd);
    return known.digest;
  }

  /** The same array while nothing has changed. */
  kept(): readonly string[] {
    const { changes } = this.#current();
    const stamp = changes.keptCount + this.#databaseCount * databaseStamp;
    if (this.#kept?.stamp !== stamp) {
      const snapshots = this.#prepared().snapshots.all();
      for (const { hash, bytes } of snapshots) if (bytes !== null) this.#contents.set(hash, bytes);
      const digests = [...snapshots.map(({ hash }) => hash), ...this.trashed()];
      this.#kept = { stamp, digests };
    }
    return this.#kept.digests;
  }

  trashed(): readonly string[] {
    return this.#prepared()
      .trash.all()
      .map(({ blob }) => blob);
  }

  vanished(): readonly Vanished[] {
    const { changes } = this.#current();
    const stamp = changes.keptCount + this.#databaseCount * databaseStamp;
    if (this.#vanished?.stamp !== stamp) {
      const rows = this.#prepared().vanished.all();
      const found = rows.map(({ doc_id, blob }): Vanished => ({ docId: doc_id, digest: blob }));
      this.#vanished = { stamp, found };
    }
    return this.#vanished.found;
  }

  bytes(digest: string): Uint8Array | undefined {
    const { bytes } = this.#disk;
    return (
      this.#contents.get(digest) ?? (bytes.hasBlob(digest) ? bytes.readBlob(digest) : undefined)
    );
  }

  unconfirmed(): readonly Unconfirmed[] {
    return this.#prepared().unconfirmed.all();
  }

  unrest(): readonly string[] {
    this.#unrestCount += 1;
    if (this.#unrestCount % verifyEvery === 1) this.#rows.verify();
    const found = this.#prepared()
      .unrest.all()
      .map(({ why }) => why);
    const rows = this.#rows.get();
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
    const stamp = this.#stamp();
    if (this.#damage?.stamp !== stamp) this.#damage = { stamp, found: this.#findDamage() };
    return this.#damage.found;
  }

  #findDamage(): readonly string[] {
    const found = [...this.#findRowDamage()];
    for (const { path } of this.entries())
      if (path.startsWith(belowItself)) found.push(`a directory is below itself: ${path}`);
    for (const row of this.#rows.get()) {
      const problem = this.#byteDamage(row);
      if (problem !== undefined) found.push(`${row.name}: ${problem}`);
    }
    return found;
  }

  #findRowDamage(): readonly string[] {
    const stamp = this.#current().changes.count + this.#databaseCount * databaseStamp;
    if (this.#rowDamage?.stamp !== stamp) {
      const rows = this.#prepared().damage.all();
      this.#rowDamage = { stamp, found: rows.map(({ what }) => what) };
    }
    return this.#rowDamage.found;
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

function isEqual(a: EntryState, b: EntryState): boolean {
  return (
    a.path === b.path &&
    a.kind === b.kind &&
    a.digest === b.digest &&
    a.isHere === b.isHere &&
    a.docId === b.docId &&
    a.file === b.file &&
    a.ino === b.ino &&
    a.excused === b.excused &&
    a.isAlias === b.isAlias &&
    a.isDiverged === b.isDiverged &&
    a.wasSeenDone === b.wasSeenDone &&
    a.mode === b.mode
  );
}

/** How the paths of a directory begin that is below itself, and of what is in it: nobody can reach them. */
const belowItself = "(below itself)";

function pathsOf(rows: readonly Row[]): (row: Row) => string {
  const directories = new Map<number, Row>();
  for (const row of rows) if (isDirectory(row.mode)) directories.set(row.ino, row);
  const pathOf = (row: Row, depth = 0): string => {
    if (depth > directories.size) return belowItself;
    const parent = row.parent === 1 ? undefined : directories.get(row.parent);
    return `${parent === undefined ? "" : pathOf(parent, depth + 1)}/${toText(row.name) ?? row.name}`;
  };
  return (row) => pathOf(row);
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
