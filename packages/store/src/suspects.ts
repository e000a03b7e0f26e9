/**
 * After a power loss: a save that was not synced may be short or full of zeroes, and being dirty it would be pushed
 * over the good copy. Such bytes are set aside as a conflict version, and the path gets back what was last known to
 * be good: the snapshot of the attempt in progress, or base (docs/spec/store.md, SUSPECT-n).
 */
import { S_IFMT, S_IFREG } from "@smfs/core";
import { Conflicts } from "./conflicts.ts";
import type { EntryRow } from "./entries.ts";
import type { FileContext } from "./file-context.ts";
import type { InodeRow } from "./inodes.ts";
import { Problems } from "./problems.ts";
import type { Content, RemoteVersion, SyncAttrs } from "./sync-model.ts";
import { Take } from "./take.ts";
import type { OpRow } from "./view.ts";

const blockBytes = 4096;

/** What the path goes back to. */
interface Good {
  readonly hash: string;
  readonly rev: string;
  readonly attrs: string;
  readonly content: Content;
  readonly size: number;
  readonly bytesVer: number;
}

export class Suspects {
  readonly #context: FileContext;
  readonly #conflicts: Conflicts;
  readonly #problems: Problems;
  readonly #op;

  constructor(context: FileContext) {
    this.#context = context;
    this.#conflicts = new Conflicts(context, new Take(context, context.fills));
    this.#problems = new Problems(context.db, context.clock);
    this.#op = context.db.sql.prepare<[string], OpRow>("SELECT * FROM op WHERE fid = ?");
  }

  /** Before anything moves a version: the versions say what was synced. */
  settle(): void {
    const { db, inodes } = this.#context;
    const unsynced = db.sql
      .prepare<[], number>(
        `SELECT ino FROM inode WHERE (mode & ${S_IFMT}) = ${S_IFREG} AND nlink > 0 AND stub = 0 AND fill IS NULL
           AND (synced_ver < bytes_ver OR writers = 1)
           AND EXISTS (SELECT 1 FROM entry WHERE entry.ino = inode.ino AND local_ver <> base_ver AND state = 'live')`,
      )
      .pluck();
    const inos = unsynced.all();
    for (const ino of inos) {
      const row = inodes.get(ino);
      if (this.#looksDamaged(row)) this.#setAside(row);
    }
    // Damaged or not, what the rows say of these files is from before: the working files tell it anew.
    db.transaction(() => {
      for (const ino of inos) this.#distrust(inodes.get(ino));
    });
  }

  #distrust(row: InodeRow): void {
    const { writers, working } = this.#context;
    if (row.writers === 0) writers.intend(row, { synced_size: working.stat(row.ino).size });
  }

