/**
 * Which documents a scope allows, as sets that the scan can ask in no time.
 *
 * A set is kept and follows what is written: documents in scope that changed are added. Those that left the scope stay
 * in it, so it holds at least what is in scope; whoever finds a document asks `isInScope` of the document itself.
 */
import type { DocumentReads, Scope, SearchReads } from "../storage/storage.ts";
import type { StoredDocument } from "../storage/stored.ts";
import { followedDocumentsMax, rememberedScopesMax } from "./limits.ts";
import type { DocumentSet } from "./vector-matrix.ts";

/** A search's part of a scope: containers and a path. */
export type SearchScope = Pick<Scope, "containerTags" | "filepath">;

/** The documents that a query may find, and perhaps some that it may not. */
export interface Allowed {
  readonly set: DocumentSet;
  /** About which share of all documents that is, 0…1. */
  readonly share: number;
}

export type ScopeReads = Pick<SearchReads, "documentNos"> & Pick<DocumentReads, "documentsAfter">;

interface Remembered {
  set: DocumentSet;
  share: number;
  /** Seq of the last change of a document in scope that the set knows of. */
  seq: number;
  isCurrent: boolean;
}

const changedLast = { by: "updatedAt", descending: true } as const;
const changedFirst = { by: "updatedAt", descending: false } as const;
const createdFirst = { by: "createdAt", descending: false } as const;

export class ScopeSets {
  readonly #reads: ScopeReads;
  readonly #remembered = new Map<string, Remembered>();

  constructor(reads: ScopeReads) {
    this.#reads = reads;
  }

  /** Something was committed: sets have to follow. */
  notice(): void {
    for (const remembered of this.#remembered.values()) remembered.isCurrent = false;
  }

  /** The documents a query may find; undefined: all. */
  async of(scope: SearchScope, documentNo: number | undefined): Promise<Allowed | undefined> {
    if (documentNo !== undefined) {
      const set = new Uint8Array(documentNo + 1);
      set[documentNo] = 1;
      return { set, share: 0 };
    }
    if (scope.containerTags === undefined && scope.filepath === undefined) return undefined;
    const key = JSON.stringify([scope.containerTags?.toSorted(), scope.filepath]);
    let remembered = this.#remembered.get(key);
    if (remembered === undefined || !(await this.#follow(scope, remembered))) {
      remembered = await this.#build(scope);
      if (this.#remembered.size === rememberedScopesMax) this.#remembered.clear();
      this.#remembered.set(key, remembered);
    }
    return remembered;
  }

  async #build(scope: SearchScope): Promise<Remembered> {
    // The seq is read first: what is written in between is added once more, and that is all.
    const [last] = await this.#reads.documentsAfter(scope, changedLast, undefined, 1);
    const nos = await this.#reads.documentNos(scope, createdFirst);
    const size = (nos.at(-1) ?? 0) + 1;
    const set = new Uint8Array(size);
    for (const no of nos) set[no] = 1;
    return { set, share: nos.length / size, seq: last?.seq ?? 0, isCurrent: true };
  }

  /** Adds what changed since; false when that is so much that the set is better built anew. */
  async #follow(scope: SearchScope, remembered: Remembered): Promise<boolean> {
    if (remembered.isCurrent) return true;
    const { seq } = remembered;
    const changed = await this.#reads.documentsAfter(
      scope,
      changedFirst,
      seq,
      followedDocumentsMax,
    );
    if (changed.length === followedDocumentsMax) return false;
    const size = Math.max(remembered.set.length, ...changed.map(({ no }) => no + 1));
    if (size > remembered.set.length) {
      // Twice the room, so that not every new document copies the set.
      const larger = new Uint8Array(size * 2);
      larger.set(remembered.set);
      remembered.set = larger;
    }
    for (const { no } of changed) remembered.set[no] = 1;
    remembered.seq = changed.at(-1)?.seq ?? seq;
    remembered.isCurrent = true;
    return true;
  }
}

/** Whether a document is in a scope. */
export function isInScope(
  document: Pick<StoredDocument, "containerTags" | "filepath">,
  scope: SearchScope,
): boolean {
  const { containerTags, filepath } = scope;
  if (containerTags !== undefined) {
    if (!containerTags.some((tag) => document.containerTags.includes(tag))) return false;
  }
  if (filepath === undefined) return true;
  if (document.filepath === null) return false;
  return filepath.endsWith("/")
    ? document.filepath.startsWith(filepath)
    : document.filepath === filepath;
}
