/** Runs the memory server in this process, on loopback, at the wanted port or the next one that is free. */
import { type Logger, systemClock, systemRandom } from "@smfs/core";
import { createServer, type MemoryServer } from "@smfs/server";
import { CliError, exitCodes } from "./cli-error.ts";
import { ensurePrivateDir } from "./private-files.ts";

export interface MemoryServerOptions {
  readonly dataDir: string;
  readonly key: string;
  readonly port: number;
  /** How many ports after `port` may be tried when it is taken. */
  readonly portTries: number;
  readonly logger: Logger;
}

export interface RunningServer {
  readonly apiUrl: string;
  readonly port: number;
  close(): Promise<void>;
}

const host = "127.0.0.1";

/** @throws CliError when the data is in use by another server, or no port is free */
export async function runMemoryServer(options: MemoryServerOptions): Promise<RunningServer> {
  const { dataDir, key, logger } = options;
  ensurePrivateDir(dataDir);
  for (let port = options.port; port <= options.port + options.portTries; port += 1) {
    let server: MemoryServer | undefined;
    try {
      server = await createServer({
        dataDir,
        host,
        port,
        keys: [key],
        clock: systemClock,
        random: systemRandom,
        logger,
      });
      const address = await server.listen();
      const running = server;
      return {
        apiUrl: `http://${host}:${address.port}`,
        port: address.port,
        close: () => running.close(),
      };
    } catch (error) {
      await server?.close();
      const { code } = error as NodeJS.ErrnoException;
      if (code === "EADDRINUSE") continue;
      if (code === "EACCES") {
        throw new CliError(
          exitCodes.noAccess,
          `port ${port} needs more rights`,
          "choose one above 1023 with --port N",
        );
      }
      if (error instanceof Error && error.name === "DataLockedError") {
        throw new CliError(
          exitCodes.conflict,
          `another server serves the data in ${dataDir}`,
          "use that one, or choose other data with --data DIR",
        );
      }
      throw error;
    }
  }
  throw new CliError(
    exitCodes.failed,
    options.portTries === 0
      ? `port ${options.port} is in use`
      : `no port from ${options.port} to ${options.port + options.portTries} is free`,
    "choose another with --port N",
  );
}
