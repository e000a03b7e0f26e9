/**
 * A document whose path was taken here is shown under another name, its alias. When its path becomes free the
 * alias ends, in the transaction that frees it (docs/spec/store.md, ALIAS-1).
 */
import { isDirectory } from "@smfs/core";
import type { StoreContext } from "./context.ts";
import type { EntryRow } from "./entries.ts";
import { MovedDirectories } from "./moved-directories.ts";

export class Aliases {
  readonly #context: StoreContext;
  readonly #moved: MovedDirectories;
  readonly #waiting;

  constructor(context: StoreContext) {
    this.#context = context;
    this.#moved = new MovedDirectories(context);
    const { sql } = context.db;
    // The smallest document id gets the path, on every device (docs/spec/sync.md).
    this.#waiting = sql.prepare<[string], EntryRow>(
      "SELECT * FROM entry WHERE base_path = ? AND alias = 1 AND state = 'live' ORDER BY doc_id LIMIT 1",
    );
  }

  /** Within a transaction: an entry goes on under another name, since its path is another document's at the server. */
  giveWay(entry: EntryRow, tag: string): void {
    const { entries, inodes, names, versions, invalidate } = this.#context;
    const name = names.free(entry.parent, entry.name, tag);
    const version = versions.next();
    invalidate({ kind: "entry", parent: entry.parent, name: entry.name });
    entries.update(entry.fid, { name, local_ver: version });
    // What is in a directory moves with it.
    if (isDirectory(inodes.get(entry.ino).mode)) this.#moved.start(entry.ino, version);
    this.endAt(entry.parent, entry.name);
  }

  /** Within a transaction: something called `name` in `parent` has gone or moved. If the name is free now, an alias ends. */
  endAt(parent: number, name: string): void {
    const { entries, inodes, versions, invalidate } = this.#context;
    if (!entries.mayHaveAliases) return;
    if (entries.inoOf(parent, name) !== undefined) return;
    const path = entries.textPath({ parent, name });
    const waiting = path === undefined ? undefined : this.#waiting.get(path);
    if (waiting === undefined || isDirectory(inodes.get(waiting.ino).mode)) return;
    const version = versions.next();
    const isClean = waiting.local_ver === waiting.base_ver;
    const moved = isClean ? { local_ver: version, base_ver: version } : {};
    entries.update(waiting.fid, { parent, name, alias: 0, ...moved });
    for (const ino of new Set([waiting.parent, parent])) {
      inodes.update(ino, inodes.touched());
      invalidate({ kind: "inode", ino });
    }
    invalidate({ kind: "entry", parent: waiting.parent, name: waiting.name });
    invalidate({ kind: "entry", parent, name });
  }
}
