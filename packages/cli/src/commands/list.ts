/** `smfs list`: every mount, those included whose daemon is gone. */

import { isStale } from "@smfs/fuse";
import { type ExitCode, exitCodes } from "../cli-error.ts";
import { isAlive, type MountRecord, readMountRecords } from "../mount-records.ts";
import { duration, printable, table } from "../output.ts";
import type { CommandContext } from "./context.ts";

export interface ListOptions {
  readonly json?: boolean;
}

/** One row of `smfs list --json`. */
interface Listed {
  readonly tag: string;
  readonly mount_path: string;
  readonly pid: number;
  readonly uptime_secs: number;
  readonly state: "running" | "dead";
  /** Whether the kernel still has the dead daemon's mount. */
  readonly stale: boolean;
  readonly apiUrl: string;
}

export function listCommand(context: CommandContext, options: ListOptions): ExitCode {
  const { output, clock } = context;
  const records = readMountRecords(context.config().paths);
  const rows = records.map((record) => toListed(record, clock.now()));
  if (options.json === true) {
    output.json(rows);
    return exitCodes.done;
  }
  if (rows.length === 0) {
    output.line("nothing is mounted");
    return exitCodes.done;
  }
  const cells = rows.map((row) => [
    printable(row.tag),
    printable(row.mount_path),
    row.state === "running" ? `running for ${duration(row.uptime_secs)}` : "its daemon is gone",
    `pid ${row.pid}`,
  ]);
  for (const line of table(cells)) output.line(line);
  for (const row of rows.filter(({ state }) => state === "dead")) {
    output.note(
      `${row.tag}: what was not sent is kept; smfs mount ${row.tag} goes on with it, smfs unmount ${row.tag} clears the mount`,
    );
  }
  return exitCodes.done;
}

function toListed(record: MountRecord, nowMs: number): Listed {
  const alive = isAlive(record);
  return {
    tag: record.container,
    mount_path: record.path,
    pid: record.pid,
    uptime_secs: alive ? Math.max(0, Math.round((nowMs - record.mountedAtMs) / 1000)) : 0,
    state: alive ? "running" : "dead",
    stale: !alive && isStale(record.path),
    apiUrl: record.apiUrl,
  };
}
