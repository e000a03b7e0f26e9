/** `smfs server stop` and `restart`: this machine's own server. */
import { CliError, type ExitCode, exitCodes } from "../cli-error.ts";
import { embeddedPaths, ensureEmbeddedServer } from "../embedded-server.ts";
import { stopServer } from "../embedded-stop.ts";
import { isAlive, readMountRecords } from "../mount-records.ts";
import { count } from "../output.ts";
import type { CommandContext } from "./context.ts";

export async function stopCommand(context: CommandContext): Promise<ExitCode> {
  const { output, clock } = context;
  const { paths } = context.config();
  const users = readMountRecords(paths).filter((record) => record.embedded && isAlive(record));
  const [first] = users;
  if (first !== undefined) {
    throw new CliError(
      exitCodes.conflict,
      `${count(users.length, "mount")} of this machine would start it again, ${first.path} for one`,
      "unmount first (smfs list names them), or let it begin anew: smfs server restart",
    );
  }
  const ended = await stopServer(embeddedPaths(paths).recordFile, clock);
  output.line(
    ended === undefined
      ? "no server of this machine runs"
      : `the server on ${ended.apiUrl} has ended`,
  );
  return exitCodes.done;
}

/** Ends the server and starts it: with other settings, or after another version was installed. Mounts go on. */
export async function restartCommand(context: CommandContext): Promise<ExitCode> {
  const { output, clock } = context;
  const { paths } = context.config();
  output.progress("ending the memory server of this machine");
  await stopServer(embeddedPaths(paths).recordFile, clock);
  // A mount may have been quicker: then it is its server that is found.
  const { apiUrl } = await ensureEmbeddedServer(paths, clock, (text) => output.progress(text));
  output.line(`the server runs on ${apiUrl}`);
  return exitCodes.done;
}
