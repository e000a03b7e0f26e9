/**
 * Every invariant of docs/schema.md as a query: what it finds is a mistake of ours or damage of the disk. Used by
 * tests after every operation, by the simulator, and by `smfs doctor`.
 */
import { inlineBytesMax, isRegular, rootIno, S_IFDIR, S_IFLNK, S_IFMT, S_IFREG } from "@smfs/core";
import type { StoreContext } from "./context.ts";
import type { InodeRow } from "./inodes.ts";

/** An invariant that does not hold. */
export interface Breach {
  /** Name of the invariant, as in docs/schema.md. */
  readonly invariant: string;
  /** What breaks it. */
  readonly detail: string;
}

/** Breaches of one invariant that are told. */
const breachesMax = 20;

const isDir = `(mode & ${S_IFMT}) = ${S_IFDIR}`;
const isFile = `(mode & ${S_IFMT}) = ${S_IFREG}`;

/** Invariants over rows. Each query selects one text per breach; `:seq` is the last version given. */
const queries: Readonly<Record<string, string>> = {
  "versions-grow": `
    SELECT fid || ': base ' || base_ver || ' local ' || local_ver FROM entry
    WHERE base_ver > local_ver OR local_ver > :seq OR local_ver < 1`,
  "bytes-versions-grow": `
    SELECT ino || ': bytes ' || bytes_ver || ' synced ' || synced_ver FROM inode
    WHERE bytes_ver > :seq OR synced_ver > bytes_ver`,
  "bytes-move-every-name": `
    SELECT entry.fid FROM entry JOIN inode ON inode.ino = entry.ino
    WHERE state = 'live' AND local_ver < bytes_ver`,
  "claim-is-above-base": `
    SELECT op.fid FROM op JOIN entry ON entry.fid = op.fid
    WHERE claim_ver <= base_ver OR claim_ver > local_ver`,
  "writers-are-dirty": `
    SELECT entry.fid FROM entry JOIN inode ON inode.ino = entry.ino
    WHERE writers = 1 AND state = 'live' AND local_ver = base_ver AND local_only = 0`,
  "entry-has-directory": `
    SELECT fid || ' in ' || parent FROM entry
    WHERE state = 'live' AND NOT EXISTS (SELECT 1 FROM inode WHERE ino = parent AND nlink > 0 AND ${isDir})`,
  "name-is-valid": `
    SELECT fid || ': ' || name FROM entry
    WHERE name IN ('', '.', '..', '.smfs-dir') OR instr(name, '/') > 0 OR instr(name, char(0)) > 0 OR length(name) > 255`,
  "links-are-counted": `
    SELECT ino || ': ' || nlink FROM inode
    WHERE NOT ${isDir} AND nlink <> (SELECT count(*) FROM entry WHERE entry.ino = inode.ino AND state = 'live')`,
  "directory-links-are-counted": `
    SELECT ino || ': ' || nlink FROM inode AS d
    WHERE ${isDir} AND nlink > 0 AND nlink <> 2 +
      (SELECT count(*) FROM entry JOIN inode AS c ON c.ino = entry.ino
       WHERE parent = d.ino AND state = 'live' AND (c.mode & ${S_IFMT}) = ${S_IFDIR})`,
  "directory-has-one-name": `
    SELECT ino || '' FROM inode
    WHERE ${isDir} AND (nlink > 0 AND ino <> ${rootIno}) <>
      (SELECT count(*) FROM entry WHERE entry.ino = inode.ino AND state = 'live')`,
  "tree-has-no-cycle": `
    WITH RECURSIVE below (ino) AS (
      SELECT ${rootIno} UNION SELECT entry.ino FROM entry JOIN below ON entry.parent = below.ino WHERE state = 'live')
    SELECT fid FROM entry WHERE state = 'live' AND ino NOT IN (SELECT ino FROM below)`,
  "symlink-has-target": `
    SELECT ino || '' FROM inode WHERE ((mode & ${S_IFMT}) = ${S_IFLNK}) <> (target IS NOT NULL)`,
  "stub-is-a-file-at-rest": `
    SELECT ino || '' FROM inode WHERE stub = 1 AND (NOT ${isFile} OR writers = 1 OR fill IS NOT NULL)`,
  "fill-is-at-rest": `
    SELECT ino || '' FROM inode WHERE fill IS NOT NULL AND (NOT ${isFile} OR writers = 1)`,
  "alias-has-a-path-to-go-to": `
    SELECT fid FROM entry WHERE alias = 1 AND (state = 'deleted' OR base_path IS NULL)`,
  "moved-is-a-directory": `
    SELECT dir_ino || '' FROM moved
    WHERE NOT EXISTS (SELECT 1 FROM inode WHERE ino = dir_ino AND nlink > 0 AND ${isDir})`,
  "base-blob-is-of-base":
    "SELECT fid FROM entry WHERE base_blob IS NOT NULL AND base_blob IS NOT base_hash",
};

export interface CheckOptions {
  /** Also compare digests: reads every clean file, and every blob of at most `inlineBytesMax`. */
  readonly deep?: boolean;
}

