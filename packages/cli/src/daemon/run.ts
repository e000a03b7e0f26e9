/** Runs a daemon in this process until it ends, by unmount or by a signal. */
import { systemClock } from "@smfs/core";
import { type ExitCode, exitCodes } from "../cli-error.ts";
import { onceSignalled } from "../signals.ts";
import { Daemon } from "./daemon.ts";
import type { DaemonSettings } from "./daemon-settings.ts";
import { LogFile } from "./log-file.ts";

/** What the daemon says when it is ready. */
export interface MountReady {
  /** Whether the server could be asked what there is. */
  readonly online: boolean;
  /** What is wrong with the store, which then is mounted to be read only. */
  readonly damage?: string | undefined;
}

export interface RunHooks {
  readonly onProgress: (text: string) => void;
  readonly onReady: (ready: MountReady) => void | Promise<void>;
  /** Resolves when nobody wants the mount any more, before it is ready. */
  readonly abandoned?: Promise<void>;
}

/** @throws whatever keeps it from starting */
export async function runDaemon(
  settings: DaemonSettings,
  log: LogFile,
  hooks: RunHooks,
): Promise<ExitCode> {
  const daemon = await Daemon.start({ settings, clock: systemClock, log });
  void endOnSignals(daemon);
  // A mistake of ours must not leave a mount behind that answers nobody: what was acknowledged is in the store.
  process.once("uncaughtException", (error) => {
    log.log("error", "a mistake in the daemon ends it", { error: error.stack ?? error.message });
    process.exitCode = exitCodes.failed;
    void daemon.end("an internal error");
  });
  void hooks.abandoned?.then(() => daemon.end("whoever started it went away"));
  try {
    const online = await daemon.whenReady(hooks.onProgress);
    await hooks.onReady({ online, damage: daemon.damage });
  } catch (error) {
    await daemon.end("it could not be made ready");
    throw error;
  }
  await daemon.ended;
  return process.exitCode === exitCodes.failed ? exitCodes.failed : exitCodes.done;
}

/** The first signal ends the daemon in good order, the second one without waiting for what is not sent. */
async function endOnSignals(daemon: Daemon): Promise<void> {
  void daemon.end(await onceSignalled());
  void daemon.end(await onceSignalled());
}

/** `smfs mount --foreground`. */
export async function runInForeground(
  settings: DaemonSettings,
  onReady: (ready: MountReady) => void,
): Promise<ExitCode> {
  const log = new LogFile(settings.logFile, { level: settings.logLevel, alsoError: true });
  try {
    return await runDaemon(settings, log, { onProgress: () => undefined, onReady });
  } finally {
    log.close();
  }
}
