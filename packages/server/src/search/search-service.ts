/** Search as the routes see it: a question in, chunks by meaning and by words out. */
import type { Scope } from "../storage/storage.ts";
import type { StoredChunk, StoredDocument } from "../storage/stored.ts";
import type { Filter } from "./filter.ts";

export interface SearchQuery {
  /** What is looked for, in words. `*` lists what is in scope, newest first. */
  readonly q: string;
  /** Containers and path; search sees finished and unfinished documents alike, as far as they are indexed. */
  readonly scope: Pick<Scope, "containerTags" | "filepath">;
  /** Only documents whose metadata passes. */
  readonly filter?: Filter;
  /** Only this document. */
  readonly documentNo?: number;
  /** Least similarity of a hit, 0…1. Undefined: an adaptive cut that leaves out what is no better than chance. */
  readonly threshold?: number;
  /** Most hits, 1…`searchHitsMax`. */
  readonly limit: number;
  /** Most hits of one document; undefined: `chunksPerDocument`. */
  readonly perDocument?: number;
}

export interface SearchHit {
  /** 0…1, calibrated: about 0.6 and above is relevant. */
  readonly similarity: number;
  /** A verbatim span of the document's text, with its lines. Undefined only for `*`, when there is no text. */
  readonly chunk: StoredChunk | undefined;
  readonly document: StoredDocument;
}

export interface SearchResults {
  /** By similarity, then newest document, then chunk number: a total order. */
  readonly hits: readonly SearchHit[];
}

/** How far the index is, for `status`. */
export interface SearchStatus {
  readonly chunks: number;
  readonly models: readonly ModelStatus[];
}

export interface ModelStatus {
  /** Name of the model, as recorded with its vectors. */
  readonly name: string;
  /** Chunks that have a vector of it. */
  readonly chunks: number;
  /** `answering`: it embeds questions now. `loading`, `idle` and `failed` models do not; others answer. */
  readonly state: "answering" | "loading" | "idle" | "failed";
  /** Why it failed, when it did. */
  readonly problem?: string;
}

export interface SearchService {
  /** Never rejects for what a query says; rejects when the storage cannot be read. */
  search(query: SearchQuery): Promise<SearchResults>;
  status(): Promise<SearchStatus>;
  close(): Promise<void>;
}
