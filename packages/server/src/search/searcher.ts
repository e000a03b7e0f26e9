/** The search service: asks an engine on whichever thread, then reads the texts of what it found. */
import type { Sharpener } from "../embed/sharpener.ts";
import { StaticEmbedder } from "../embed/static-embedder.ts";
import type { Storage } from "../storage/storage.ts";
import { type FoundChunk, type QuestionVector, SearchEngine } from "./search-engine.ts";
import type {
  SearchHit,
  SearchQuery,
  SearchResults,
  SearchService,
  SearchStatus,
} from "./search-service.ts";

/** An engine, here or in a worker. */
export interface SearchThread {
  search(query: SearchQuery, sharper: readonly QuestionVector[]): Promise<readonly FoundChunk[]>;
  close(): Promise<void>;
}

export class Searcher implements SearchService {
  readonly #storage: Storage;
  readonly #thread: SearchThread;
  readonly #sharpener: Sharpener | undefined;

  /** @param sharpener the sharper model, where there is one */
  constructor(storage: Storage, thread: SearchThread, sharpener?: Sharpener) {
    this.#storage = storage;
    this.#thread = thread;
    this.#sharpener = sharpener;
  }

  async search(query: SearchQuery): Promise<SearchResults> {
    const vector = await this.#sharpener?.questionVector(query.q);
    const found = await this.#thread.search(query, vector === undefined ? [] : [vector]);
    return { hits: await this.#hits(found) };
  }

  async status(): Promise<SearchStatus> {
    const { chunks, vectors } = await this.#storage.indexCounts();
    const own = new StaticEmbedder().name;
    const sharper = this.#sharpener?.status();
    return {
      chunks,
      models: [
        { name: own, chunks: vectors[own] ?? 0, state: "answering" },
        ...(sharper === undefined ? [] : [{ ...sharper, chunks: vectors[sharper.name] ?? 0 }]),
      ],
    };
  }

  close(): Promise<void> {
    return this.#thread.close();
  }

  /** The texts of what was found; a chunk that has gone meanwhile is no hit any more. */
  async #hits(found: readonly FoundChunk[]): Promise<SearchHit[]> {
    const nos = found.flatMap(({ chunkNo }) => (chunkNo === undefined ? [] : [chunkNo]));
    const chunks = new Map((await this.#storage.chunksByNo(nos)).map((chunk) => [chunk.no, chunk]));
    const hits: SearchHit[] = [];
    for (const { chunkNo, document, similarity } of found) {
      if (chunkNo === undefined) {
        const [chunk] = await this.#storage.chunksOfDocument(document.no);
        hits.push({ chunk, document, similarity });
      } else {
        const chunk = chunks.get(chunkNo);
        if (chunk !== undefined) hits.push({ chunk, document, similarity });
      }
    }
    return hits;
  }
}

/** An engine on the caller's thread: for storages without a worker, and for tests. */
export function searchHere(storage: Storage): SearchThread {
  const engine = new SearchEngine(storage, new StaticEmbedder());
  let last: Promise<unknown> = Promise.resolve();
  return {
    search: (query, sharper) => {
      const run = last.then(() => engine.search(query, sharper));
      last = run.catch(() => undefined);
      return run;
    },
    close: async () => {
      await last;
    },
  };
}
