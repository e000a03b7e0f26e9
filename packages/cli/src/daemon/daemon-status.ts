/** What a daemon says of itself. */
import type { EngineStatus } from "@smfs/sync";
import type { IndexStatus } from "../index-status.ts";
import { isoTime } from "../output.ts";
import type { DaemonStatus } from "./control-protocol.ts";
import type { DaemonSettings } from "./daemon-settings.ts";
import { connectivity } from "./progress.ts";

/** What only the daemon knows. */
export interface DaemonFacts {
  readonly apiUrl: string;
  readonly uptimeS: number;
  /** Wall-clock milliseconds when everything was last known to be safe, for people. */
  readonly lastSafeMs: number | null;
  readonly requestsByReads: number;
  readonly cacheUsedBytes: number | undefined;
  /** Why the store acknowledges nothing any more. */
  readonly failure: string | undefined;
  readonly search: IndexStatus | null;
}

export function toDaemonStatus(
  settings: DaemonSettings,
  engine: EngineStatus,
  facts: DaemonFacts,
): DaemonStatus {
  const { store, capabilities } = engine;
  const { account, server } = settings;
  return {
    tag: settings.container,
    mount_path: settings.mountPath,
    pid: process.pid,
    uptime_secs: Math.round(facts.uptimeS),
    queue_len: store.dirtyCount,
    pull_enabled: settings.pull,
    user_id: engine.userId ?? account.userId,
    user_name: engine.userName ?? account.userName,
    org_name: engine.orgName ?? account.orgName,
    apiUrl: facts.apiUrl,
    keyFile: server.keyFile,
    embedded: server.embedded,
    capabilities: Object.entries(capabilities).flatMap(([name, has]) => (has ? [name] : [])),
    connectivity: connectivity(engine, settings),
    lastSync: facts.lastSafeMs === null ? null : isoTime(facts.lastSafeMs),
    push_enabled: settings.push,
    inFlight: store.inFlightCount,
    entries: store.entryCount,
    stubs: store.stubCount,
    waiting: store.waiting.map(({ path, why }) => ({ path, message: why })),
    problems: [...failures(facts), ...problems(engine)],
    conflicts: store.conflicts.map(({ path, versionPath }) => ({ path, versionPath })),
    heldDeletions: engine.heldDeletions,
    heldOpen: store.heldOpen,
    ignored: store.ignored,
    requestsByReads: facts.requestsByReads,
    search: facts.search,
    cacheSize: settings.cacheBytes ?? null,
    cacheUsed: facts.cacheUsedBytes ?? null,
    readOnly: settings.readOnly,
    storeDir: settings.storeDir,
    logFile: settings.logFile,
  };
}

/** What is wrong with the disk comes first: until it is looked after nothing can be written. */
function failures({ failure }: DaemonFacts): DaemonStatus["problems"] {
  if (failure === undefined) return [];
  const message = `the disk has failed under the store (${failure}): nothing can be written; unmount, then smfs doctor`;
  return [{ path: null, message }];
}

/** Problems of single paths, and of the connection, which is everybody's. */
function problems({ store, connection }: EngineStatus): DaemonStatus["problems"] {
  const noted = store.problems.map(({ path, message }) => ({ path, message }));
  if (connection.state === "online" || connection.message === null) return noted;
  return [{ path: null, message: `server: ${connection.message}` }, ...noted];
}
