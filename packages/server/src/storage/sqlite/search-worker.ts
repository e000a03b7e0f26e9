/** The search worker: an engine on its own thread and its own connection. `workerData` is the data directory. */
import { workerData } from "node:worker_threads";
import { StaticEmbedder } from "../../embed/static-embedder.ts";
import { type QuestionVector, SearchEngine } from "../../search/search-engine.ts";
import type { SearchQuery } from "../../search/search-service.ts";
import { serveCalls } from "../../workers/serve-calls.ts";
import { openEngineReads } from "./open-engine-reads.ts";

/** One call: a search, or (undefined) only to load what the first search would wait for. */
export type SearchCall =
  | { readonly query: SearchQuery; readonly sharper: readonly QuestionVector[] }
  | undefined;

const engine = new SearchEngine(openEngineReads(workerData as string), new StaticEmbedder());
// One search at a time: what one notices of the storage is what it works with.
let last: Promise<unknown> = engine.warm();

serveCalls((input) => {
  const call = input as SearchCall;
  const run = last.then(
    () => (call === undefined ? undefined : engine.search(call.query, call.sharper)),
    // A search that failed says so to its own caller; the next one starts afresh.
  );
  last = run.catch(() => undefined);
  return run;
});
