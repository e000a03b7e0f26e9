/** Pipeline, search and models over a storage, as the server wires them, for tests and benchmarks. */
import type { Clock, Logger, Random } from "@smfs/core";
import { BackgroundSharpener } from "../../embed/background-sharpener.ts";
import type { ModelSource } from "../../embed/embedder.ts";
import type { SearchService } from "../../search/search-service.ts";
import { Searcher, searchHere } from "../../search/searcher.ts";
import { searchWorker } from "../../storage/sqlite/search-thread.ts";
import type { Storage } from "../../storage/storage.ts";
import { Pipeline } from "../pipeline.ts";
import { pipelineHere, pipelineWorker } from "../pipeline-thread.ts";

export interface IndexingOptions {
  readonly storage: Storage;
  /**
   * Data directory of the SQLite storage: searching and heavy work run in workers (built JavaScript) that open it.
   * Undefined: everything runs on the caller's thread, as tests want it.
   */
  readonly workersOn: string | undefined;
  /** A sharper model than the static one. */
  readonly model?: ModelSource;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
}

export interface Indexing {
  readonly pipeline: Pipeline;
  readonly search: SearchService;
  /** Takes up what was left unfinished. Call once, when the server is ready. */
  start(): void;
  /** Stops all work before the storage is closed. */
  close(): Promise<void>;
}

export function openIndexing(options: IndexingOptions): Indexing {
  const { storage, workersOn, model, clock, random, logger } = options;
  const sharpener =
    model === undefined
      ? undefined
      : new BackgroundSharpener({ storage, model, clock, random, logger });
  const thread = workersOn === undefined ? pipelineHere : pipelineWorker(clock);
  const sharper = sharpener === undefined ? {} : { sharpener };
  const pipeline = new Pipeline({ storage, thread, clock, random, logger, ...sharper });
  const searchThread =
    workersOn === undefined ? searchHere(storage) : searchWorker(workersOn, clock);
  const search = new Searcher(storage, searchThread, sharpener);
  return {
    pipeline,
    search,
    start: () => pipeline.wake(),
    close: async () => {
      await sharpener?.close();
      await pipeline.close();
      await search.close();
    },
  };
}