/** What does not hold, at most `breachesMax` of each invariant; nothing when all is well. */
export function check(context: StoreContext, options: CheckOptions = {}): Breach[] {
  const breaches: Breach[] = [];
  const { sql } = context.db;
  for (const [invariant, query] of Object.entries(queries)) {
    const statement = sql
      .prepare<[{ seq: number }], string>(`${query} LIMIT ${breachesMax}`)
      .pluck();
    for (const detail of statement.all({ seq: context.versions.current })) {
      breaches.push({ invariant, detail });
    }
  }
  for (const row of sql.pragma("foreign_key_check") as { table: string }[]) {
    breaches.push({ invariant: "references-hold", detail: row.table });
  }
  const report = (invariant: string, detail: string) => breaches.push({ invariant, detail });
  checkOrphans(context, report);
  checkWorkingFiles(context, report);
  checkBlobs(context, report, options.deep === true);
  if (options.deep === true) checkClean(context, report);
  return breaches;
}

type Report = (invariant: string, detail: string) => void;

/** An inode without any entry is one that somebody still uses. */
function checkOrphans({ db, orphans, openFiles }: StoreContext, report: Report): void {
  const rows = db.sql
    .prepare<[], number>(
      `SELECT ino FROM inode WHERE ino <> ${rootIno} AND NOT EXISTS (SELECT 1 FROM entry WHERE entry.ino = inode.ino)`,
    )
    .pluck();
  for (const ino of rows.all()) {
    const isUsed = openFiles.isOpen(ino) || orphans.isHeld(ino) || orphans.isWaiting(ino);
    if (!isUsed) report("orphan-is-used", String(ino));
  }
}

/** A file has its bytes; a file that nobody writes has the size its row says; and there is nothing else. */
function checkWorkingFiles(context: StoreContext, report: Report): void {
  const { db, bytes, orphans, openFiles } = context;
  const there = new Set(bytes.listWork());
  for (const row of db.sql.prepare<[], InodeRow>(`SELECT * FROM inode WHERE ${isFile}`).iterate()) {
    const isThere = there.delete(row.ino);
    if (row.stub === 1) continue;
    const isFreed = row.nlink === 0 && !openFiles.isOpen(row.ino) && !orphans.isHeld(row.ino);
    if (!isThere) {
      if (!isFreed && row.fill === null) report("file-has-bytes", String(row.ino));
      continue;
    }
    if (row.writers === 1 || row.fill !== null || isFreed) continue;
    const { size } = statWork(context, row.ino);
    if (size !== row.size) report("row-knows-size", `${row.ino}: ${row.size}, on disk ${size}`);
  }
  for (const ino of there) {
    if (!orphans.garbage.has(ino) && !orphans.ready.has(ino))
      report("working-file-has-row", String(ino));
  }
}

/** Whatever a row names is there. A fill whose blob is gone has become the working file. */
function checkBlobs({ db, bytes }: StoreContext, report: Report, isDeep: boolean): void {
  const named = db.sql.prepare<[], { who: string; digest: string; ino: number | null }>(
    `SELECT 'base of ' || fid AS who, base_blob AS digest, NULL AS ino FROM entry WHERE base_blob IS NOT NULL
     UNION ALL SELECT 'snapshot of ' || fid, snap_blob, NULL FROM op WHERE snap_blob IS NOT NULL
     UNION ALL SELECT 'trash ' || id, blob, NULL FROM trash WHERE blob IS NOT NULL
     UNION ALL SELECT 'fill of ' || ino, fill, ino FROM inode WHERE fill IS NOT NULL`,
  );
  for (const { who, digest, ino } of named.all()) {
    if (!bytes.hasBlob(digest)) {
      if (ino === null || !bytes.hasWork(ino)) report("blob-is-there", `${who}: ${digest}`);
    } else if (
      isDeep &&
      bytes.blobSize(digest) <= inlineBytesMax &&
      bytes.digest(bytes.readBlob(digest)) !== digest
    ) {
      report("blob-is-whole", `${who}: ${digest}`);
    }
  }
}

/** Bytes that are said to be base's are. */
function checkClean(context: StoreContext, report: Report): void {
  const rows = context.db.sql.prepare<
    [],
    { fid: string; ino: number; base_hash: string; mode: number }
  >(
    `SELECT fid, entry.ino, base_hash, mode FROM entry JOIN inode ON inode.ino = entry.ino
     WHERE state = 'live' AND base_ver > 0 AND bytes_ver <= base_ver AND base_hash IS NOT NULL
       AND diverged = 0 AND stub = 0 AND fill IS NULL AND writers = 0`,
  );
  for (const { fid, ino, base_hash, mode } of rows.all()) {
    if (!isRegular(mode) || !context.bytes.hasWork(ino)) continue;
    if (digestWork(context, ino) !== base_hash) report("clean-is-base", `${fid} of inode ${ino}`);
  }
}

function statWork({ bytes }: StoreContext, ino: number): { readonly size: number } {
  const fd = bytes.openWork(ino, "read");
  try {
    return bytes.stat(fd);
  } finally {
    bytes.close(fd);
  }
}

function digestWork({ bytes }: StoreContext, ino: number): string {
  const fd = bytes.openWork(ino, "read");
  try {
    const content = new Uint8Array(bytes.stat(fd).size);
    bytes.read(fd, content, 0);
    return bytes.digest(content);
  } finally {
    bytes.close(fd);
  }
}
