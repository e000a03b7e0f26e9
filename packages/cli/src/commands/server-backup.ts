/** `smfs server backup`, `restore` and `check`: copies of a server's data, and whether it is whole. */
import { resolve } from "node:path";
import { backUpData, checkData, type Restored, restoreData } from "@smfs/server";
import { CliError, type ExitCode, exitCodes } from "../cli-error.ts";
import { stopServer } from "../embedded-stop.ts";
import { bytes, count, printable } from "../output.ts";
import {
  type DataFlags,
  dataError,
  dataOptions,
  needData,
  type ServerData,
  serverData,
} from "../server-data.ts";
import type { CommandContext } from "./context.ts";

export async function backupCommand(
  context: CommandContext,
  directory: string,
  options: DataFlags,
): Promise<ExitCode> {
  const { output, cwd } = context;
  const data = serverData(context, options);
  needData(data);
  const target = resolve(cwd, directory);
  output.progress(`copying ${data.dataDir}`);
  try {
    const size = await backUpData(data.dataDir, target);
    output.line(`${count(size.documents, "document")}, ${bytes(size.bytes)} copied to ${target}`);
  } catch (error) {
    if ((error as Error).name !== "NotEmptyError") throw dataError(error, data);
    throw new CliError(
      exitCodes.failed,
      `${target} is not empty`,
      "a backup needs a directory of its own: name one that is not there yet",
    );
  }
  output.note(
    "The full key is not in it: keep that apart, or give clients the one made at the next start.",
  );
  return exitCodes.done;
}

export interface RestoreFlags extends DataFlags {
  readonly replace?: boolean;
  readonly force?: boolean;
}

/** Files beside the data that belong to the place, not to its documents. */
const keptFiles = ["key", "server.json"] as const;
/** Times that a server which somebody starts again is ended. */
const stopsMax = 5;

export async function restoreCommand(
  context: CommandContext,
  backup: string,
  flags: RestoreFlags,
): Promise<ExitCode> {
  const { output, cwd } = context;
  const data = serverData(context, flags);
  const directory = resolve(cwd, backup);
  output.progress(`restoring ${directory}`);
  const restored = await restore(context, { data, directory, flags });
  const { problems, isInPlace, previous, documents } = restored;
  for (const problem of problems) output.line(printable(problem));
  if (!isInPlace) {
    throw new CliError(
      exitCodes.failed,
      `the copy is damaged: ${count(problems.length, "problem")}; nothing was changed`,
      "another copy may be whole; --force restores this one as it is",
    );
  }
  output.line(`${count(documents, "document")} restored to ${data.dataDir}`);
  if (previous !== undefined) output.line(`what was there before is in ${previous}`);
  output.note("Keys that were revoked since the copy was made work again: smfs server keys list");
  return problems.length === 0 ? exitCodes.done : exitCodes.failed;
}

async function restore(
  { clock }: CommandContext,
  what: { readonly data: ServerData; readonly directory: string; readonly flags: RestoreFlags },
): Promise<Restored> {
  const { data, directory, flags } = what;
  const { replace = false, force = false } = flags;
  const options = { ...dataOptions(data.dataDir, clock), replace, force, keep: keptFiles };
  for (let stops = 0; ; stops += 1) {
    try {
      return await restoreData(options, directory);
    } catch (error) {
      const { name } = error as Error;
      // Mounts start their server again as soon as they miss it; while its data is restored it has to wait.
      const isOurs = name === "DataLockedError" && replace && data.embedded !== undefined;
      if (isOurs && stops < stopsMax) await stopServer(data.embedded.recordFile, clock);
      else if (name === "NotEmptyError") throw notEmpty(data);
      else throw dataError(error, data);
    }
  }
}

function notEmpty({ dataDir }: ServerData): CliError {
  return new CliError(
    exitCodes.failed,
    `there is something in ${dataDir} already`,
    "--replace moves it aside; --data DIR names another directory",
  );
}

export interface CheckFlags extends DataFlags {
  readonly json?: boolean;
}

export async function checkCommand(context: CommandContext, flags: CheckFlags): Promise<ExitCode> {
  const { output, clock } = context;
  const data = serverData(context, flags);
  needData(data);
  output.progress(`reading all of ${data.dataDir}`);
  const problems = await checkData(dataOptions(data.dataDir, clock)).catch((error: unknown) => {
    throw dataError(error, data);
  });
  if (flags.json === true) output.json({ dataDir: data.dataDir, problems });
  else if (problems.length === 0) output.line(`${data.dataDir} is whole`);
  else for (const problem of problems) output.line(printable(problem));
  if (problems.length === 0) return exitCodes.done;
  if (flags.json !== true) {
    output.note(`smfs: ${count(problems.length, "problem")} in ${data.dataDir}`);
    output.note(
      "  docs/operations.md says what can be done; a backup: smfs server restore DIR --replace",
    );
  }
  return exitCodes.failed;
}
