/** For operators: metrics and the contract itself. */

import type { Handlers } from "../app.ts";
import { exposition, type MetricFamily, single } from "../exposition.ts";
import { json } from "../http/answer.ts";
import { openapiDocument } from "../openapi.ts";
import type { RequestMetrics } from "../request-metrics.ts";
import { type ServerContext, serverVersion } from "../server-context.ts";

export function operationsHandlers(
  context: ServerContext,
  metrics: RequestMetrics,
): Pick<Handlers, "metrics" | "openapi" | "openapiV4"> {
  const openapi = async () => json(openapiDocument());
  const startedS = context.clock.now() / 1000;
  return {
    openapi,
    openapiV4: openapi,
    metrics: async () => {
      const families = [
        ...metrics.families(),
        ...(await contentFamilies(context)),
        ...processFamilies(startedS),
      ];
      return {
        status: 200,
        headers: { "Content-Type": "text/plain; version=0.0.4; charset=utf-8" },
        body: { kind: "text", text: exposition(families) },
      };
    },
  };
}

/** How much there is, and how far its processing and its index are. */
async function contentFamilies({ storage, search }: ServerContext): Promise<MetricFamily[]> {
  const order = { by: "createdAt", descending: false } as const;
  const documents = (await storage.documentNos({}, order)).length;
  const unfinished = (await storage.documentNos({ unfinished: true }, order)).length;
  const { chunks, models } = await search.status();
  return [
    single("gauge", "smfs_documents", "Documents.", documents),
    single("gauge", "smfs_documents_unfinished", "Documents that are being processed.", unfinished),
    single("gauge", "smfs_chunks", "Passages in the index.", chunks),
    {
      name: "smfs_vectors",
      help: "Passages that a model has read.",
      type: "gauge",
      samples: models.map(({ name, chunks: value }) => ({ labels: { model: name }, value })),
    },
    {
      name: "smfs_model_failed",
      help: "1 while a model is not available.",
      type: "gauge",
      samples: models.map(({ name, state }) => ({
        labels: { model: name },
        value: state === "failed" ? 1 : 0,
      })),
    },
    single("counter", "smfs_change_seq", "Number of the last change.", await storage.head()),
  ];
}

function processFamilies(startedS: number): MetricFamily[] {
  const { rss, heapUsed } = process.memoryUsage();
  const { user, system } = process.cpuUsage();
  const info = { labels: { version: serverVersion }, value: 1 };
  return [
    { name: "smfs_server_info", help: "The server's version.", type: "gauge", samples: [info] },
    single(
      "gauge",
      "process_start_time_seconds",
      "Start time since 1970, in seconds.",
      Math.round(startedS),
    ),
    single(
      "counter",
      "process_cpu_seconds_total",
      "Processor time, in seconds.",
      (user + system) / 1e6,
    ),
    single("gauge", "process_resident_memory_bytes", "Memory, in bytes.", rss),
    single("gauge", "nodejs_heap_used_bytes", "JavaScript's part of it, in bytes.", heapUsed),
  ];
}
