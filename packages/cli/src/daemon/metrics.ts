/** A daemon's numbers in the Prometheus text format (version 0.0.4). */
import type { DaemonStatus } from "./control-protocol.ts";

interface Metric {
  readonly name: string;
  readonly help: string;
  readonly type: "gauge" | "counter";
  readonly value: number;
}

export function toMetrics(status: DaemonStatus, residentBytes: number): string {
  const metrics: Metric[] = [
    {
      name: "smfs_uptime_seconds",
      help: "Time since the mount.",
      type: "gauge",
      value: status.uptime_secs,
    },
    {
      name: "smfs_unsent_entries",
      help: "Entries that the server does not hold yet.",
      type: "gauge",
      value: status.queue_len,
    },
    {
      name: "smfs_in_flight_entries",
      help: "Entries whose answer is awaited.",
      type: "gauge",
      value: status.inFlight,
    },
    { name: "smfs_entries", help: "Names in the store.", type: "gauge", value: status.entries },
    {
      name: "smfs_stubs",
      help: "Files whose bytes are not here.",
      type: "gauge",
      value: status.stubs,
    },
    {
      name: "smfs_problems",
      help: "Paths that cannot be brought in sync.",
      type: "gauge",
      value: status.problems.length,
    },
    {
      name: "smfs_conflicts",
      help: "Conflict versions that are kept.",
      type: "gauge",
      value: status.conflicts.length,
    },
    {
      name: "smfs_online",
      help: "Whether the server can be used.",
      type: "gauge",
      value: status.connectivity === "online" ? 1 : 0,
    },
    {
      name: "smfs_read_requests_total",
      help: "Requests that reading has caused.",
      type: "counter",
      value: status.requestsByReads,
    },
    {
      name: "process_resident_memory_bytes",
      help: "Memory of the daemon.",
      type: "gauge",
      value: residentBytes,
    },
  ];
  const label = `{container=${JSON.stringify(status.tag)}}`;
  return metrics
    .map(
      ({ name, help, type, value }) =>
        `# HELP ${name} ${help}\n# TYPE ${name} ${type}\n${name}${label} ${value}\n`,
    )
    .join("");
}
