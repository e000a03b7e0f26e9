/** For operators: metrics and the contract itself. */

import type { Handlers } from "../app.ts";
import { json } from "../http/answer.ts";
import { openapiDocument } from "../openapi.ts";
import type { RequestMetrics } from "../request-metrics.ts";
import type { ServerContext } from "../server-context.ts";

export function operationsHandlers(
  context: ServerContext,
  metrics: RequestMetrics,
): Pick<Handlers, "metrics" | "openapi" | "openapiV4"> {
  const { storage } = context;
  const openapi = async () => json(openapiDocument());
  return {
    openapi,
    openapiV4: openapi,
    metrics: async () => {
      const { chunks, vectors } = await storage.indexCounts();
      const order = { by: "createdAt", descending: false } as const;
      const documents = (await storage.documentNos({}, order)).length;
      const unfinished = (await storage.documentNos({ unfinished: true }, order)).length;
      const { rss, heapUsed } = process.memoryUsage();
      const lines = [
        ...metrics.lines(),
        ...gauge("smfs_documents", documents),
        ...gauge("smfs_documents_unfinished", unfinished),
        ...gauge("smfs_chunks", chunks),
        "# TYPE smfs_vectors gauge",
        ...Object.entries(vectors).map(
          ([model, count]) => `smfs_vectors{model="${model}"} ${count}`,
        ),
        ...gauge("smfs_change_seq", await storage.head()),
        ...gauge("process_resident_memory_bytes", rss),
        ...gauge("nodejs_heap_used_bytes", heapUsed),
      ];
      return {
        status: 200,
        headers: { "Content-Type": "text/plain; version=0.0.4; charset=utf-8" },
        body: { kind: "text", text: `${lines.join("\n")}\n` },
      };
    },
  };
}

function gauge(name: string, value: number): string[] {
  return [`# TYPE ${name} gauge`, `${name} ${value}`];
}
