/** Ends this machine's own server. */
import type { Clock } from "@smfs/core";
import { CliError, exitCodes } from "./cli-error.ts";
import { readServerRecord, type ServerRecord } from "./embedded-server.ts";
import { lookMs, serverStopMs } from "./limits.ts";
import { isSameProcess } from "./processes.ts";

/**
 * Asks the server to end, and waits until it has: requests that run are finished first.
 * @returns the record of the process that was ended; undefined when none ran
 * @throws CliError when it does not end
 */
export async function stopServer(
  recordFile: string,
  clock: Clock,
): Promise<ServerRecord | undefined> {
  const record = readServerRecord(recordFile);
  if (record === undefined || !isSameProcess(record)) return undefined;
  try {
    process.kill(record.pid, "SIGTERM");
  } catch (error) {
    // It has just ended by itself.
    if ((error as NodeJS.ErrnoException).code !== "ESRCH") throw error;
  }
  const until = clock.monotonic() + serverStopMs;
  while (isSameProcess(record)) {
    if (clock.monotonic() >= until) {
      throw new CliError(
        exitCodes.failed,
        `the server (pid ${record.pid}) has not ended after ${serverStopMs / 1000} s`,
        `kill -9 ${record.pid} ends it; nothing that it acknowledged is lost`,
      );
    }
    await clock.sleep(lookMs);
  }
  return record;
}
