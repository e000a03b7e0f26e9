/**
 * Starts a process of ours that outlives us: detached, its output in a log file, its settings over a private
 * channel (never in argv, where every user of the machine could read a key), and waits until it says it is ready.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { closeSync, openSync } from "node:fs";
import { fileURLToPath } from "node:url";
import type { Clock } from "@smfs/core";
import { CliError, exitCodes, type Failure, fromFailure } from "../cli-error.ts";
import { childEnvironment } from "../config.ts";

/** What a launched process tells its launcher. */
export type LaunchMessage<Ready> =
  | { readonly kind: "progress"; readonly text: string }
  | { readonly kind: "ready"; readonly value: Ready }
  | { readonly kind: "failed"; readonly failure: Failure };

export interface Launch {
  /** The built program, beside this file. */
  readonly entry: URL;
  /** For people who look at the process list; never anything secret. */
  readonly args: readonly string[];
  /** Sent over the channel as the first message. */
  readonly settings: unknown;
  readonly logFile: string;
  readonly timeoutMs: number;
  readonly clock: Clock;
  readonly onProgress: (text: string) => void;
}

/**
 * Launches and waits.
 * @throws CliError what the process said when it failed, or that it ended, or that it took too long (then it is ended)
 */
export async function launch<Ready>(options: Launch): Promise<Ready> {
  const log = openSync(options.logFile, "a", 0o600);
  let child: ChildProcess;
  try {
    child = spawn(process.execPath, [fileURLToPath(options.entry), ...options.args], {
      detached: true,
      // The root: a daemon must not keep the directory busy that it was started in.
      cwd: "/",
      stdio: ["ignore", log, log, "ipc"],
      env: childEnvironment(),
    });
  } finally {
    closeSync(log);
  }
  try {
    const ready = await answer<Ready>(child, options);
    child.disconnect();
    child.unref();
    return ready;
  } catch (error) {
    if (child.exitCode === null && child.signalCode === null) child.kill("SIGTERM");
    if (child.connected) child.disconnect();
    child.unref();
    throw error;
  }
}

function answer<Ready>(child: ChildProcess, options: Launch): Promise<Ready> {
  const { clock, logFile, settings, timeoutMs, onProgress } = options;
  return new Promise((resolve, reject) => {
    const cancel = clock.after(timeoutMs, () =>
      reject(
        new CliError(
          exitCodes.failed,
          `not ready after ${Math.round(timeoutMs / 1000)} s`,
          `the log is ${logFile}; --startup-timeout waits longer`,
        ),
      ),
    );
    const settle = (action: () => void) => {
      cancel();
      action();
    };
    child.on("error", (error) => settle(() => reject(error)));
    child.on("exit", (code, signal) =>
      settle(() =>
        reject(
          new CliError(
            exitCodes.failed,
            `the process ended while starting (${signal ?? `exit code ${code}`})`,
            `the log is ${logFile}`,
          ),
        ),
      ),
    );
    child.on("message", (raw) => {
      const message = raw as LaunchMessage<Ready>;
      switch (message.kind) {
        case "progress":
          onProgress(message.text);
          break;
        case "ready":
          settle(() => resolve(message.value));
          break;
        case "failed":
          settle(() => reject(fromFailure(message.failure)));
          break;
      }
    });
    child.send(settings as object, (error) => {
      if (error !== null) settle(() => reject(error));
    });
  });
}
