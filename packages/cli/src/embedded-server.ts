/**
 * The memory server of this machine: found when it runs, started when it does not. Detached, on loopback, with a
 * generated key. Every mount with the same XDG directories uses the same one.
 */
import { join } from "node:path";
import { type Clock, systemRandom } from "@smfs/core";
import { CliError, exitCodes } from "./cli-error.ts";
import { type Paths, serverEnvironment } from "./config.ts";
import { generatedKey } from "./credentials.ts";
import { launch } from "./daemon/launch.ts";
import { isDataTaken } from "./data-taken.ts";
import { healthMs, lookMs, serverPort, serverStartMs } from "./limits.ts";
import { ensurePrivateDir, readJsonObject, writePrivateFile } from "./private-files.ts";
import { isSameProcess, processIdentity } from "./processes.ts";
import { type IndexSettings, loadServerConfig } from "./server-config.ts";

/** Where the embedded server keeps its things. */
export interface EmbeddedPaths {
  readonly dataDir: string;
  readonly keyFile: string;
  /** Which process serves this data, and where; written by that process. */
  readonly recordFile: string;
  readonly logFile: string;
}

export interface ServerRecord {
  readonly pid: number;
  readonly started: string;
  readonly apiUrl: string;
  readonly port: number;
}

/** Settings of the server process, sent to it when it is launched. */
export interface ServerProcessSettings {
  readonly dataDir: string;
  readonly recordFile: string;
  readonly logFile: string;
  readonly key: string;
  /** The port to try first. */
  readonly port: number;
  readonly index: IndexSettings;
}

export function embeddedPaths(paths: Paths): EmbeddedPaths {
  const dataDir = join(paths.data, "server");
  return {
    dataDir,
    keyFile: join(dataDir, "key"),
    recordFile: join(dataDir, "server.json"),
    logFile: join(paths.state, "logs", "server.log"),
  };
}

/** The record of the server process, whether it still runs or not. */
export function readServerRecord(file: string): ServerRecord | undefined {
  const value = readJsonObject(file);
  if (value === undefined) return undefined;
  const { pid, started, apiUrl, port } = value;
  if (typeof pid !== "number" || typeof started !== "string") return undefined;
  if (typeof apiUrl !== "string" || typeof port !== "number") return undefined;
  return { pid, started, apiUrl, port };
}

/** Notes which process serves the embedded server's data, and where: this one. */
export function writeServerRecord(file: string, served: { apiUrl: string; port: number }): void {
  const started = processIdentity(process.pid)?.started ?? "";
  const { apiUrl, port } = served;
  const record: ServerRecord = { pid: process.pid, started, apiUrl, port };
  writePrivateFile(file, `${JSON.stringify(record, null, 2)}\n`);
}

/** The port is kept for the next start; the process is not there any more. */
export function endServerRecord(file: string): void {
  const record = readServerRecord(file);
  if (record?.pid !== process.pid) return;
  writePrivateFile(file, `${JSON.stringify({ ...record, started: "" }, null, 2)}\n`);
}

/** Address and key of the embedded server, whether it runs or not; undefined before its first start. */
export function knownEmbeddedServer(
  paths: Paths,
): { readonly apiUrl: string; readonly key: string; readonly keyFile: string } | undefined {
  const { recordFile, keyFile } = embeddedPaths(paths);
  const record = readServerRecord(recordFile);
  if (record === undefined) return undefined;
  return { apiUrl: record.apiUrl, key: generatedKey(keyFile, systemRandom), keyFile };
}

/**
 * The embedded server, running.
 * @throws CliError when it cannot be started
 */
export async function ensureEmbeddedServer(
  paths: Paths,
  clock: Clock,
  onProgress: (text: string) => void,
): Promise<{ readonly apiUrl: string; readonly key: string; readonly keyFile: string }> {
  const { dataDir, keyFile, recordFile, logFile } = embeddedPaths(paths);
  ensurePrivateDir(dataDir);
  ensurePrivateDir(join(paths.state, "logs"));
  const key = generatedKey(keyFile, systemRandom);
  const running = await runningServer(recordFile);
  if (running !== undefined) return { apiUrl: running.apiUrl, key, keyFile };

  onProgress("starting the memory server of this machine");
  const port = readServerRecord(recordFile)?.port ?? serverPort;
  const places = { configDir: paths.config, cwd: process.cwd() };
  const { index } = loadServerConfig({}, serverEnvironment(), places);
  const settings: ServerProcessSettings = { dataDir, recordFile, logFile, key, port, index };
  const until = clock.monotonic() + serverStartMs;
  for (;;) {
    try {
      const { apiUrl } = await launch<{ apiUrl: string }>({
        entry: new URL("./server-process.js", import.meta.url),
        args: ["smfs-server", dataDir],
        settings,
        logFile,
        timeoutMs: serverStartMs,
        clock,
        onProgress,
      });
      return { apiUrl, key, keyFile };
    } catch (error) {
      if (!(error instanceof CliError)) throw error;
      if (isDataTaken(error) && clock.monotonic() < until) {
        // Two mounts may start it at one time: the one that comes second uses the other's. Each may also have been in
        // the other's way, so that neither runs: they try again, not at the same moment.
        const other = await waitForOther(recordFile, clock, otherMs(process.pid));
        if (other !== undefined) return { apiUrl: other.apiUrl, key, keyFile };
        continue;
      }
      throw new CliError(
        exitCodes.failed,
        `the memory server of this machine did not start: ${error.message}`,
        error.hint ?? `its log is ${logFile}`,
      );
    }
  }
}

/** Milliseconds to wait for another process's server: others wait for another time. */
function otherMs(pid: number): number {
  return healthMs + (pid % 8) * 250;
}

/** The record of a server that runs and answers. */
async function runningServer(recordFile: string): Promise<ServerRecord | undefined> {
  const record = readServerRecord(recordFile);
  if (record === undefined || !isSameProcess(record)) return undefined;
  return (await answers(record.apiUrl)) ? record : undefined;
}

async function waitForOther(
  recordFile: string,
  clock: Clock,
  waitMs: number,
): Promise<ServerRecord | undefined> {
  const until = clock.monotonic() + waitMs;
  while (clock.monotonic() < until) {
    const record = await runningServer(recordFile);
    if (record !== undefined) return record;
    await clock.sleep(lookMs);
  }
  return undefined;
}

/** Whether an HTTP server answers at all; `GET /` needs no key (http-api.md). */
export async function answers(apiUrl: string): Promise<boolean> {
  try {
    const response = await fetch(`${apiUrl}/`, { signal: AbortSignal.timeout(healthMs) });
    await response.body?.cancel();
    return response.ok;
  } catch (error) {
    if (error instanceof TypeError || error instanceof DOMException) return false;
    throw error;
  }
}
