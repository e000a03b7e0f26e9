/** `smfs status`: what one mount does, and what is not safe yet. */
import { CliError, type ExitCode, exitCodes } from "../cli-error.ts";
import { ControlClient } from "../daemon/control-client.ts";
import type { DaemonStatus, PathNote } from "../daemon/control-protocol.ts";
import { findMount } from "../find-mount.ts";
import { indexRows } from "../index-status.ts";
import { isAlive, type MountRecord } from "../mount-records.ts";
import { bytes, count, duration, type Output, printable, table } from "../output.ts";
import type { CommandContext } from "./context.ts";

export interface StatusOptions {
  readonly json?: boolean;
}

/** A client for the mount's daemon. @throws CliError when the daemon is gone */
export function daemonOf(record: MountRecord): ControlClient {
  if (isAlive(record)) return new ControlClient(record.socket);
  throw new CliError(
    exitCodes.failed,
    `the daemon of ${record.container} at ${record.path} is gone`,
    `what was not sent is kept; smfs mount ${record.container} --path ${record.path} goes on with it`,
  );
}

export async function statusCommand(
  context: CommandContext,
  target: string | undefined,
  options: StatusOptions,
): Promise<ExitCode> {
  const record = findMount(context.config().paths, target, context.cwd);
  const status = await daemonOf(record).status();
  if (options.json === true) context.output.json(status);
  else printStatus(context.output, status);
  return exitCodes.done;
}

const connection: Readonly<Record<DaemonStatus["connectivity"], string>> = {
  online: "connected",
  offline: "not reachable; changes are kept here and sent when it is back",
  unauthorised: "does not accept the key; changes are kept here",
  paused: "not asked (--offline); changes are kept here",
};

function printStatus(output: Output, status: DaemonStatus): void {
  const rows = [
    ["container", output.bold(status.tag)],
    ["mounted at", printable(status.mount_path)],
    ["daemon", `pid ${status.pid}, running for ${duration(status.uptime_secs)}`],
    [
      "server",
      `${status.apiUrl}${status.embedded ? " (this machine's own)" : ""}: ${connection[status.connectivity]}`,
    ],
    [
      "user",
      [status.user_name, status.org_name]
        .filter((name) => name !== null)
        .map(printable)
        .join(", ") || "unknown",
    ],
    ["key file", status.keyFile === null ? "none (the key was given another way)" : status.keyFile],
    [
      "files",
      `${count(status.entries, "entry").replace("entrys", "entries")}, ${status.stubs} fetched when they are read`,
    ],
    ...(status.cacheSize === null
      ? []
      : [["cache", `${bytes(status.cacheUsed ?? 0)} of ${bytes(status.cacheSize)}`]]),
    ...(status.readOnly ? [["mode", "read-only"]] : []),
    ["waiting", waitingText(status)],
    ...(status.search === null ? [] : indexRows(status.search)),
    ["receiving", status.pull_enabled ? "yes" : "no (--no-sync)"],
    ["last in sync", status.lastSync ?? "not since it was mounted"],
    ["log", status.logFile],
  ];
  for (const line of table(rows)) output.line(line);
  printNotes(output, "waiting:", status.waiting);
  printNotes(output, "problems:", status.problems);
  printNotes(
    output,
    "conflicts:",
    status.conflicts.map(({ path, versionPath }) => ({
      path,
      message: `your version is ${versionPath}`,
    })),
  );
  printIgnored(output, status.ignored);
  printNotes(
    output,
    "held open for writing:",
    status.heldOpen.map((path) => ({ path, message: "sent in samples; safe when closed" })),
  );
}

/** What patterns keep here is no problem, but whoever looks for it elsewhere must find out why it is not there. */
function printIgnored(output: Output, { count: total, examples }: DaemonStatus["ignored"]): void {
  if (total === 0) return;
  output.line(output.bold("only on this machine (.smfsignore):"));
  for (const path of examples) output.line(`  ${printable(path)}`);
  if (total > examples.length) output.line(`  and ${count(total - examples.length, "other")}`);
}

function waitingText(status: DaemonStatus): string {
  if (status.queue_len === 0) return "nothing: everything is on the server";
  const flight = status.inFlight === 0 ? "" : `, ${status.inFlight} on the way`;
  return `${count(status.queue_len, "change")} not on the server yet${flight}`;
}

/** A list with a heading; nothing when it is empty. */
export function printNotes(output: Output, heading: string, notes: readonly PathNote[]): void {
  if (notes.length === 0) return;
  output.line(output.bold(heading));
  for (const { path, message } of notes) {
    output.line(`  ${path === null ? "" : `${printable(path)}: `}${printable(message)}`);
  }
}
