/** `smfs mount`: makes a container a directory. Checks everything that can be checked, then starts the daemon. */
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import {
  capabilityNames,
  isStale,
  unmountFuse,
  type Without,
  withoutCapabilities,
} from "@smfs/fuse";
import { type FileDurability, IgnoreRules, ignoreBytesMax } from "@smfs/store";
import { CliError, type ExitCode, exitCodes } from "../cli-error.ts";
import { type Config, fuseWithout, type Paths, type ServerFlags } from "../config.ts";
import { checkContainer, ephemeralId, storeId } from "../container.ts";
import { isReadableByOthers } from "../credentials.ts";
import type { DaemonSettings } from "../daemon/daemon-settings.ts";
import { launch } from "../daemon/launch.ts";
import type { MountReady } from "../daemon/run.ts";
import { socketPathBytesMax } from "../limits.ts";
import { prepareMountPoint } from "../mount-point.ts";
import { isAlive, readMountRecords, removeMountRecord } from "../mount-records.ts";
import { ensurePrivateDir } from "../private-files.ts";
import { type ResolvedServer, resolveServer } from "../resolve-server.ts";
import {
  type Account,
  fetchAccount,
  recallAccount,
  rememberAccount,
  serverIdentity,
} from "../server-link.ts";
import type { CommandContext } from "./context.ts";

export interface MountOptions extends ServerFlags {
  readonly path?: string;
  readonly foreground?: boolean;
  /** False with --no-sync. */
  readonly sync: boolean;
  readonly offline?: boolean;
  /** False with --no-import. */
  readonly import: boolean;
  readonly syncInterval: number;
  readonly deletionScanInterval: number;
  readonly startupTimeout: number;
  readonly drainTimeout: number;
  readonly memoryPaths?: readonly string[];
  readonly allowOther?: boolean;
  readonly readOnly?: boolean;
  readonly ephemeral?: boolean;
  readonly durability: FileDurability;
  readonly cacheSize?: number;
  /** File of patterns, relative to the current directory. */
  readonly ignoreFile?: string;
  readonly verbose?: boolean;
}

export async function mountCommand(
  context: CommandContext,
  name: string,
  options: MountOptions,
): Promise<ExitCode> {
  const { output, clock } = context;
  const container = checkContainer(name);
  if (process.platform !== "linux") {
    throw new CliError(
      exitCodes.failed,
      `mounting needs FUSE as Linux has it; this is ${process.platform}`,
      "smfs serve and smfs grep --tag work here",
    );
  }
  if (options.ephemeral === true && options.offline === true) {
    throw new CliError(
      exitCodes.usage,
      "--ephemeral and --offline contradict each other: nothing could be sent, and nothing is to stay here",
      "leave one of them out",
    );
  }
  const without = leftUnused(fuseWithout());
  const config = context.config(options);
  const say = (text: string) => output.progress(text);
  const offline = options.offline === true;
  const server = await resolveServer(config, clock, say, { offline });
  if (server.keyFile !== null && isReadableByOthers(server.keyFile)) {
    output.note(
      `warning: others on this machine can read ${server.keyFile}; chmod 600 makes it yours`,
    );
  }
  const account = await identify(context, config.paths, server, container, offline);
  const settings = prepare(context, config.paths, { container, server, account, without }, options);
  if (options.foreground === true) {
    const { runInForeground } = await import("../daemon/run.ts");
    return await runInForeground(settings, (ready) => printReady(context, config, settings, ready));
  }
  say(`mounting ${container}`);
  const ready = await launch<MountReady>({
    entry: new URL("../daemon-process.js", import.meta.url),
    args: ["smfs-daemon", container, settings.mountPath],
    settings,
    logFile: settings.logFile,
    // The daemon itself bounds what it waits for; this is for one that hangs.
    timeoutMs: options.startupTimeout * 1000 + 30_000,
    clock,
    onProgress: say,
  });
  printReady(context, config, settings, ready);
  return exitCodes.done;
}

/** Who we are at the server; from memory when it cannot be asked and was asked before. */
async function identify(
  { output }: CommandContext,
  paths: Paths,
  server: ResolvedServer,
  container: string,
  offline: boolean,
): Promise<Account> {
  const known = recallAccount(paths, server);
  if (offline) {
    if (known !== undefined) return known;
    throw new CliError(
      exitCodes.noConnection,
      `${server.apiUrl} was never connected to from here, so nothing of ${container} is on this machine`,
      "mount it once without --offline",
    );
  }
  try {
    const account = await fetchAccount(server);
    rememberAccount(paths, server, account);
    return account;
  } catch (error) {
    const isAway = error instanceof CliError && error.exitCode === exitCodes.noConnection;
    if (!isAway || known === undefined) throw error;
    output.note(`${error.message}; going on with what is on this machine`);
    return known;
  }
}

