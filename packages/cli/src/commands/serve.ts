/** `smfs serve`: the memory server in the foreground, for other programs, service managers and other machines. */
import { hostname } from "node:os";
import { join } from "node:path";
import { systemRandom } from "@smfs/core";
import { isLoopback } from "@smfs/server";
import { CliError, type ExitCode, exitCodes } from "../cli-error.ts";
import { serverEnvironment } from "../config.ts";
import { type Credentials, generatedKey, readKey } from "../credentials.ts";
import { isDataTaken } from "../data-taken.ts";
import { embeddedPaths, endServerRecord, writeServerRecord } from "../embedded-server.ts";
import { type RunningServer, refuseOpenDoors, runMemoryServer } from "../memory-server.ts";
import type { Output } from "../output.ts";
import { ensurePrivateDir } from "../private-files.ts";
import { openServeLog, type ServeLog } from "../serve-log.ts";
import {
  type EmbedderSetting,
  loadServerConfig,
  type ServerConfig,
  type ServerConfigFlags,
} from "../server-config.ts";
import { onceSignalled } from "../signals.ts";
import { type Certificate, daysLeft, readTls, refuseReadable, watchTls } from "../tls-files.ts";
import type { CommandContext } from "./context.ts";

export async function serveCommand(
  context: CommandContext,
  options: ServerConfigFlags,
): Promise<ExitCode> {
  const { output, cwd } = context;
  const { paths } = context.config();
  const places = { configDir: paths.config, cwd };
  const config = loadServerConfig(options, serverEnvironment(), places);
  const embedded = embeddedPaths(paths);
  const certificate = config.tls && readTls(config.tls);
  refuseOpenDoors({ ...config, tls: certificate });
  const given = givenKey(config);
  const dataDir = ensurePrivateDir(config.dataDir ?? embedded.dataDir);
  const { key, keyFile } = given ?? ownKey(dataDir);
  const log = openServeLog({
    level: config.logLevel,
    file: config.logFile,
    isTerminal: process.stderr.isTTY === true,
    output,
  });
  try {
    const server = await runMemoryServer({
      ...config,
      dataDir,
      key,
      tls: certificate,
      portTries: 0,
      logger: log,
    }).catch((error: unknown) => {
      if (!isDataTaken(error) || dataDir !== embedded.dataDir) throw error;
      const hint =
        "use that one, end it with smfs server stop, or choose other data with --data DIR";
      throw new CliError(exitCodes.conflict, error.message, hint);
    });
    // Mounts of this machine's own server use this one, while it serves their data where they can reach it.
    const isTheirs = dataDir === embedded.dataDir && keyFile === embedded.keyFile;
    const isNoted = isTheirs && certificate === undefined && isLoopback(config.host);
    if (isNoted) writeServerRecord(embedded.recordFile, server);
    printReady(output, config, { server, certificate, dataDir, keyFile });
    await untilEnded(context, { config, server, certificate, log });
    if (isNoted) endServerRecord(embedded.recordFile);
  } finally {
    log.close();
  }
  return exitCodes.done;
}

/** The given key, or the key in the given file. */
function givenKey({ key }: ServerConfig): Credentials | undefined {
  const given = key && readKey(key);
  if (typeof given?.keyFile === "string") refuseReadable(given.keyFile, "the key");
  return given;
}

/** A key that is generated at the first start and kept with the data. */
function ownKey(dataDir: string): Credentials {
  const keyFile = join(dataDir, "key");
  return { key: generatedKey(keyFile, systemRandom), keyFile };
}

interface Serving {
  readonly config: ServerConfig;
  readonly server: RunningServer;
  readonly certificate: Certificate | undefined;
  readonly log: ServeLog;
}

async function untilEnded(context: CommandContext, serving: Serving): Promise<void> {
  const { output, clock } = context;
  const { config, server, certificate, log } = serving;
  let stopWatching = (): void => undefined;
  if (config.tls !== undefined && certificate !== undefined) {
    const left = daysLeft(certificate, clock);
    if (left < 0) log.log("warn", "the certificate has ended", { daysLeft: left });
    const use = (renewed: Certificate) => server.useTls(renewed);
    stopWatching = watchTls({ files: config.tls, first: certificate, use, clock, log });
  }
  const signal = await onceSignalled();
  output.note("ending");
  log.log("info", "the memory server ends", { signal });
  stopWatching();
  await server.close();
}

interface Ready {
  readonly server: RunningServer;
  readonly certificate: Certificate | undefined;
  readonly dataDir: string;
  readonly keyFile: string | null;
}

function printReady(output: Output, config: ServerConfig, ready: Ready): void {
  const { server, certificate, dataDir, keyFile } = ready;
  const url = config.publicUrl ?? reachableUrl(server, config.host, certificate);
  output.line(`memory server on ${output.bold(server.apiUrl)}`);
  output.line(`  data      ${dataDir}`);
  output.line(`  key       ${keyFile === null ? "as given" : `in ${keyFile}`}`);
  output.line(`  embedder  ${embedderText(config.index.embedder)}`);
  if (config.auth === "loopback") {
    output.line("  access    programs on this machine need no key");
  }
  if (!isLoopback(config.host) && certificate === undefined) {
    output.line("  no TLS    keys and contents travel in the clear up to a proxy that speaks it");
  }
  output.line("");
  output.line("Mount from it:");
  output.line(`  smfs mount notes --api-url ${url} --key-file ${keyFile ?? "FILE"}`);
  output.line("Ctrl-C ends it.");
}

/** An address that others can use, where the server listens on all of this machine's. */
function reachableUrl(
  { apiUrl, port }: RunningServer,
  host: string,
  certificate: Certificate | undefined,
): string {
  const isEverywhere = host === "0.0.0.0" || host === "::";
  if (!isEverywhere && certificate === undefined) return apiUrl;
  const name = certificate?.name ?? (isEverywhere ? hostname() : undefined);
  if (name === undefined || name.includes("*")) return apiUrl;
  return `${certificate === undefined ? "http" : "https"}://${name}:${port}`;
}

function embedderText(embedder: EmbedderSetting): string {
  switch (embedder.kind) {
    case "static":
      return "built in";
    case "minilm":
      return embedder.isAsked
        ? "minilm, sharpening in the background"
        : "built in; minilm sharpens in the background where it is installed";
    case "endpoint":
      return `${embedder.model} at ${embedder.baseUrl}: texts are sent there`;
  }
}
