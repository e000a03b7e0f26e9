/** `smfs unmount`: sends what waits, then takes the mount away; refuses when something would only be here. */
import { isStale, unmountFuse } from "@smfs/fuse";
import { type ExitCode, exitCodes } from "../cli-error.ts";
import { isEphemeral } from "../container.ts";
import { ControlClient } from "../daemon/control-client.ts";
import { findMount } from "../find-mount.ts";
import { lookMs, shutdownStepMs } from "../limits.ts";
import { isAlive, type MountRecord, removeMountRecord } from "../mount-records.ts";
import type { CommandContext } from "./context.ts";
import { printUnsafe } from "./sync.ts";

export interface UnmountOptions {
  readonly force?: boolean;
  /** Seconds without progress. */
  readonly drainTimeout: number;
}

export async function unmountCommand(
  context: CommandContext,
  target: string | undefined,
  options: UnmountOptions,
): Promise<ExitCode> {
  const { output } = context;
  const { paths } = context.config();
  const record = findMount(paths, target, context.cwd);
  if (!isAlive(record)) return clearDead(context, record);

  const request = { force: options.force === true, drainTimeoutMs: options.drainTimeout * 1000 };
  const answer = await new ControlClient(record.socket).unmount(request, (text) =>
    output.progress(text),
  );
  output.endProgress();
  switch (answer.kind) {
    case "busy":
      output.note(`${record.path} is in use, so it stays mounted:`);
      for (const { pid, name } of answer.users) output.line(`  ${name} (pid ${pid})`);
      output.note("close what uses it (a shell may stand in it), or unmount with --force");
      return exitCodes.failed;
    case "unsafe":
      printUnsafe(output, answer.outcome);
      output.note(
        "still mounted. --force unmounts anyway: what was not sent is kept here and sent at the next mount",
      );
      return exitCodes.unsafe;
    case "unmounted": {
      if (!(await hasEnded(context, record))) {
        output.note(
          `${record.path} is unmounted, but its daemon (pid ${record.pid}) still ends its work`,
        );
        return exitCodes.failed;
      }
      if (!answer.outcome.safe) printUnsafe(output, answer.outcome);
      if (answer.keptIn !== null) {
        output.note(
          `not everything was safe, so it is kept in ${answer.keptIn}; smfs mount ${record.container} --ephemeral goes on with it`,
        );
      }
      output.line(`unmounted ${record.path}`);
      return exitCodes.done;
    }
  }
}

/** Waits until the daemon's process has ended: then its store is closed and can be mounted again. */
async function hasEnded({ clock }: CommandContext, record: MountRecord): Promise<boolean> {
  const until = clock.monotonic() + shutdownStepMs * 3;
  while (clock.monotonic() < until) {
    if (!isAlive(record)) return true;
    await clock.sleep(lookMs);
  }
  return false;
}

/** The daemon was killed: nothing can be asked, and nothing is lost. */
function clearDead({ output, config }: CommandContext, record: MountRecord): ExitCode {
  if (isStale(record.path)) unmountFuse(record.path, { lazy: true });
  removeMountRecord(config().paths, record.id);
  output.line(`unmounted ${record.path}; its daemon had ended before`);
  const how = isEphemeral(record.id) ? " --ephemeral" : "";
  output.note(`what it had not sent is kept: smfs mount ${record.container}${how} goes on with it`);
  return exitCodes.done;
}
