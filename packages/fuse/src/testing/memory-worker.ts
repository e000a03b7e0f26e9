/** The thread that serves a file system in memory: started by memory-mount.ts. */
import { writeSync } from "node:fs";
import { type MessagePort, receiveMessageOnPort, workerData } from "node:worker_threads";
import { type Logger, systemClock, type Ticket } from "@smfs/core";
import type { Wishes } from "../init.ts";
import { stackDepthOf } from "../passthrough.ts";
import { FuseSession } from "../session.ts";
import { type RemoteChange, RemoteHandFileSystem } from "./remote-hand.ts";

/** What the thread is started with. */
export interface MemoryWorkerData {
  readonly deviceFd: number;
  readonly wakeFd: number;
  readonly port: MessagePort;
  readonly bytesDir: string;
  readonly passthrough: boolean;
  readonly trace: boolean;
  readonly stats: boolean;
  readonly spin: boolean;
  readonly cacheS: number | undefined;
  readonly owner: { readonly uid: number; readonly gid: number };
  readonly without: NonNullable<Wishes["without"]>;
}

/** What the port carries to the thread. */
export type WorkerOrder = RemoteChange | { readonly kind: "stop" } | { readonly kind: "counters" };

const data = workerData as MemoryWorkerData;

// A thread that waits in poll runs no event loop, so lines are written at once.
const line = (text: string): void => {
  writeSync(2, `${text}\n`);
};
const logger: Logger = {
  log: (level, message, fields) => {
    if (level === "warn" || level === "error") {
      line(`${level}: ${message} ${JSON.stringify(fields ?? {})}`);
    }
  },
};

const fs = new RemoteHandFileSystem(data.bytesDir, systemClock, data.owner);
const session: FuseSession = new FuseSession(fs, {
  deviceFd: data.deviceFd,
  wakeFd: data.wakeFd,
  onWake: () => obey(),
  abandon: (ticket) => fs.abandon(ticket),
  clock: systemClock,
  logger,
  passthrough: data.passthrough,
  stackDepth: stackDepthOf(data.bytesDir),
  spin: data.spin,
  without: data.without,
  ...(data.cacheS === undefined ? {} : { cacheS: data.cacheS }),
  ...(data.trace ? { trace: line } : {}),
});
const end = session.run();
fs.close();
if (data.stats) line(JSON.stringify({ end, ...session.counters }));

function obey(): { resumed: Ticket[]; stop: boolean; nextWakeMs: number } {
  const resumed: Ticket[] = [];
  let stop = false;
  for (;;) {
    const received = receiveMessageOnPort(data.port);
    if (received === undefined) return { resumed, stop, nextWakeMs: -1 };
    const order = received.message as WorkerOrder;
    if (order.kind === "stop") {
      stop = true;
    } else if (order.kind === "counters") {
      data.port.postMessage({ ...session.counters, waiting: fs.waiting, inodes: fs.inodeCount });
    } else {
      const effect = fs.apply(order);
      resumed.push(...effect.resumed);
      data.port.postMessage(effect);
    }
  }
}
