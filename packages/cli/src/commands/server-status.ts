/** `smfs server status`: where the server is, whether it answers, and how far its index is. */
import { routes } from "@smfs/api";
import { holdsData } from "@smfs/server";
import { CliError, type ExitCode, exitCodes } from "../cli-error.ts";
import type { ServerFlags } from "../config.ts";
import { readKey } from "../credentials.ts";
import { embeddedPaths, knownEmbeddedServer } from "../embedded-server.ts";
import { type IndexStatus, indexRows, toIndexStatus } from "../index-status.ts";
import { sessionMs } from "../limits.ts";
import { type Output, printable, table } from "../output.ts";
import type { CommandContext } from "./context.ts";

export interface ServerStatusFlags extends ServerFlags {
  readonly json?: boolean;
}

interface ServerStatus {
  readonly apiUrl: string | null;
  /** Whether it is this machine's own. */
  readonly embedded: boolean;
  readonly running: boolean;
  readonly version: string | null;
  /** Null for a server of another machine. */
  readonly dataDir: string | null;
  /** Null when the key does not see every container, and when the server does not answer. */
  readonly search: IndexStatus | null;
}

export async function serverStatusCommand(
  context: CommandContext,
  flags: ServerStatusFlags,
): Promise<ExitCode> {
  const status = await statusOf(context, flags);
  if (flags.json === true) context.output.json(status);
  else print(context.output, status);
  return status.running ? exitCodes.done : exitCodes.noConnection;
}

async function statusOf(context: CommandContext, flags: ServerStatusFlags): Promise<ServerStatus> {
  const { server, paths } = context.config(flags);
  const own = knownEmbeddedServer(paths);
  const isOwn =
    server.kind === "embedded" || (server.key === undefined && server.apiUrl === own?.apiUrl);
  const { dataDir } = embeddedPaths(paths);
  const place = { embedded: isOwn, dataDir: isOwn && holdsData(dataDir) ? dataDir : null };
  const away = { running: false, version: null, search: null };
  if (isOwn && own === undefined) return { apiUrl: null, ...place, ...away };
  const { apiUrl, key } = isOwn && own !== undefined ? own : remote(server);
  const answer = await ask(apiUrl, key);
  if (answer === undefined) return { apiUrl, ...place, ...away };
  return { apiUrl, ...place, running: true, ...answer };
}

function remote(server: ReturnType<CommandContext["config"]>["server"]): {
  readonly apiUrl: string;
  readonly key: string;
} {
  if (server.kind === "remote" && server.key !== undefined) {
    return { apiUrl: server.apiUrl, key: readKey(server.key).key };
  }
  throw new CliError(
    exitCodes.usage,
    "there is no key for that server",
    "give it with --key-file FILE",
  );
}

/** Undefined when nothing answers there. @throws CliError when the key is not accepted */
async function ask(
  apiUrl: string,
  key: string,
): Promise<Pick<ServerStatus, "version" | "search"> | undefined> {
  let response: Response;
  try {
    response = await fetch(`${apiUrl}${routes.capabilities.path}`, {
      headers: { authorization: `Bearer ${key}` },
      redirect: "error",
      signal: AbortSignal.timeout(sessionMs),
    });
  } catch (error) {
    if (error instanceof TypeError || error instanceof DOMException) return undefined;
    throw error;
  }
  if (response.status === 401 || response.status === 403) {
    throw new CliError(
      exitCodes.noAccess,
      `the server ${apiUrl} does not accept the key`,
      "give another one with --key-file FILE",
    );
  }
  if (!response.ok) {
    throw new CliError(
      exitCodes.failed,
      `${apiUrl} answered ${response.status}`,
      response.status === 404 ? "the hosted API does not tell its status" : "its log says more",
    );
  }
  const body = (await response.json().catch(() => null)) as { version?: unknown } | null;
  const version = typeof body?.version === "string" ? body.version : null;
  return { version, search: toIndexStatus(body) };
}

function print(output: Output, status: ServerStatus): void {
  if (status.apiUrl === null) {
    output.line("this machine's own server has not run yet: the first mount starts it");
    return;
  }
  const whose = status.embedded ? " (this machine's own)" : "";
  const rows = [
    ["server", `${status.apiUrl}${whose}: ${status.running ? "running" : "nothing answers there"}`],
    ...(status.dataDir === null ? [] : [["data", status.dataDir]]),
    ...(status.version === null ? [] : [["version", printable(status.version)]]),
    ...(status.search === null ? [] : indexRows(status.search)),
  ];
  for (const line of table(rows)) output.line(line);
}
