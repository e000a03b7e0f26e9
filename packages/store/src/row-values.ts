/**
 * Rows read often, from the values in their order: a row made by the SQLite binding itself takes three times as long,
 * since it makes the name of each column anew for each row.
 */
import type { EntryRow } from "./entries.ts";
import type { InodeRow } from "./inodes.ts";

/** Columns of table `entry` in the order of `toEntryRow`. */
export const entryColumns =
  "id, fid, cid, ino, parent, name, state, alias, local_only, local_ver, base_ver, base_rev, base_srev, base_etag, base_hash, base_path, base_attrs, base_chain, base_blob, doc_id, sent, r_rev, r_srev, r_hash, r_path, r_status, r_updated, r_settled, r_etag, misses, diverged, rejected_ver, rejected_hash, rejected_why";

/** Columns of table `inode` in the order of `toInodeRow`. */
export const inodeColumns =
  "ino, mode, uid, gid, rdev, nlink, size, blocks, atime_s, atime_ns, mtime_s, mtime_ns, ctime_s, ctime_ns, target, writers, bytes_ver, synced_ver, synced_size, stub, fill, work_ctime, birth_us";

type ValuesOf<Row, Names extends readonly (keyof Row)[]> = { [I in keyof Names]: Row[Names[I]] };

/** The values of a row of `entry`. */
export type EntryValues = ValuesOf<
  EntryRow,
  [
    "id",
    "fid",
    "cid",
    "ino",
    "parent",
    "name",
    "state",
    "alias",
    "local_only",
    "local_ver",
    "base_ver",
    "base_rev",
    "base_srev",
    "base_etag",
    "base_hash",
    "base_path",
    "base_attrs",
    "base_chain",
    "base_blob",
    "doc_id",
    "sent",
    "r_rev",
    "r_srev",
    "r_hash",
    "r_path",
    "r_status",
    "r_updated",
    "r_settled",
    "r_etag",
    "misses",
    "diverged",
    "rejected_ver",
    "rejected_hash",
    "rejected_why",
  ]
>;

/** The values of a row of `inode`. */
export type InodeValues = ValuesOf<
  InodeRow,
  [
    "ino",
    "mode",
    "uid",
    "gid",
    "rdev",
    "nlink",
    "size",
    "blocks",
    "atime_s",
    "atime_ns",
    "mtime_s",
    "mtime_ns",
    "ctime_s",
    "ctime_ns",
    "target",
    "writers",
    "bytes_ver",
    "synced_ver",
    "synced_size",
    "stub",
    "fill",
    "work_ctime",
    "birth_us",
  ]
>;

export function toEntryRow(values: EntryValues): EntryRow {
  return {
    id: values[0],
    fid: values[1],
    cid: values[2],
    ino: values[3],
    parent: values[4],
    name: values[5],
    state: values[6],
    alias: values[7],
    local_only: values[8],
    local_ver: values[9],
    base_ver: values[10],
    base_rev: values[11],
    base_srev: values[12],
    base_etag: values[13],
    base_hash: values[14],
    base_path: values[15],
    base_attrs: values[16],
    base_chain: values[17],
    base_blob: values[18],
    doc_id: values[19],
    sent: values[20],
    r_rev: values[21],
    r_srev: values[22],
    r_hash: values[23],
    r_path: values[24],
    r_status: values[25],
    r_updated: values[26],
    r_settled: values[27],
    r_etag: values[28],
    misses: values[29],
    diverged: values[30],
    rejected_ver: values[31],
    rejected_hash: values[32],
    rejected_why: values[33],
  };
}

export function toInodeRow(values: InodeValues): InodeRow {
  return {
    ino: values[0],
    mode: values[1],
    uid: values[2],
    gid: values[3],
    rdev: values[4],
    nlink: values[5],
    size: values[6],
    blocks: values[7],
    atime_s: values[8],
    atime_ns: values[9],
    mtime_s: values[10],
    mtime_ns: values[11],
    ctime_s: values[12],
    ctime_ns: values[13],
    target: values[14],
    writers: values[15],
    bytes_ver: values[16],
    synced_ver: values[17],
    synced_size: values[18],
    stub: values[19],
    fill: values[20],
    work_ctime: values[21],
    birth_us: values[22],
  };
}
