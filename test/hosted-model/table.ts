/** The documents of the model server: their present states, all former ones, and the change feed. */
import type { Doc, Tombstone } from "./document.ts";

/** One visible change, told to whoever watches the server from outside (the simulator's oracle). */
export interface Commit {
  readonly before: Doc | undefined;
  readonly after: Doc | undefined;
  /** `request`, or what the server did by itself. */
  readonly cause: "request" | "pipeline" | "auto-delete";
}

interface Past {
  /** Monotonic milliseconds. */
  readonly at: number;
  readonly state: Doc | undefined;
}

export interface FeedEntry {
  readonly seq: number;
  readonly upsert?: Doc;
  readonly previousPath?: string | null;
  readonly tombstone?: Tombstone;
  readonly tags: readonly string[];
}

export class DocumentTable {
  /** The last sequence number given. */
  seq = 0;
  readonly #live = new Map<string, Doc>();
  readonly #past = new Map<string, Past[]>();
  /** Latest entry of each document, in the order of `seq` (a Map keeps insertion order). */
  readonly #feed = new Map<string, FeedEntry>();
  readonly #byCustomId = new Map<string, Set<string>>();
  readonly #byPath = new Map<string, Set<string>>();
  readonly #watchers = new Set<(commit: Commit) => void>();

  /** Calls `watcher` after each commit. */
  watch(watcher: (commit: Commit) => void): () => void {
    this.#watchers.add(watcher);
    return () => this.#watchers.delete(watcher);
  }

  get(id: string): Doc | undefined {
    return this.#live.get(id);
  }

  *all(): IterableIterator<Doc> {
    yield* this.#live.values();
  }

  get size(): number {
    return this.#live.size;
  }

  /** Live documents with this customId in a container (in any, for an empty tag), oldest first. */
  byCustomId(tag: string, customId: string): Doc[] {
    return this.#lookUp(this.#byCustomId, keyOf(tag, customId));
  }

  /** Live documents at this path of a container, oldest first. */
  byPath(tag: string, path: string): Doc[] {
    return this.#lookUp(this.#byPath, keyOf(tag, path));
  }

  /** Stores a new state. `at` is monotonic time; `quiet` changes (a stage of processing) do not enter the feed. */
  put(doc: Doc, at: number, cause: Commit["cause"], quiet = false): void {
    const before = this.#live.get(doc.id);
    if (before !== undefined) this.#unindex(before);
    this.#live.set(doc.id, doc);
    this.#index(doc);
    this.#remember(doc.id, { at, state: doc });
    if (!quiet) {
      this.seq += 1;
      this.#feed.delete(doc.id);
      const moved = before !== undefined && before.filepath !== doc.filepath;
      this.#feed.set(doc.id, {
        seq: this.seq,
        upsert: doc,
        tags: doc.tags,
        ...(moved ? { previousPath: before.filepath } : {}),
      });
    }
    for (const watcher of this.#watchers) watcher({ before, after: doc, cause });
  }

  /** Removes a document and leaves its tombstone. */
  remove(
    doc: Doc,
    at: number,
    deletedAt: number,
    origin: string | null,
    cause: Commit["cause"],
  ): void {
    this.#unindex(doc);
    this.#live.delete(doc.id);
    this.#remember(doc.id, { at, state: undefined });
    this.seq += 1;
    this.#feed.delete(doc.id);
    const { id, filepath, customId, tags } = doc;
    const tombstone = { id, rev: doc.rev + 1, filepath, customId, tags, deletedAt, origin };
    this.#feed.set(id, { seq: this.seq, tombstone, tags });
    for (const watcher of this.#watchers) watcher({ before: doc, after: undefined, cause });
  }

  /** Entries of the feed after `seq` for one container, oldest first. */
  *feed(tag: string | undefined, after: number): IterableIterator<FeedEntry> {
    for (const entry of this.#feed.values())
      if (entry.seq > after && (tag === undefined || entry.tags.includes(tag))) yield entry;
  }

  /** Forgets tombstones older than `deletedAt`. Returns the highest sequence number forgotten. */
  forgetTombstones(deletedAt: number): number {
    let highest = 0;
    for (const [id, entry] of this.#feed) {
      if (entry.tombstone === undefined || entry.tombstone.deletedAt >= deletedAt) continue;
      this.#feed.delete(id);
      highest = Math.max(highest, entry.seq);
    }
    return highest;
  }

  /** A document as a replica saw it at monotonic time `at`. */
  getAt(id: string, at: number): Doc | undefined {
    const past = this.#past.get(id);
    for (let i = (past?.length ?? 0) - 1; i >= 0; i -= 1) {
      const one = past?.[i];
      if (one !== undefined && one.at <= at) return one.state;
    }
    return undefined;
  }

  /** All documents as a replica saw them at monotonic time `at`. */
  *allAt(at: number): IterableIterator<Doc> {
    for (const id of this.#past.keys()) {
      const doc = this.getAt(id, at);
      if (doc !== undefined) yield doc;
    }
  }

  /** Every state a document ever had, oldest first; deleted ones too. */
  history(id: string): Doc[] {
    const states = this.#past.get(id) ?? [];
    return states.flatMap((one) => (one.state === undefined ? [] : [one.state]));
  }

  #remember(id: string, past: Past): void {
    const all = this.#past.get(id);
    if (all === undefined) this.#past.set(id, [past]);
    else all.push(past);
  }

  #lookUp(index: Map<string, Set<string>>, key: string): Doc[] {
    const found: Doc[] = [];
    for (const id of index.get(key) ?? []) {
      const doc = this.#live.get(id);
      if (doc !== undefined) found.push(doc);
    }
    return found;
  }

  #index(doc: Doc): void {
    if (doc.customId !== null) addTo(this.#byCustomId, keyOf("", doc.customId), doc.id);
    for (const tag of doc.tags) {
      if (doc.customId !== null) addTo(this.#byCustomId, keyOf(tag, doc.customId), doc.id);
      if (doc.filepath !== null) addTo(this.#byPath, keyOf(tag, doc.filepath), doc.id);
    }
  }

  #unindex(doc: Doc): void {
    if (doc.customId !== null) this.#byCustomId.get(keyOf("", doc.customId))?.delete(doc.id);
    for (const tag of doc.tags) {
      if (doc.customId !== null) this.#byCustomId.get(keyOf(tag, doc.customId))?.delete(doc.id);
      if (doc.filepath !== null) this.#byPath.get(keyOf(tag, doc.filepath))?.delete(doc.id);
    }
  }
}

function keyOf(tag: string, value: string): string {
  return `${tag}\n${value}`;
}

function addTo(index: Map<string, Set<string>>, key: string, id: string): void {
  const ids = index.get(key);
  if (ids === undefined) index.set(key, new Set([id]));
  else ids.add(id);
}
