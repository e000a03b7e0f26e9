/** The thread that serves a MemoryFileSystem: started by memory-mount.ts. */
import { writeSync } from "node:fs";
import { workerData } from "node:worker_threads";
import { type Logger, systemClock } from "@smfs/core";
import { FuseSession } from "../session.ts";
import { MemoryFileSystem } from "./memory-filesystem.ts";

/** What the thread is started with. */
export interface MemoryWorkerData {
  readonly deviceFd: number;
  readonly wakeFd: number;
  readonly bytesDir: string;
  readonly passthrough: boolean;
  readonly trace: boolean;
  readonly stats: boolean;
  readonly spin: boolean;
  readonly owner: { readonly uid: number; readonly gid: number };
  readonly without: { readonly flags?: number; readonly flags2?: number; readonly minor?: number };
}

const data = workerData as MemoryWorkerData;

// A thread that waits in poll runs no event loop, so lines are written at once.
const line = (text: string): void => {
  writeSync(2, `${text}\n`);
};
const logger: Logger = {
  log: (level, message, fields) => line(`${level}: ${message} ${JSON.stringify(fields ?? {})}`),
};

const fs = new MemoryFileSystem(data.bytesDir, systemClock, data.owner);
const session = new FuseSession(fs, {
  deviceFd: data.deviceFd,
  wakeFd: data.wakeFd,
  onWake: () => ({ resumed: [], stop: false, nextWakeMs: -1 }),
  clock: systemClock,
  logger,
  passthrough: data.passthrough,
  spin: data.spin,
  without: data.without,
  ...(data.trace ? { trace: line } : {}),
});
session.run();
fs.close();
if (data.stats) line(JSON.stringify(session.counters));
