/** The daemon's way to its server. */
import { fetchTransport, type Transport } from "@smfs/api";
import type { Clock, Logger } from "@smfs/core";
import { ensureEmbeddedServer } from "../embedded-server.ts";
import type { DaemonSettings } from "./daemon-settings.ts";
import { EmbeddedTransport } from "./embedded-transport.ts";

export interface ServerTransport {
  readonly transport: Transport;
  /** Where the server is now. */
  apiUrl(): string;
}

export function serverTransport(
  settings: DaemonSettings,
  clock: Clock,
  log: Logger,
): ServerTransport {
  const { server, paths } = settings;
  const connect = (baseUrl: string) => fetchTransport({ baseUrl, key: () => server.key, clock });
  if (!server.embedded) {
    return { transport: connect(server.apiUrl), apiUrl: () => server.apiUrl };
  }
  const transport = new EmbeddedTransport({
    apiUrl: server.apiUrl,
    connect,
    revive: async () => (await ensureEmbeddedServer(paths, clock, () => undefined)).apiUrl,
    clock,
    log,
  });
  return { transport, apiUrl: () => transport.apiUrl };
}
