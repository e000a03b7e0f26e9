/** The embedded memory server's process: launched by the first mount that needs it, ended by a signal. */
import { CliError } from "./cli-error.ts";
import { receiveSettings, tellFailed, tellReady } from "./daemon/launched.ts";
import { LogFile } from "./daemon/log-file.ts";
import { isDataTaken } from "./data-taken.ts";
import {
  endServerRecord,
  type ServerProcessSettings,
  writeServerRecord,
} from "./embedded-server.ts";
import { serverPort, serverPortTriesMax } from "./limits.ts";
import { type RunningServer, runMemoryServer } from "./memory-server.ts";
import { onceSignalled } from "./signals.ts";

async function main(): Promise<void> {
  const settings = await receiveSettings<ServerProcessSettings>();
  const log = new LogFile(settings.logFile, {});
  try {
    const server = await start(settings, log);
    writeServerRecord(settings.recordFile, server);
    log.log("info", "the memory server is ready", { apiUrl: server.apiUrl });
    await tellReady({ apiUrl: server.apiUrl });
    const signal = await onceSignalled();
    log.log("info", "the memory server ends", { signal });
    await server.close();
    endServerRecord(settings.recordFile);
  } catch (error) {
    if (isDataTaken(error)) log.log("info", "another server was quicker");
    else {
      log.log("error", "the memory server failed", {
        error: String((error as Error).stack ?? error),
      });
    }
    await tellFailed(error);
    process.exitCode = 1;
  } finally {
    log.close();
  }
}

/** The port of the last time first, so that addresses stay; then the usual one and those after it. */
async function start(settings: ServerProcessSettings, logger: LogFile): Promise<RunningServer> {
  const { dataDir, key, port, index } = settings;
  const common = { dataDir, key, index, logger };
  try {
    return await runMemoryServer({ ...common, port, portTries: 0 });
  } catch (error) {
    const isTaken = error instanceof CliError && /^port \d+ is in use$/.test(error.message);
    if (!isTaken) throw error;
    return await runMemoryServer({ ...common, port: serverPort, portTries: serverPortTriesMax });
  }
}

await main();
