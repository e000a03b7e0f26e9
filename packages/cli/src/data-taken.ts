/** A server found its data served by another one: whoever started it may use that, or wait for it to end. */
import { CliError, exitCodes } from "./cli-error.ts";

const words = "another server serves the data in ";

export function dataTaken(dataDir: string): CliError {
  return new CliError(
    exitCodes.conflict,
    `${words}${dataDir}`,
    "use that one, or choose other data with --data DIR",
  );
}

/** Known by its words: it may have come from another process. */
export function isDataTaken(error: unknown): error is CliError {
  return error instanceof CliError && error.message.startsWith(words);
}
