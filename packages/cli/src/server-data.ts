/** Which server's data a command means, and what can stand in its way. */
import { type Clock, silentLogger, systemRandom } from "@smfs/core";
import { type DataOptions, holdsData } from "@smfs/server";
import { CliError, exitCodes } from "./cli-error.ts";
import type { CommandContext } from "./commands/context.ts";
import { serverEnvironment } from "./config.ts";
import { type EmbeddedPaths, embeddedPaths } from "./embedded-server.ts";
import { loadServerConfig } from "./server-config.ts";

/** Options of every command that works on data. */
export interface DataFlags {
  readonly data?: string;
  readonly config?: string;
}

export interface ServerData {
  readonly dataDir: string;
  /** Set when the data is that of this machine's own server. */
  readonly embedded: EmbeddedPaths | undefined;
}

/** The directory that `--data` names, else the configuration, else the embedded server's. */
export function serverData(context: CommandContext, flags: DataFlags): ServerData {
  const { paths } = context.config();
  const places = { configDir: paths.config, cwd: context.cwd };
  const { dataDir } = loadServerConfig(flags, serverEnvironment(), places);
  const embedded = embeddedPaths(paths);
  if (dataDir === undefined || dataDir === embedded.dataDir) {
    return { dataDir: embedded.dataDir, embedded };
  }
  return { dataDir, embedded: undefined };
}

/** @throws CliError when there is no data */
export function needData({ dataDir }: ServerData): void {
  if (holdsData(dataDir)) return;
  throw new CliError(
    exitCodes.notFound,
    `there is no server's data in ${dataDir}`,
    "--data DIR names another directory; the first mount, or smfs serve, makes one",
  );
}

/** What the server's functions on data are given. */
export function dataOptions(dataDir: string, clock: Clock): DataOptions {
  return { dataDir, clock, random: systemRandom, logger: silentLogger };
}

/** A failure of these functions as a sentence with what to do; anything else as it is. */
export function dataError(error: unknown, { embedded }: ServerData): unknown {
  if (!(error instanceof Error)) return error;
  switch (error.name) {
    case "DataLockedError":
      return new CliError(
        exitCodes.conflict,
        error.message,
        embedded === undefined ? "end that server first" : "end it first: smfs server stop",
      );
    case "NotEmptyError":
      return new CliError(exitCodes.failed, error.message);
    case "NoDataError":
      return new CliError(exitCodes.notFound, error.message);
    case "RangeError":
      return new CliError(exitCodes.usage, error.message);
    case "NewerDataError":
      return new CliError(exitCodes.conflict, error.message, (error as { hint?: string }).hint);
    default:
      return error;
  }
}
