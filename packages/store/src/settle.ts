/**
 * How an attempt ends (docs/spec/sync.md, PUSH-5 … PUSH-9): one transaction each, that first looks whether the
 * attempt is still the one it was. The line that replaces every compare-and-swap of a dirty mark stands in
 * `verify`: `base_ver := claim_ver`. What was written after the claim has a higher local_ver and stays dirty by
 * construction.
 */
import { assert, mergeBytesMax } from "@smfs/core";
import type { Aliases } from "./aliases.ts";
import type { StoreContext } from "./context.ts";
import { type EntryChanges, type EntryRow, isFid } from "./entries.ts";
import { reidentify } from "./link-versions.ts";
import type { Settled, StoreTransitions } from "./port.ts";
import type { Problems } from "./problems.ts";
import { Replacements } from "./replacements.ts";
import type { OpView, RemoteVersion } from "./sync-model.ts";
import type { OpRow, Views } from "./view.ts";

/** Columns of an entry for which no base is known: everything differs. */
export const noBase: EntryChanges = {
  base_ver: 0,
  base_rev: null,
  base_srev: null,
  base_etag: null,
  base_hash: null,
  base_path: null,
  base_attrs: null,
  base_chain: "[]",
  base_blob: null,
};

/** Columns that note what was last seen of the document. */
export function observed(remote: RemoteVersion): EntryChanges {
  return {
    r_rev: remote.rev,
    r_srev: remote.srev,
    r_hash: remote.hash,
    r_path: remote.path,
    r_status: remote.status,
    r_updated: remote.updatedAt,
    r_settled: remote.settled ? 1 : 0,
    r_etag: remote.etag,
    misses: 0,
  };
}

/**
 * An entry's document is gone and what is here stays: it is sent as a file of its own (AGREE-7). Several devices may do
 * so at once, and two documents must not say that they are one file. The entry has no attempt in progress.
 */
export function sendAnew(context: StoreContext, entry: EntryRow): void {
  const { entries, tombs, versions } = context;
  if (entry.doc_id !== null || entry.sent === 1) tombs.put(entry);
  entries.update(entry.fid, { ...noBase, doc_id: null, sent: 0, local_ver: versions.next() });
  reidentify(context, entry);
}

/** The revision that an etag of a server that counts names (`"r7"`); null when it names none. */
function numberOf(etag: string | null): number | null {
  const digits = /^"r(\d{1,15})"$/.exec(etag ?? "")?.[1];
  return digits === undefined ? null : Number(digits);
}

function latestOf(...revisions: readonly (number | null)[]): number | null {
  const known = revisions.filter((one) => one !== null);
  return known.length === 0 ? null : Math.max(...known);
}

export class Settlements {
  readonly #context: StoreContext;
  readonly #views: Views;
  readonly #problems: Problems;
  readonly #aliases: Aliases;
  readonly #replacements: Replacements;
  readonly #deleteOp;
  readonly #markSent;
  readonly #note;