  #looksDamaged(row: InodeRow): boolean {
    const { size } = this.#context.working.stat(row.ino);
    const known = row.writers === 1 ? row.synced_size : Math.max(row.synced_size, row.size);
    return size < known || this.#hasNewZeroBlock(row, size);
  }

  /** A block of zeroes that is no hole, and was not zero in base: allocated, and never written by the disk. */
  #hasNewZeroBlock(row: InodeRow, size: number): boolean {
    const { bytes, working, entries } = this.#context;
    const digest = entries.ofInode(row.ino).find((e) => e.base_blob !== null)?.base_blob;
    const base = digest == null ? undefined : bytes.readBlob(digest);
    const fd = working.descriptor(row.ino, false);
    try {
      const block = new Uint8Array(blockBytes);
      for (let at = nextData(this.#context, fd, 0, size); at < size; ) {
        const start = at - (at % blockBytes);
        const count = bytes.read(fd, block, start);
        if (isZero(block.subarray(0, count))) {
          const was = base?.subarray(start, start + count);
          if (was === undefined || was.length < count || !isZero(was)) return true;
        }
        at = nextData(this.#context, fd, start + blockBytes, size);
      }
      return false;
    } finally {
      working.close(row.ino);
    }
  }

  /** The damaged bytes keep their inode under a conflict version; each name gets back what was good of it. */
  #setAside(row: InodeRow): void {
    const { entries, db } = this.#context;
    for (const entry of entries.ofInode(row.ino)) {
      if (entry.state !== "live" || this.#wasSynced(row, entry)) continue;
      const good = this.#goodOf(row, entry);
      // Nothing better is known: they are all there is.
      if (good === undefined) continue;
      db.transaction(() => this.#restore(entry, good), "power");
    }
  }

  /** Something newer than base, and than what is being sent, was synced: going back would lose it. */
  #wasSynced(row: InodeRow, entry: EntryRow): boolean {
    const claimVer = this.#op.get(entry.fid)?.claim_ver ?? 0;
    return row.synced_ver > entry.base_ver && row.synced_ver > claimVer;
  }

  #goodOf(row: InodeRow, entry: EntryRow): Good | undefined {
    const { bytes } = this.#context;
    const op = this.#op.get(entry.fid);
    if (op !== undefined && op.with_bytes === 1 && op.snap_hash !== null) {
      const blob = op.snap_blob ?? (op.snap_bytes === null ? null : bytes.putBlob(op.snap_bytes));
      const size = op.snap_size ?? 0;
      if (blob !== null && bytes.hasBlob(blob)) {
        const { snap_hash: hash, op_id: rev, attrs, claim_ver: bytesVer } = op;
        return { hash, rev, attrs, content: { blob, size }, size, bytesVer };
      }
    }
    if (entry.base_ver === 0 || entry.base_hash === null || entry.doc_id === null) return undefined;
    const { base_hash: hash, base_blob: blob, base_ver: bytesVer } = entry;
    const size = blob === null ? Math.max(1, row.synced_size) : bytes.readBlob(blob).length;
    const content = blob === null ? undefined : { blob, size };
    const rev = entry.base_rev ?? `base of ${entry.fid}`;
    return { hash, rev, attrs: entry.base_attrs ?? "{}", content, size, bytesVer };
  }

  #restore(entry: EntryRow, good: Good): void {
    const { entries, inodes, log } = this.#context;
    const path = entries.textPath(entry) ?? entry.base_path ?? `/${entry.fid}`;
    this.#conflicts.split(entry, path, good.rev, asRemote(entry, good), good.content);
    const fresh = entries.byFid(entry.fid)?.ino;
    if (fresh !== undefined) inodes.update(fresh, { bytes_ver: good.bytesVer });
    log.log("warn", "a save that was not synced was damaged by the power loss and set aside", {
      path,
    });
    this.#problems.set(
      `suspect ${entry.fid}`,
      path,
      "its last save was damaged by a power loss; what was left of it is under /.conflicts",
    );
  }
}

/** The good version in the form in which versions are taken. */
function asRemote(entry: EntryRow, good: Good): RemoteVersion {
  return {
    docId: entry.doc_id ?? "",
    customId: null,
    fid: entry.fid,
    path: entry.base_path,
    rev: good.rev,
    chain: [],
    stampRev: null,
    srev: entry.base_srev,
    etag: entry.base_etag,
    hash: good.hash,
    size: good.size,
    attrs: JSON.parse(good.attrs) as Partial<SyncAttrs>,
    status: "done",
    updatedAt: entry.r_updated ?? "",
    settled: false,
    by: null,
  };
}

function nextData(context: FileContext, fd: number, offset: number, size: number): number {
  if (offset >= size) return size;
  try {
    return context.bytes.seek(fd, offset, 3);
  } catch (error) {
    // ENXIO: nothing but a hole is left.
    if ((error as { code?: unknown }).code === "ENXIO") return size;
    throw error;
  }
}

function isZero(bytes: Uint8Array): boolean {
  return bytes.every((byte) => byte === 0);
}
