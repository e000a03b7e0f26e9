/**
 * `smfs server keys`: bearer keys with a scope. A key is shown once, when it is made; what is kept is its digest, so
 * nobody can ask for it again.
 */
import { resolve } from "node:path";
import { systemRandom } from "@smfs/core";
import { type ApiKey, createApiKey, listApiKeys, revokeApiKey } from "@smfs/server";
import { CliError, type ExitCode, exitCodes } from "../cli-error.ts";
import { checkContainer } from "../container.ts";
import { count, isoTime, printable, table } from "../output.ts";
import { ensurePrivateDir, writeNewPrivateFile } from "../private-files.ts";
import { type DataFlags, dataError, serverData } from "../server-data.ts";
import type { CommandContext } from "./context.ts";

export interface CreateKeyFlags extends DataFlags {
  readonly readOnly?: boolean;
  readonly strict?: boolean;
  readonly container?: readonly string[];
  readonly path?: string;
  /** Milliseconds. */
  readonly expires?: number;
  readonly out?: string;
  readonly json?: boolean;
}

export async function createKeyCommand(
  context: CommandContext,
  name: string,
  flags: CreateKeyFlags,
): Promise<ExitCode> {
  const { output, clock, cwd } = context;
  const data = serverData(context, flags);
  const request = {
    name,
    canWrite: flags.readOnly !== true,
    strict: flags.strict === true,
    ...(flags.container === undefined
      ? {}
      : { containerTags: flags.container.map(checkContainer) }),
    ...(flags.path === undefined ? {} : { pathPrefix: directory(flags.path) }),
    ...(flags.expires === undefined ? {} : { lifetimeMs: flags.expires }),
  };
  const options = { dataDir: ensurePrivateDir(data.dataDir), clock, random: systemRandom };
  const create = () =>
    createApiKey(options, request).catch((error: unknown) => {
      throw dataError(error, data);
    });
  if (flags.out === undefined) {
    const { key, ...made } = await create();
    if (flags.json === true) output.json({ ...shown(made), key });
    else {
      output.note(`${printable(name)}: ${scopeText(made)}; id ${made.id}`);
      output.line(key);
      output.note("This is the only time it is shown.");
    }
    return exitCodes.done;
  }
  const keyFile = resolve(cwd, flags.out);
  await writeNewPrivateFile(keyFile, async () => {
    const { key, ...made } = await create();
    if (flags.json === true) output.json({ ...shown(made), keyFile });
    else
      output.line(
        `${printable(name)}: ${scopeText(made)}; id ${made.id}; the key is in ${keyFile}`,
      );
    return `${key}\n`;
  });
  return exitCodes.done;
}

/** A directory as scopes name it: between slashes. */
function directory(path: string): string {
  return `/${path}/`.replace(/\/+/g, "/");
}

export interface ListKeysFlags extends DataFlags {
  readonly json?: boolean;
}

export async function listKeysCommand(
  context: CommandContext,
  flags: ListKeysFlags,
): Promise<ExitCode> {
  const { output, clock } = context;
  const data = serverData(context, flags);
  const keys = await listApiKeys(data).catch((error: unknown) => {
    throw dataError(error, data);
  });
  if (flags.json === true) {
    output.json(keys.map(shown));
    return exitCodes.done;
  }
  if (keys.length === 0) {
    output.line("there are no keys with a scope; the full key is in the server's key file");
    return exitCodes.done;
  }
  const rows = keys.map((key) => [
    key.id,
    printable(key.name),
    scopeText(key),
    key.expiresAt !== null && key.expiresAt <= clock.now() ? "ended" : "",
  ]);
  for (const line of table(rows)) output.line(line);
  return exitCodes.done;
}

export async function revokeKeyCommand(
  context: CommandContext,
  id: string,
  flags: DataFlags,
): Promise<ExitCode> {
  const data = serverData(context, flags);
  const wasThere = await revokeApiKey(data, id).catch((error: unknown) => {
    throw dataError(error, data);
  });
  if (!wasThere) {
    throw new CliError(
      exitCodes.notFound,
      `there is no key with the id ${JSON.stringify(id)}`,
      "smfs server keys list shows the ids",
    );
  }
  context.output.line(`${id} is revoked: its next request is refused`);
  return exitCodes.done;
}

/** A key as `--json` shows it. */
function shown(key: ApiKey): Readonly<Record<string, unknown>> {
  const { id, name, canWrite, isStrict, containerTags, pathPrefix, createdAt, expiresAt } = key;
  return {
    id,
    name,
    readOnly: !canWrite,
    strict: isStrict,
    containers: containerTags,
    path: pathPrefix,
    createdAt: isoTime(createdAt),
    expiresAt: expiresAt === null ? null : isoTime(expiresAt),
  };
}

/** `reads and writes notes below /public/ until 2026-12-01T00:00:00Z`. */
function scopeText({ canWrite, isStrict, containerTags, pathPrefix, expiresAt }: ApiKey): string {
  const tags = containerTags ?? [];
  const where =
    containerTags === null
      ? "every container"
      : tags.length <= 3
        ? tags.join(", ")
        : `${tags.slice(0, 2).join(", ")} and ${count(tags.length - 2, "other")}`;
  return [
    canWrite ? "reads and writes" : "reads",
    where,
    ...(pathPrefix === null ? [] : [`below ${printable(pathPrefix)}`]),
    ...(isStrict ? ["under conditions only"] : []),
    ...(expiresAt === null ? [] : [`until ${isoTime(expiresAt)}`]),
  ].join(" ");
}
