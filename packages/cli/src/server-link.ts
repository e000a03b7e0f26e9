/** What a server says of itself before anything is mounted: who we are there, and which server it is. */
import { createHash } from "node:crypto";
import { join } from "node:path";
import { CliError, exitCodes } from "./cli-error.ts";
import type { Paths } from "./config.ts";
import { sessionMs } from "./limits.ts";
import { readJsonObject, writePrivateFile } from "./private-files.ts";

export interface Account {
  /** Stays the same for the life of the server's data (http-api.md, session). */
  readonly orgId: string;
  readonly orgName: string | null;
  readonly userId: string | null;
  readonly userName: string | null;
}

export interface ServerAddress {
  readonly apiUrl: string;
  readonly key: string;
  readonly embedded: boolean;
}

/**
 * Asks the server who we are.
 * @throws CliError: no connection, a wrong key, or something that is not this kind of server
 */
export async function fetchAccount({ apiUrl, key }: ServerAddress): Promise<Account> {
  let response: Response;
  try {
    response = await fetch(`${apiUrl}/v3/session`, {
      headers: { authorization: `Bearer ${key}` },
      redirect: "error",
      signal: AbortSignal.timeout(sessionMs),
    });
  } catch (error) {
    throw new CliError(
      exitCodes.noConnection,
      `the server ${apiUrl} cannot be reached: ${cause(error)}`,
      "is it running, and is the address right? --api-url sets it; without it smfs uses the memory server of this machine",
    );
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
      exitCodes.noConnection,
      `the server ${apiUrl} answered ${response.status} to the question who we are`,
      response.status === 404 ? "is this the address of a memory server?" : "try again later",
    );
  }
  return toAccount(await response.json().catch(() => undefined), apiUrl);
}

/** The reason inside an error of fetch, in one line. */
function cause(error: unknown): string {
  if (error instanceof DOMException && error.name === "TimeoutError") {
    return `no answer in ${sessionMs / 1000} s`;
  }
  const inner = (error as { cause?: { code?: unknown; message?: unknown } }).cause;
  if (inner?.code === "ECONNREFUSED") return "nothing listens there";
  if (inner?.code === "ENOTFOUND" || inner?.code === "EAI_AGAIN") return "its name is not known";
  if (typeof inner?.message === "string" && inner.message !== "") return inner.message;
  return error instanceof Error ? error.message : String(error);
}

function toAccount(body: unknown, apiUrl: string): Account {
  const session = body as {
    org?: { id?: unknown; name?: unknown };
    user?: { id?: unknown; name?: unknown };
  } | null;
  const orgId = session?.org?.id;
  if (typeof orgId !== "string" || orgId === "") {
    throw new CliError(
      exitCodes.failed,
      `${apiUrl} does not answer like a memory server`,
      "is this the right address?",
    );
  }
  const text = (value: unknown): string | null => (typeof value === "string" ? value : null);
  return {
    orgId,
    orgName: text(session?.org?.name),
    userId: text(session?.user?.id),
    userName: text(session?.user?.name),
  };
}

/**
 * Names a server's data, for the names of stores. The embedded server may come up at another port, so it counts
 * by its data alone; any other server by its address too, since a copy of its data is another server.
 */
export function serverIdentity(server: ServerAddress, orgId: string): string {
  return server.embedded ? `embedded ${orgId}` : `${server.apiUrl} ${orgId}`;
}

/** Accounts seen earlier, so that a container can be mounted while its server is away. */
const accountsFile = (paths: Paths): string => join(paths.state, "accounts.json");

/** The key is not kept: only what it hashes to, together with the address. */
function accountKey(server: ServerAddress): string {
  const where = server.embedded ? "embedded" : server.apiUrl;
  return createHash("sha256").update(`${where}\n${server.key}`).digest("hex").slice(0, 32);
}

export function rememberAccount(paths: Paths, server: ServerAddress, account: Account): void {
  const known = readJsonObject(accountsFile(paths)) ?? {};
  const text = JSON.stringify({ ...known, [accountKey(server)]: account }, null, 2);
  writePrivateFile(accountsFile(paths), `${text}\n`);
}

export function recallAccount(paths: Paths, server: ServerAddress): Account | undefined {
  const noted = readJsonObject(accountsFile(paths))?.[accountKey(server)];
  const orgId = (noted as Partial<Account> | undefined)?.orgId;
  return typeof orgId === "string" ? (noted as Account) : undefined;
}
