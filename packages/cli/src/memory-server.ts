/** Runs the memory server in this process, at the wanted port or the next one that is free. */
import { type Logger, systemClock, systemRandom } from "@smfs/core";
import {
  createServer,
  isLoopback,
  type Listening,
  type MemoryServer,
  PlainHttpError,
  type ServerOptions,
  type TlsOptions,
} from "@smfs/server";
import { CliError, exitCodes } from "./cli-error.ts";
import { dataTaken } from "./data-taken.ts";
import { ensurePrivateDir } from "./private-files.ts";
import type { IndexSettings, ServerConfig } from "./server-config.ts";
import { embeddingModel, factModel, imageReader } from "./server-models.ts";

export interface MemoryServerOptions
  extends Partial<Pick<ServerConfig, "host" | "auth" | "allowHttp" | "publicUrl" | "rateLimit">> {
  readonly dataDir: string;
  readonly key: string;
  readonly index: IndexSettings;
  readonly port: number;
  /** How many ports after `port` may be tried when it is taken. */
  readonly portTries: number;
  readonly tls?: TlsOptions | undefined;
  readonly logger: Logger;
}

export interface RunningServer {
  readonly apiUrl: string;
  readonly port: number;
  /** Another certificate for the connections to come. */
  useTls(tls: TlsOptions): void;
  close(): Promise<void>;
}

const loopback = "127.0.0.1";

/** @throws CliError when the data is in use by another server, no port is free, or the door would be open */
export async function runMemoryServer(options: MemoryServerOptions): Promise<RunningServer> {
  ensurePrivateDir(options.dataDir);
  const settings = await toServerOptions(options);
  for (let port = options.port; port <= options.port + options.portTries; port += 1) {
    let server: MemoryServer | undefined;
    try {
      server = await createServer({ ...settings, port });
      return toRunning(server, await server.listen());
    } catch (error) {
      await server?.close();
      if ((error as NodeJS.ErrnoException).code !== "EADDRINUSE") throw toCliError(error, options);
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

/**
 * The server refuses these, too; here before anything is made.
 * @throws CliError when other machines could read along, or needed no key
 */
export function refuseOpenDoors({
  host = loopback,
  auth,
  tls,
  allowHttp,
}: Pick<MemoryServerOptions, "host" | "auth" | "tls" | "allowHttp">): void {
  if (isLoopback(host)) return;
  if (auth === "loopback") {
    throw new CliError(
      exitCodes.usage,
      `${host} can be reached by other machines: requests there need a key`,
      "--auth loopback is for 127.0.0.1",
    );
  }
  if (tls === undefined && allowHttp !== true) {
    throw new CliError(
      exitCodes.usage,
      new PlainHttpError(host).message,
      "give a certificate (--tls-cert FILE --tls-key FILE); --allow-http does without, for a proxy in front that has one",
    );
  }
}

async function toServerOptions(options: MemoryServerOptions): Promise<ServerOptions> {
  const {
    dataDir,
    key,
    host = loopback,
    auth,
    allowHttp,
    publicUrl,
    tls,
    index,
    rateLimit,
  } = options;
  const model = await embeddingModel(index.embedder);
  const facts = factModel(index.facts);
  const images = await imageReader();
  return {
    dataDir,
    host,
    keys: [key],
    limits: index.limits,
    searchDocumentId: index.searchDocumentId,
    ...(auth === undefined ? {} : { auth }),
    ...(allowHttp === undefined ? {} : { allowHttp }),
    ...(publicUrl === undefined ? {} : { publicUrl }),
    ...(tls === undefined ? {} : { tls: { cert: tls.cert, key: tls.key } }),
    ...(rateLimit === undefined ? {} : { rateLimit }),
    ...(model === undefined ? {} : { model }),
    ...(facts === undefined ? {} : { facts }),
    ...(images === undefined ? {} : { images }),
    clock: systemClock,
    random: systemRandom,
    logger: options.logger,
  };
}

function toRunning(server: MemoryServer, listening: Listening): RunningServer {
  return {
    apiUrl: listening.url,
    port: listening.port,
    useTls: (tls) => listening.useTls(tls),
    close: () => server.close(),
  };
}

/** What keeps a server from starting, and what to do about it; anything else as it is. */
function toCliError(error: unknown, options: MemoryServerOptions): unknown {
  const { dataDir, host = loopback, port } = options;
  const { code, name, message, hint } = error as NodeJS.ErrnoException & { hint?: string };
  switch (code ?? name) {
    case "EACCES":
    case "EPERM":
      return new CliError(
        exitCodes.noAccess,
        `port ${port} needs more rights`,
        "choose one above 1023 with --port N",
      );
    case "EADDRNOTAVAIL":
    case "ENOTFOUND":
    case "EAI_AGAIN":
      return new CliError(
        exitCodes.failed,
        `${host} is not an address of this machine`,
        "0.0.0.0 or :: are all of its addresses; 127.0.0.1 is for programs on it alone",
      );
    case "DataLockedError":
      return dataTaken(dataDir);
    case "NewerDataError":
      return new CliError(exitCodes.conflict, message, hint);
    default:
      return error;
  }
}
