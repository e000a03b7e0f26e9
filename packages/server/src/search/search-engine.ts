/**
 * Finds chunks: candidates from both indexes, rescored, fused, filtered. Runs in the search worker, where it blocks
 * nobody, or on the caller's thread in tests.
 */
import type { Calibration } from "../embed/embedder.ts";
import type { StaticEmbedder } from "../embed/static-embedder.ts";
import type { SearchReads } from "../storage/storage.ts";
import type { StoredDocument, VectorOfChunk } from "../storage/stored.ts";
import { Candidates } from "./candidates.ts";
import { matchesFilter } from "./filter.ts";
import {
  candidatesMax,
  candidatesMin,
  chunksPerDocument,
  largeScopeShare,
  questionLengthMax,
  searchHitsMax,
  wideningsMax,
} from "./limits.ts";
import { ModelVectors } from "./model-vectors.ts";
import { quantised } from "./quantise.ts";
import { questionWords } from "./question.ts";
import { adaptiveThreshold, Grouping, type RankedChunk, type RankingModels, rank } from "./rank.ts";
import { type Allowed, isInScope, type ScopeReads, ScopeSets } from "./scope-sets.ts";
import type { SearchQuery } from "./search-service.ts";
import { isSearchable } from "./searchable.ts";

/** Documents loaded at once while hits are checked. */
const documentPage = 16;
/** Times the nearest chunks are looked for while many of those found are gone; before the last, all is read anew. */
const roundsMax = 4;

/** What the engine reads: no bytes of documents, so that it needs no more than the database. */
export type EngineReads = ScopeReads &
  Pick<SearchReads, "lexical" | "vectorsAfter" | "vectorsOf" | "documentsByNo" | "generation">;

/** A question's vector of a model other than the static one. */
export interface QuestionVector {
  readonly model: string;
  readonly calibration: Calibration;
  readonly vector: Float32Array;
}

/** A hit whose text is still to be read. */
export interface FoundChunk {
  /** Undefined: the document itself, for `*`. */
  readonly chunkNo: number | undefined;
  readonly similarity: number;
  readonly document: StoredDocument;
}

/** A question ready to be asked: its words, and its vector of each model, best model first. */
interface Question {
  readonly words: readonly string[];
  readonly vectors: readonly QuestionVector[];
  readonly models: RankingModels;
}

export class SearchEngine {
  readonly #reads: EngineReads;
  readonly #embedder: StaticEmbedder;
  readonly #scopes: ScopeSets;
  readonly #models = new Map<string, ModelVectors>();
  #generation: number | undefined;

  constructor(reads: EngineReads, embedder: StaticEmbedder) {
    this.#reads = reads;
    this.#embedder = embedder;
    this.#scopes = new ScopeSets(reads);
  }

  /** Loads what the first search would have to wait for. */
  async warm(): Promise<void> {
    this.#embedder.embedNow("warm");
    await this.#vectorsOf(this.#embedder.name, this.#embedder.dimension);
  }

  /** @param sharper the question's vectors of sharper models, best model first */
  async search(query: SearchQuery, sharper: readonly QuestionVector[]): Promise<FoundChunk[]> {
    await this.#notice();
    const limit = Math.min(Math.max(1, query.limit), searchHitsMax);
    const allowed = await this.#scopes.of(query.scope, query.documentNo);
    if (query.q.trim() === "*") return this.#newest(query, limit, allowed);
    const question = this.#question(query.q, sharper);
    let wanted = candidatesMin;
    for (let widenings = 0; ; widenings += 1) {
      const { ranked, isAll } = await this.#ranked(question, query, allowed, wanted);
      const threshold = query.threshold ?? adaptiveThreshold(ranked);
      const found = await this.#passing(ranked, query, limit, threshold);
      // More candidates can only help when all of these were good enough, and too many did not pass the filter.
      const isCut = (ranked.at(-1)?.similarity ?? 0) < threshold;
      if (found.length === limit || isAll || isCut || widenings === wideningsMax) return found;
      wanted = Math.min(candidatesMax, wanted * 4);
    }
  }

  /** Follows what was committed, when anything was. */
  async #notice(): Promise<void> {
    const generation = await this.#reads.generation();
    if (generation === this.#generation) return;
    this.#scopes.notice();
    for (const vectors of this.#models.values()) await vectors.follow();
    this.#generation = generation;
  }

  async #vectorsOf(model: string, dimension: number): Promise<ModelVectors> {
    const known = this.#models.get(model);
    if (known !== undefined) return known;
    const vectors = new ModelVectors(this.#reads, model, dimension);
    await vectors.follow();
    this.#models.set(model, vectors);
    return vectors;
  }

  #question(q: string, sharper: readonly QuestionVector[]): Question {
    const text = q.slice(0, questionLengthMax);
    const own = {
      model: this.#embedder.name,
      calibration: this.#embedder.calibration,
      vector: this.#embedder.embedNow(text),
    };
    const vectors = [...sharper, own];
    return {
      words: questionWords(text),
      vectors: vectors.filter(({ vector }) => vector.some((value) => value !== 0)),
      models: vectors.map(({ model, calibration }) => ({ name: model, calibration })),
    };
  }

