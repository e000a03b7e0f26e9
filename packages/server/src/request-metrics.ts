/** Counts of requests, for operators. */
import type { MetricFamily, Sample } from "./exposition.ts";

/** Upper bounds of the latency buckets, in seconds. */
const bucketsS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10];

interface RouteCounts {
  readonly byStatus: Map<number, number>;
  readonly buckets: number[];
  sumS: number;
  count: number;
}

export class RequestMetrics {
  readonly #routes = new Map<string, RouteCounts>();

  /** A request was answered. Routes are names of the table: their number is bounded. */
  count(route: string, status: number, ms: number): void {
    let counts = this.#routes.get(route);
    if (counts === undefined) {
      counts = { byStatus: new Map(), buckets: bucketsS.map(() => 0), sumS: 0, count: 0 };
      this.#routes.set(route, counts);
    }
    counts.byStatus.set(status, (counts.byStatus.get(status) ?? 0) + 1);
    counts.count += 1;
    counts.sumS += ms / 1000;
    for (const [index, bound] of bucketsS.entries()) {
      if (ms / 1000 <= bound) counts.buckets[index] = (counts.buckets[index] ?? 0) + 1;
    }
  }

  families(): MetricFamily[] {
    const routes = [...this.#routes];
    return [
      {
        name: "smfs_requests_total",
        help: "Requests that were answered.",
        type: "counter",
        samples: routes.flatMap(([route, { byStatus }]) =>
          [...byStatus].map(([status, value]) => ({
            labels: { route, status: `${status}` },
            value,
          })),
        ),
      },
      {
        name: "smfs_request_seconds",
        help: "Time from a request's head to its answer's; of a long poll, its waiting too.",
        type: "histogram",
        samples: routes.flatMap(([route, counts]) => histogram(route, counts)),
      },
    ];
  }
}

function histogram(route: string, { buckets, count, sumS }: RouteCounts): Sample[] {
  const suffix = "_bucket";
  return [
    ...bucketsS.map((bound, index) => ({
      suffix,
      labels: { route, le: `${bound}` },
      value: buckets[index] ?? 0,
    })),
    { suffix, labels: { route, le: "+Inf" }, value: count },
    { suffix: "_sum", labels: { route }, value: sumS },
    { suffix: "_count", labels: { route }, value: count },
  ];
}
