/** Searching in a worker that opens the database itself: it sees commits, and holds up no writer. */
import type { Clock } from "@smfs/core";
import { searchCallsMax, searchMs } from "../../search/limits.ts";
import type { FoundChunk } from "../../search/search-engine.ts";
import type { SearchThread } from "../../search/searcher.ts";
import { WorkerCalls, workerUrl } from "../../workers/worker-calls.ts";
import { workerThread } from "../../workers/worker-thread.ts";
import type { SearchCall } from "./search-worker.ts";

/** An engine in a worker, on a data directory. It starts at once, so that it is warm when asked. */
export function searchWorker(dataDir: string, clock: Clock): SearchThread {
  const calls = new WorkerCalls({
    start: () => workerThread({ url: workerUrl(import.meta.url, "search-worker"), data: dataDir }),
    clock,
    callsMax: searchCallsMax,
  });
  // Nobody waits for it: a worker that cannot start says so to the first search.
  calls.call(undefined, searchMs).catch(() => undefined);
  return {
    search: async (query, sharper) =>
      (await calls.call({ query, sharper } satisfies SearchCall, searchMs)) as FoundChunk[],
    close: () => calls.close(),
  };
}