function prepare(
  context: CommandContext,
  paths: Paths,
  found: { container: string; server: ResolvedServer; account: Account; without: Without },
  options: MountOptions,
): DaemonSettings {
  const { container, server, account, without } = found;
  const kept = storeId(container, serverIdentity(server, account.orgId));
  const id = options.ephemeral === true ? ephemeralId(kept) : kept;
  refuseSecond(paths, id);
  const storeDir = ensurePrivateDir(join(paths.data, "stores", id));
  const logDir = ensurePrivateDir(join(paths.state, "logs"));
  const mountPath = prepareMountPoint(resolve(context.cwd, options.path ?? container), {
    paths,
    overFiles: !options.import,
    say: (text) => context.output.note(text),
  });
  return {
    paths,
    id,
    container,
    mountPath,
    server,
    account,
    storeDir,
    socket: socketPath(paths, id),
    logFile: join(logDir, `${id}.log`),
    logLevel: options.verbose === true ? "debug" : "info",
    pull: options.sync && options.offline !== true,
    push: options.offline !== true,
    syncIntervalS: options.syncInterval,
    deletionScanIntervalS: options.deletionScanInterval,
    startupTimeoutS: options.startupTimeout,
    drainTimeoutS: options.drainTimeout,
    memoryPaths: options.memoryPaths,
    overFiles: !options.import,
    allowOther: options.allowOther === true,
    readOnly: options.readOnly === true,
    ephemeral: options.ephemeral === true,
    durability: options.durability,
    cacheBytes: options.cacheSize,
    ignorePatterns: readIgnoreFile(context.cwd, options.ignoreFile),
    fuseWithout: without,
  };
}

/** @throws CliError for a name that is none, before anything is started */
function leftUnused(names: readonly string[]): Without {
  const without = withoutCapabilities(names);
  if (!("unknown" in without)) return without;
  throw new CliError(
    exitCodes.usage,
    `SMFS_FUSE_WITHOUT: ${JSON.stringify(without.unknown)} is not the name of a capability`,
    `these are: ${capabilityNames.join(", ")}`,
  );
}

/** Patterns of --ignore-file; none without it. Read before anything is started. */
function readIgnoreFile(cwd: string, file: string | undefined): string {
  if (file === undefined) return "";
  const path = resolve(cwd, file);
  let text: string;
  try {
    text = readFileSync(path, "utf8");
  } catch (error) {
    throw new CliError(
      exitCodes.usage,
      `--ignore-file ${file} cannot be read: ${(error as NodeJS.ErrnoException).code ?? "unknown"}`,
      "name a file with one pattern a line, as in .gitignore",
    );
  }
  const [problem] = new IgnoreRules([text]).problems;
  if (Buffer.byteLength(text) > ignoreBytesMax || problem !== undefined) {
    throw new CliError(
      exitCodes.usage,
      `--ignore-file ${file}: ${problem ?? `more than ${ignoreBytesMax} bytes`}`,
    );
  }
  return text;
}

/** One store has one daemon: another mount of the container here would be the same files through two caches. */
function refuseSecond(paths: Paths, id: string): void {
  for (const record of readMountRecords(paths)) {
    if (record.id !== id) continue;
    if (isAlive(record)) {
      throw new CliError(
        exitCodes.failed,
        `${record.container} is already mounted at ${record.path}`,
        `use it there, or unmount it first: smfs unmount ${record.path}`,
      );
    }
    // What a killed daemon left elsewhere answers nobody any more.
    if (isStale(record.path)) unmountFuse(record.path, { lazy: true });
    removeMountRecord(paths, id);
  }
}

/**
 * A path for the control socket, in a directory of our own: the runtime directory, else beside the records. It is
 * short, because unix(7) allows 107 bytes and XDG directories can be deep.
 */
export function socketPath(paths: Paths, id: string): string {
  const name = `${createHash("sha256").update(`${paths.state}\n${id}`).digest("hex").slice(0, 16)}.sock`;
  for (const dir of [paths.runtime, join(paths.state, "run")]) {
    const path = join(dir, name);
    if (Buffer.byteLength(path) <= socketPathBytesMax && isOurs(dir)) return path;
  }
  return join(tmpdir(), `smfs-${process.getuid?.() ?? 0}`, name);
}

/** After `sudo` or `su` the runtime directory may be another user's, or not be there at all. */
function isOurs(dir: string): boolean {
  try {
    ensurePrivateDir(dir);
    return true;
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (error instanceof CliError || code === "EACCES" || code === "EPERM" || code === "EROFS") {
      return false;
    }
    throw error;
  }
}

function printReady(
  { output }: CommandContext,
  config: Config,
  settings: DaemonSettings,
  ready: MountReady,
): void {
  const { container, mountPath, server } = settings;
  const { command } = config;
  const where = server.embedded
    ? `on this machine, ${server.apiUrl}, key in ${server.keyFile}`
    : server.apiUrl;
  output.line(`${output.bold(container)} is mounted at ${output.bold(mountPath)}`);
  output.line(`  server   ${where}`);
  if (ready.damage !== undefined) {
    output.note(
      `the store of ${container} is damaged (${ready.damage}), so it is mounted to be read only: copy what you need`,
    );
    output.note(`then: ${command} unmount ${quoted(mountPath)} && ${command} doctor --repair`);
  } else if (!ready.online) {
    output.line("  offline  what you write is kept here and sent when the server can be reached");
  }
  if (settings.readOnly) output.line("  read-only: nothing can be changed through this mount");
  if (settings.ephemeral)
    output.line("  ephemeral: unmounting sends everything and leaves nothing here");
  if (!settings.pull)
    output.line("  changes from elsewhere are not shown (--no-sync or --offline)");
  output.line("");
  output.line("Try:");
  if (!settings.readOnly) {
    output.line(
      `  echo "The heating is serviced every October." > ${quoted(join(mountPath, "house.md"))}`,
    );
  }
  output.line(`  ${command} grep "when does the heating get its check" ${quoted(mountPath)}`);
  output.line(`  ${command} status ${quoted(mountPath)}`);
  output.line("");
  output.line(`Unmount: ${command} unmount ${quoted(mountPath)}`);
}

/** A path as a shell reads it. */
export function quoted(path: string): string {
  return /^[\w@%+=:,./-]+$/.test(path) ? path : `'${path.replace(/'/g, "'\\''")}'`;
}
