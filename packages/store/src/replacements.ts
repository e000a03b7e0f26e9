/**
 * Where a server cannot replace the bytes of a document, another is made in its place, and the old one is deleted once the
 * new one is confirmed (docs/spec/sync.md, PUSH-12). Everything here happens within the caller's transaction.
 */
import type { StoreContext } from "./context.ts";
import type { EntryChanges, EntryRow } from "./entries.ts";
import type { OpRow } from "./view.ts";

export class Replacements {
  readonly #context: StoreContext;
  readonly #begin;
  readonly #noteDoc;
  readonly #drop;

  constructor(context: StoreContext) {
    this.#context = context;
    const { sql } = context.db;
    this.#begin = sql.prepare(
      "UPDATE op SET new_cid = coalesce(new_cid, ?), phase = 'sent' WHERE fid = ?",
    );
    this.#noteDoc = sql.prepare("UPDATE op SET new_doc = ? WHERE fid = ? AND new_cid IS NOT NULL");
    this.#drop = sql.prepare("UPDATE op SET new_cid = NULL, new_doc = NULL WHERE fid = ?");
  }

  /** The attempt is about to make a document of its own; if it may have done so before, under the same customer id. */
  begin(fid: string): void {
    this.#begin.run(this.#context.entries.drawCustomId(), fid);
  }

  /** The new document is known, or (null) there is none any more: the next one gets another customer id. */
  note(fid: string, docId: string | null): void {
    if (docId === null) this.#drop.run(fid);
    else this.#noteDoc.run(docId, fid);
  }

  /**
   * What changes in an entry whose attempt is confirmed in a new document: that becomes its own, and the old one is
   * deleted by an entry that has no name here. It knows the version it deletes: a change of it since is kept (PUSH-10).
   */
  taken(entry: EntryRow, op: OpRow): EntryChanges {
    if (op.new_cid === null || op.new_doc === null) return {};
    if (op.new_doc !== entry.doc_id) this.#giveUp(entry, op.new_doc);
    return { doc_id: op.new_doc, cid: op.new_cid, sent: 1 };
  }

  #giveUp(entry: EntryRow, newDoc: string): void {
    const { db, entries, inodes, versions, emit } = this.#context;
    const { mode, uid, gid, target } = inodes.get(entry.ino);
    const ino = inodes.insert({ mode, uid, gid, nlink: 0, ...(target === null ? {} : { target }) });
    const { parent, name } = entry;
    const fid = entries.insertDeleted({ ino, parent, name, localVer: versions.next() });
    // One document belongs to one entry: the old one is let go before another takes it.
    entries.update(entry.fid, { doc_id: newDoc });
    entries.update(fid, {
      doc_id: entry.doc_id,
      cid: entry.cid,
      sent: 1,
      base_ver: entry.base_ver,
      base_rev: entry.base_rev,
      base_srev: entry.base_srev,
      base_etag: entry.base_etag,
      base_hash: entry.base_hash,
      base_path: entry.base_path,
      base_attrs: entry.base_attrs,
      base_chain: entry.base_chain,
      // What the server shows in place of base's bytes is no change of them.
      diverged: entry.diverged,
      r_hash: entry.r_hash,
    });
    db.afterCommit(() => emit({ kind: "dirty" }));
  }
}