  /** Candidates of all indexes by similarity, and whether there are no more. */
  async #ranked(
    question: Question,
    query: SearchQuery,
    allowed: Allowed | undefined,
    limit: number,
  ): Promise<{ readonly ranked: RankedChunk[]; readonly isAll: boolean }> {
    // Of a large part of the index, the best are among the best of all of it.
    const isLarge = allowed !== undefined && allowed.share > largeScopeShare;
    const lexicalLimit = isLarge ? Math.ceil(limit / allowed.share) : limit;
    const { hits, scoreMax } = await this.#reads.lexical({
      words: question.words,
      scope: isLarge ? {} : query.scope,
      limit: lexicalLimit,
    });
    let isAll = hits.length < lexicalLimit;
    const candidates = new Candidates();
    for (const { chunkNo, documentNo, score } of hits) {
      if (allowed !== undefined && allowed.set[documentNo] !== 1) continue;
      const share = scoreMax > 0 ? Math.min(1, Math.max(0, score / scoreMax)) : 0;
      candidates.addHit(chunkNo, documentNo, share);
    }
    for (const asked of question.vectors) {
      const { vectors, near } = await this.#nearest(asked, limit, allowed);
      isAll &&= near.size < limit;
      candidates.addVectors(vectors, near);
    }
    candidates.addVectors(await this.#reads.vectorsOf(candidates.withoutVectors()));
    return { ranked: rank(candidates.scored(question.vectors), question.models), isAll };
  }

  /** The chunks that are nearest by one model with their documents, and their stored vectors of all models. */
  async #nearest(
    { model, vector }: QuestionVector,
    limit: number,
    allowed: Allowed | undefined,
  ): Promise<{
    readonly vectors: readonly VectorOfChunk[];
    readonly near: ReadonlyMap<number, number>;
  }> {
    const matrix = await this.#vectorsOf(model, vector.length);
    const query = quantised(vector);
    for (let rounds = 1; ; rounds += 1) {
      const near = matrix.nearest(query, limit, allowed?.set);
      const vectors = await this.#reads.vectorsOf([...near.keys()]);
      const alive = new Set(vectors.filter((v) => v.model === model).map((v) => v.chunkNo));
      const gone = [...near.keys()].filter((chunkNo) => !alive.has(chunkNo));
      for (const chunkNo of gone) matrix.remove(chunkNo);
      // Chunks that are gone took places of others; where there are many, all of them are found at once.
      if (gone.length * 4 <= near.size || rounds === roundsMax) return { vectors, near };
      if (rounds === roundsMax - 1) await matrix.rebuild();
    }
  }

  /** The best hits that are good enough, whose documents are still there, searchable, and pass the filter. */
  async #passing(
    ranked: readonly RankedChunk[],
    query: SearchQuery,
    limit: number,
    threshold: number,
  ): Promise<FoundChunk[]> {
    const grouping = new Grouping(query.perDocument ?? chunksPerDocument);
    const found: FoundChunk[] = [];
    const documents = new Map<number, StoredDocument | undefined>();
    for (const [index, chunk] of ranked.entries()) {
      if (chunk.similarity < threshold || found.length === limit) break;
      if (!documents.has(chunk.documentNo)) {
        const nos = ranked.slice(index, index + documentPage).map((next) => next.documentNo);
        await this.#load(nos, documents);
      }
      const document = documents.get(chunk.documentNo);
      if (document === undefined || !passes(document, query)) continue;
      if (!grouping.takes(chunk.documentNo)) continue;
      found.push({ chunkNo: chunk.chunkNo, similarity: chunk.similarity, document });
    }
    return found.sort(byOrder);
  }

  async #load(
    nos: readonly number[],
    into: Map<number, StoredDocument | undefined>,
  ): Promise<void> {
    const missing = [...new Set(nos)].filter((no) => !into.has(no));
    for (const no of missing) into.set(no, undefined);
    for (const document of await this.#reads.documentsByNo(missing)) {
      into.set(document.no, document);
    }
  }

  /** What `*` asks for: documents in scope, those changed last first. */
  async #newest(
    query: SearchQuery,
    limit: number,
    allowed: Allowed | undefined,
  ): Promise<FoundChunk[]> {
    const order = { by: "updatedAt", descending: true } as const;
    const nos = await this.#reads.documentNos(query.scope, order);
    const found: FoundChunk[] = [];
    for (let i = 0; i < nos.length && found.length < limit; i += documentPage) {
      for (const document of await this.#reads.documentsByNo(nos.slice(i, i + documentPage))) {
        if (found.length === limit) break;
        if (allowed !== undefined && allowed.set[document.no] !== 1) continue;
        if (passes(document, query)) found.push({ chunkNo: undefined, similarity: 1, document });
      }
    }
    return found;
  }
}

function passes(document: StoredDocument, query: SearchQuery): boolean {
  if (!isSearchable(document) || !isInScope(document, query.scope)) return false;
  return query.filter === undefined || matchesFilter(query.filter, document.metadata);
}

function byOrder(a: FoundChunk, b: FoundChunk): number {
  return (
    b.similarity - a.similarity ||
    b.document.updatedAt - a.document.updatedAt ||
    (a.chunkNo ?? 0) - (b.chunkNo ?? 0)
  );
}
