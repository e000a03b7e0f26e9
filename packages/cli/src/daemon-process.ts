/** The detached daemon's process: launched by `smfs mount`. */
import type { DaemonSettings } from "./daemon/daemon-settings.ts";
import {
  onceAbandoned,
  receiveSettings,
  tellFailed,
  tellProgress,
  tellReady,
} from "./daemon/launched.ts";
import { LogFile } from "./daemon/log-file.ts";
import { runDaemon } from "./daemon/run.ts";

const settings = await receiveSettings<DaemonSettings>();
const log = new LogFile(settings.logFile, { level: settings.logLevel });
let code: number;
try {
  code = await runDaemon(settings, log, {
    onProgress: tellProgress,
    onReady: tellReady,
    abandoned: onceAbandoned(),
  });
} catch (error) {
  log.log("error", "the daemon failed", { error: String((error as Error).stack ?? error) });
  await tellFailed(error);
  code = 1;
} finally {
  log.close();
}
// Everything is closed and joined: what is left are idle connections and timers that nobody waits for.
process.exit(code);
