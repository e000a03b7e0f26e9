/** The launched side of `launch`: takes the settings, tells how it goes. */
import { toFailure } from "../cli-error.ts";
import type { LaunchMessage } from "./launch.ts";

/** The settings that the launcher sends as its first message. */
export function receiveSettings<Settings>(): Promise<Settings> {
  return new Promise((resolve, reject) => {
    if (process.send === undefined) {
      reject(new Error("this program is started by smfs, not by hand"));
      return;
    }
    process.once("message", (settings) => resolve(settings as Settings));
    process.once("disconnect", () => reject(new Error("the launcher went away")));
  });
}

/** Tells the launcher; does nothing once it has gone. */
function tell(message: LaunchMessage<unknown>): Promise<void> {
  return new Promise((resolve) => {
    if (process.send === undefined || !process.connected) resolve();
    else process.send(message, undefined, undefined, () => resolve());
  });
}

export function tellProgress(text: string): void {
  void tell({ kind: "progress", text });
}

let isDone = false;

/** Resolves when the launcher goes away before it was told how it went: nobody wants this process any more. */
export function onceAbandoned(): Promise<void> {
  return new Promise((resolve) => {
    process.once("disconnect", () => {
      if (!isDone) resolve();
    });
  });
}

/** Tells that all is well and lets go of the launcher. */
export async function tellReady(value: unknown): Promise<void> {
  isDone = true;
  await tell({ kind: "ready", value });
  if (process.connected) process.disconnect();
}

export async function tellFailed(error: unknown): Promise<void> {
  isDone = true;
  await tell({ kind: "failed", failure: toFailure(error) });
  if (process.connected) process.disconnect();
}
