/**
 * Ends the process whose parent is gone: a worker process that is busy notices nothing itself. `workerData` is the number
 * of the parent's process.
 */
import { workerData } from "node:worker_threads";
import { systemClock } from "@smfs/core";

const roundMs = 1000;
while (process.ppid === workerData) await systemClock.sleep(roundMs);
process.kill(process.pid, "SIGKILL");
