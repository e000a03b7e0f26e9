/** Counts of requests, for operators (Prometheus text format). */

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

  /** All counts as lines of the exposition format. */
  lines(): string[] {
    const lines = ["# TYPE smfs_requests_total counter"];
    for (const [route, counts] of this.#routes) {
      for (const [status, count] of counts.byStatus) {
        lines.push(`smfs_requests_total{route="${route}",status="${status}"} ${count}`);
      }
    }
    lines.push("# TYPE smfs_request_seconds histogram");
    for (const [route, counts] of this.#routes) {
      for (const [index, bound] of bucketsS.entries()) {
        lines.push(
          `smfs_request_seconds_bucket{route="${route}",le="${bound}"} ${counts.buckets[index] ?? 0}`,
        );
      }
      lines.push(
        `smfs_request_seconds_bucket{route="${route}",le="+Inf"} ${counts.count}`,
        `smfs_request_seconds_sum{route="${route}"} ${counts.sumS}`,
        `smfs_request_seconds_count{route="${route}"} ${counts.count}`,
      );
    }
    return lines;
  }
}