  constructor(context: StoreContext, views: Views, aliases: Aliases, problems: Problems) {
    this.#context = context;
    this.#views = views;
    this.#problems = problems;
    this.#aliases = aliases;
    this.#replacements = new Replacements(context);
    const { sql } = context.db;
    this.#deleteOp = sql.prepare("DELETE FROM op WHERE fid = ?");
    this.#markSent = sql.prepare("UPDATE op SET phase = 'sent' WHERE fid = ?");
    this.#note = sql.prepare(
      "UPDATE op SET if_match = ?, phase = ?, attempts = attempts + ?, failures = failures + ? WHERE fid = ?",
    );
  }

  /** The attempt and its entry, if the attempt is still in progress. */
  #find(fid: string, opId: string): { op: OpRow; entry: EntryRow } | undefined {
    const op = this.#views.opRow(fid);
    if (op === undefined || op.op_id !== opId) return undefined;
    const entry = this.#context.entries.byFid(fid);
    assert(entry !== undefined, "an attempt has its entry");
    return { op, entry };
  }

  #view(fid: string): OpView | null {
    const op = this.#views.opRow(fid);
    const entry = this.#context.entries.byFid(fid);
    return op === undefined || entry === undefined ? null : this.#views.op(op, entry);
  }

  /** PUSH-4: from here on the attempt may have reached the server, whatever is heard of it. */
  markSent(fid: string, opId: string): OpView | null {
    const found = this.#find(fid, opId);
    if (found === undefined) return null;
    this.#markSent.run(fid);
    if (found.entry.doc_id === null && found.op.kind !== "delete") {
      this.#context.entries.update(fid, { sent: 1 });
    }
    return this.#view(fid);
  }

  /** PUSH-12, and PUSH-4: from here on a document in place of the entry's own may have been made. */
  replacing(fid: string, opId: string): OpView | null {
    if (this.#find(fid, opId) === undefined) return null;
    this.#replacements.begin(fid);
    return this.#view(fid);
  }

  note(
    fid: string,
    opId: string,
    changes: {
      readonly docId?: string;
      readonly ifMatch?: string | null;
      readonly phase?: OpView["phase"];
      readonly attempted?: boolean;
      readonly failed?: boolean;
      readonly newDocId?: string | null;
    },
  ): OpView | null {
    const found = this.#find(fid, opId);
    if (found === undefined) return null;
    this.#note.run(
      changes.ifMatch === undefined ? found.op.if_match : changes.ifMatch,
      changes.phase ?? found.op.phase,
      changes.attempted === true ? 1 : 0,
      changes.failed === true ? 1 : 0,
      fid,
    );
    if (changes.newDocId !== undefined) this.#replacements.note(fid, changes.newDocId);
    if (changes.docId !== undefined && found.entry.doc_id === null) {
      if (!this.#own(found.entry, changes.docId)) return null;
    }
    return this.#view(fid);
  }

  /**
   * A document belongs to one entry. Where another has it, the answer was for that one (a server may know a document by
   * customer id or by path): this entry is a file of its own, and is created as such. Whether it has the document now.
   */
  #own(entry: EntryRow, docId: string): boolean {
    const { entries } = this.#context;
    const other = entries.byDoc(docId);
    if (other === undefined || other.fid === entry.fid) {
      entries.update(entry.fid, { doc_id: docId });
      return true;
    }
    this.#deleteOp.run(entry.fid);
    const version = this.#context.versions.next();
    entries.update(entry.fid, { ...noBase, sent: 0, local_ver: version });
    reidentify(this.#context, entry);
    return false;
  }

  verify(
    fid: string,
    opId: string,
    remote: RemoteVersion,
    options: { diverged?: boolean } = {},
  ): Settled {
    const found = this.#find(fid, opId);
    if (found === undefined) return "stale";
    const { op, entry } = found;
    // A server that changes what it is sent shows the same bytes still when only path or attributes were sent.
    const isShown = op.with_bytes === 0 && entry.diverged === 1;
    const diverged = options.diverged === true;
    const isOurs = remote.rev === op.op_id || diverged;
    assert(diverged || remote.hash === op.snap_hash, "what is verified is the snapshot");
    if (entry.doc_id === null && !this.#own(entry, remote.docId)) return "stale";
    if (this.#isTaken(op)) return "stale";
    this.#context.entries.update(fid, {
      ...this.#replacements.taken(entry, op),
      base_ver: op.claim_ver,
      base_rev: isOurs ? op.op_id : remote.rev,
      base_srev: remote.srev,
      base_etag: remote.etag,
      base_hash: op.snap_hash,
      base_path: op.path,
      base_attrs: op.attrs,
      // Where somebody else's equal version settles it, what that descends from counts: our chain may name it itself.
      base_chain: isOurs ? op.chain : JSON.stringify(remote.chain),
      base_blob: this.#keepBase(entry, op),
      diverged: diverged || isShown ? 1 : 0,
      rejected_ver: null,
      rejected_hash: null,
      rejected_why: null,
      ...observed(remote),
      ...(isShown ? { r_hash: entry.r_hash } : {}),
    });
    this.#deleteOp.run(fid);
    this.#problems.clear(`push ${fid}`);
    this.#noteClean(fid);
    return "done";
  }

  /** Whether another entry has the document that was made for this attempt: it ends, and the file goes in another. */
  #isTaken(op: OpRow): boolean {
    const holder = op.new_doc === null ? undefined : this.#context.entries.byDoc(op.new_doc);
    if (holder === undefined || holder.fid === op.fid) return false;
    this.#deleteOp.run(op.fid);
    return true;
  }

  /**
   * The agreed bytes are kept when the file has moved on meanwhile and they are small: a merge will need them.
   * While the file equals them they need no copy.
   */
  #keepBase(entry: EntryRow, op: OpRow): string | null {
    if (op.with_bytes === 0) return entry.base_blob;
    const inode = this.#context.inodes.find(entry.ino);
    if (inode === undefined || inode.bytes_ver <= op.claim_ver) return null;
    if (op.snap_bytes !== null && op.snap_bytes.length > 0)
      return this.#context.bytes.putBlob(op.snap_bytes);
    return op.snap_blob !== null && (op.snap_size ?? 0) <= mergeBytesMax ? op.snap_blob : null;
  }

  /** Remembers how the working file of a clean entry looks on disk, to find damage after a power loss. */
  #noteClean(fid: string): void {
    const { bytes, entries, inodes } = this.#context;
    const entry = entries.byFid(fid);
    if (entry === undefined || entry.local_ver !== entry.base_ver) return;
    const inode = inodes.get(entry.ino);
    if (inode.fill !== null || inode.stub === 1 || !bytes.hasWork(inode.ino)) return;
    const fd = bytes.openWork(inode.ino, "read");
    try {
      inodes.update(inode.ino, { work_ctime: bytes.stat(fd).ctime });
    } finally {
      bytes.close(fd);
    }
  }

  /** Ours landed and somebody built on it: what we sent is base, and R is judged next. */
  landed(fid: string, opId: string): Settled {
    const found = this.#find(fid, opId);
    if (found === undefined) return "stale";
    const { op, entry } = found;
    if (this.#isTaken(op)) return "stale";
    this.#context.entries.update(fid, {
      ...this.#replacements.taken(entry, op),
      base_ver: op.claim_ver,
      base_rev: op.op_id,
      base_srev: null,
      base_etag: null,
      base_hash: op.snap_hash,
      base_path: op.path,
      base_attrs: op.attrs,
      base_chain: op.chain,
      base_blob: this.#keepBase(entry, op),
    });
    this.#deleteOp.run(fid);
    return "done";
  }

  release(fid: string, opId: string, how: "keep" | "reassert"): Settled {
    const found = this.#find(fid, opId);
    if (found === undefined) return "stale";
    this.#deleteOp.run(fid);
    if (how === "reassert") {
      const version = this.#context.versions.next();
      this.#context.inodes.update(found.entry.ino, { bytes_ver: version });
      this.#context.entries.bumpInode(found.entry.ino, version);
    }
    return "done";
  }

  reject(fid: string, opId: string, message: string): Settled {
    const found = this.#find(fid, opId);
    if (found === undefined) return "stale";
    const { op, entry } = found;
    this.#context.entries.update(fid, {
      rejected_ver: op.claim_ver,
      rejected_hash: op.snap_hash,
      rejected_why: message,
      r_path: op.path,
    });
    this.#deleteOp.run(fid);
    const path = this.#context.entries.shownPath(entry);
    this.#problems.set(`push ${fid}`, path, `the server refused this version: ${message}`);
    return "done";
  }

  deleted(fid: string, opId: string): Settled {
    const found = this.#find(fid, opId);
    if (found === undefined) return "stale";
    const { entry, op } = found;
    // What was deleted is what was looked at: a change of ours may have come after base, and be told only now.
    this.#context.tombs.put(entry, latestOf(entry.base_srev, entry.r_srev, numberOf(op.if_match)));
    if (entry.state === "deleted") {
      this.#context.orphans.dropEntry(entry);
    } else {
      // It came back by a remote edit between claim and answer: there is a file again, and no document.
      this.#deleteOp.run(fid);
      sendAnew(this.#context, entry);
    }
    return "done";
  }

  /** Edit beats delete: the entry goes to the server again, as a new document. */
  recreate(fid: string, opId: string): Settled {
    const found = this.#find(fid, opId);
    if (found === undefined) return "stale";
    this.#deleteOp.run(fid);
    sendAnew(this.#context, found.entry);
    return "done";
  }

  /**
   * The document is gone, and the attempt carried no bytes, or those of base: not claimed until pull has judged the
   * deletion. What was written since is sent first.
   */
  goneRemotely(fid: string, opId: string): Settled {
    const found = this.#find(fid, opId);
    if (found === undefined) return "stale";
    const { entry, op } = found;
    const { entries, inodes, pend, versions } = this.#context;
    this.#deleteOp.run(fid);
    const bytesVer = inodes.get(entry.ino).bytes_ver;
    // Whether what was written since is anything new is for the next attempt to say: one that carries it. One that moves
    // out of a circle's way carries no bytes, whatever waits to be sent, and would be made again and again.
    if (bytesVer > op.claim_ver && op.kind !== "cycle") return "done";
    const isNew =
      op.with_bytes === 1 ? op.snap_hash !== entry.base_hash : bytesVer > entry.base_ver;
    if (isNew && entry.state === "live") {
      sendAnew(this.#context, entry);
      return "done";
    }
    // Written, but as it was: from here on it differs from base by its name and attributes at most.
    if (op.with_bytes === 1)
      entries.update(fid, { base_ver: op.claim_ver, local_ver: versions.next() });
    if (entry.doc_id !== null) pend.put(entry.doc_id, "gone", null);
    return "done";
  }

  /**
   * A document that is not ours holds our path or customer id: it becomes ours, with no base (sync then resolves). If
   * it is another file's by its stamp, ours is that file from now on: two documents must not say that they are one
   * file. That ends the attempt, and the next one looks.
   */
  adopt(
    fid: string,
    opId: string,
    { docId, fid: docFid, path }: Parameters<StoreTransitions["adopt"]>[2],
  ): Settled {
    const found = this.#find(fid, opId);
    if (found === undefined) return "stale";
    const { entries, tombs } = this.#context;
    const holder = entries.byDoc(docId);
    if (holder !== undefined && holder.fid !== fid) return "stale";
    // Where it is there is known, and what comes to that path here waits for it (PUSH-0).
    entries.update(fid, { ...noBase, doc_id: docId, r_path: path });
    if (docFid !== null && docFid !== fid) {
      this.#deleteOp.run(fid);
      // Its creation as a file of its own may still be carried out.
      if (found.entry.sent === 1) tombs.put(found.entry);
      reidentify(this.#context, found.entry, isFid(docFid) ? docFid : undefined);
    }
    return "done";
  }

  /** Another entry's document keeps our path: ours goes on under the name it is shown by. */
  takeAlias(fid: string, opId: string): Settled {
    const found = this.#find(fid, opId);
    if (found === undefined) return "stale";
    const { entries } = this.#context;
    const { entry, op } = found;
    this.#deleteOp.run(fid);
    this.#aliases.giveWay(entry, op.op_id.slice(-8).replace(":", ""));
    // Where both came from one file the other has its customer id: it must not be asked for again.
    if (entry.doc_id === null && entries.isCustomIdTaken(entry.cid, fid)) {
      entries.update(fid, { sent: 0 });
      reidentify(this.#context, entry);
    }
    return "done";
  }
}
