/** What the store knows that concerns an observed document: its entry, our own deletion of it, who has its path. */
import { isDirectory, rootIno } from "@smfs/core";
import { shownPath } from "./apply.ts";
import type { StoreContext } from "./context.ts";
import type { EntryRow } from "./entries.ts";
import type { PathHolder, RemoteView } from "./sync-model.ts";
import { usableNames, type Views } from "./view.ts";

export interface RemoteItem {
  readonly docId: string;
  readonly fid: string | null;
  readonly customId: string | null;
  readonly path: string | null;
}

type RemoteKeys = Pick<RemoteItem, "docId" | "customId" | "fid">;

export class RemoteViews {
  readonly #context: StoreContext;
  readonly #views: Views;
  readonly #byCid;
  readonly #byReplacement;

  constructor(context: StoreContext, views: Views) {
    this.#context = context;
    this.#views = views;
    const { sql } = context.db;
    this.#byCid = sql.prepare<[string], EntryRow>(
      "SELECT * FROM entry WHERE cid = ? AND sent = 1 LIMIT 1",
    );
    this.#byReplacement = sql
      .prepare<[RemoteKeys], string>(
        `SELECT fid FROM op WHERE new_cid IS NOT NULL
           AND (new_doc = @docId OR new_cid = @customId OR (new_doc IS NULL AND fid = @fid)) LIMIT 1`,
      )
      .pluck();
  }

  /** The entry whose attempt makes this document in place of the entry's own: it is not confirmed yet (PUSH-12). */
  #replacing({ docId, customId, fid }: RemoteItem): EntryRow | undefined {
    const replacing = this.#byReplacement.get({ docId, customId, fid });
    return replacing === undefined ? undefined : this.#context.entries.byFid(replacing);
  }

  of(item: RemoteItem): RemoteView {
    const entry = this.#entryOf(item);
    const deletion = this.#context.pend.deletion(item.docId);
    return {
      ...(deletion === undefined ? {} : { deletion }),
      docId: item.docId,
      entry: entry === undefined ? null : this.#views.entry(entry),
      tomb: this.#context.tombs.of(item.docId, item.fid),
      hasTwin: this.#hasTwin(item),
      holder: this.#holderOf(item),
    };
  }

  /**
   * By document id; by customer id only while the entry's document is not known (a create whose answer was lost):
   * a late re-creation under the same customer id must not be taken for the entry's own document.
   */
  #entryOf(item: RemoteItem): EntryRow | undefined {
    const byDoc = this.#context.entries.byDoc(item.docId);
    const known = byDoc ?? this.#replacing(item);
    if (known !== undefined || item.customId === null) return known;
    const byCid = this.#byCid.get(item.customId);
    return byCid !== undefined && byCid.doc_id === null ? byCid : undefined;
  }

  #hasTwin({ fid, docId }: RemoteItem): boolean {
    const entry = fid === null ? undefined : this.#context.entries.byFid(fid);
    return entry?.state === "live" && entry.doc_id !== null && entry.doc_id !== docId;
  }

  #holderOf(item: RemoteItem): PathHolder {
    const { entries, inodes } = this.#context;
    const names = usableNames(shownPath(item));
    if (names === undefined) return { kind: "blocked" };
    const last = names.pop();
    let parent = rootIno;
    for (const name of names) {
      const entry = entries.find(parent, name);
      if (entry === undefined) return { kind: "free" };
      if (!isDirectory(inodes.get(entry.ino).mode)) return { kind: "blocked" };
      parent = entry.ino;
    }
    const holder = last === undefined ? undefined : entries.find(parent, last);
    if (holder === undefined) return { kind: "free" };
    return {
      kind: "entry",
      fid: holder.fid,
      docId: holder.doc_id,
      hasOp: this.#views.opRow(holder.fid) !== undefined,
      isDirectory: isDirectory(inodes.get(holder.ino).mode),
      isLocalOnly: holder.local_only === 1,
    };
  }
}
