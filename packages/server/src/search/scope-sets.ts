/** Which documents a scope allows, as sets that the scan can ask in no time. */
import type { SearchReads } from "../storage/storage.ts";
import { rememberedScopesMax } from "./limits.ts";
import type { SearchQuery } from "./search-service.ts";
import type { DocumentSet } from "./vector-matrix.ts";

/** The documents that a query may find. */
export interface Allowed {
  readonly set: DocumentSet;
  /** About which share of all documents that is, 0…1. */
  readonly share: number;
}

export class ScopeSets {
  readonly #reads: Pick<SearchReads, "documentNos">;
  readonly #remembered = new Map<string, Allowed>();

  constructor(reads: Pick<SearchReads, "documentNos">) {
    this.#reads = reads;
  }

  /** Something was committed: what is remembered may be wrong. */
  forget(): void {
    this.#remembered.clear();
  }

  /** The documents a query may find; undefined: all. */
  async of(query: Pick<SearchQuery, "scope" | "documentNo">): Promise<Allowed | undefined> {
    const scoped = await this.#ofScope(query.scope);
    if (query.documentNo === undefined) return scoped;
    const set = new Uint8Array(query.documentNo + 1);
    set[query.documentNo] = scoped === undefined ? 1 : (scoped.set[query.documentNo] ?? 0);
    return { set, share: 0 };
  }

  async #ofScope(scope: SearchQuery["scope"]): Promise<Allowed | undefined> {
    if (scope.containerTags === undefined && scope.filepath === undefined) return undefined;
    const key = JSON.stringify([scope.containerTags?.toSorted(), scope.filepath]);
    const remembered = this.#remembered.get(key);
    if (remembered !== undefined) return remembered;
    const nos = await this.#reads.documentNos(scope, { by: "createdAt", descending: false });
    const size = (nos.at(-1) ?? 0) + 1;
    const set = new Uint8Array(size);
    for (const no of nos) set[no] = 1;
    if (this.#remembered.size === rememberedScopesMax) this.#remembered.clear();
    const allowed = { set, share: nos.length / size };
    this.#remembered.set(key, allowed);
    return allowed;
  }
}
