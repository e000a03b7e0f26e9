/** From settings to an address and a key: reads key files, starts the embedded server when it is meant. */
import type { Clock } from "@smfs/core";
import { CliError, exitCodes } from "./cli-error.ts";
import type { Config } from "./config.ts";
import { readKey } from "./credentials.ts";
import { ensureEmbeddedServer, knownEmbeddedServer } from "./embedded-server.ts";
import type { ServerAddress } from "./server-link.ts";

export interface ResolvedServer extends ServerAddress {
  /** File that holds the key; null when it was given another way. */
  readonly keyFile: string | null;
}

/**
 * @param options.offline starts nothing; an embedded server must have run before
 * @throws CliError when there is no key, or the embedded server cannot be started
 */
export async function resolveServer(
  config: Config,
  clock: Clock,
  onProgress: (text: string) => void,
  options: { readonly offline?: boolean } = {},
): Promise<ResolvedServer> {
  const { server, paths } = config;
  const known = knownEmbeddedServer(paths);
  if (server.kind === "remote") {
    if (server.key !== undefined) {
      const given = readKey(server.key);
      // Named by its address it is still this machine's own: the same store, restarted when it is down.
      const embedded = known?.apiUrl === server.apiUrl && known.key === given.key;
      if (!embedded) return { apiUrl: server.apiUrl, ...given, embedded };
    }
    // Its own address without a key means the embedded server too.
    else if (known?.apiUrl !== server.apiUrl) {
      throw new CliError(
        exitCodes.noAccess,
        `there is no key for ${server.apiUrl}`,
        "give it with --key-file FILE, or set SMFS_KEY_FILE",
      );
    }
  }
  if (options.offline === true) {
    if (known !== undefined) return { ...known, embedded: true };
    throw new CliError(
      exitCodes.noConnection,
      "nothing of this container is on this machine yet",
      "mount it once without --offline",
    );
  }
  return { ...(await ensureEmbeddedServer(paths, clock, onProgress)), embedded: true };
}
