/**
 * A worker in a process of its own: what it may take of memory is bounded by the kernel, all of it comes back when it
 * ends, and it can be ended in the middle of anything.
 */
import { type ChildProcess, fork } from "node:child_process";
import { fileURLToPath } from "node:url";
import type { RunningWorker } from "./worker-calls.ts";

export interface WorkerProcessOptions {
  /** The built worker: JavaScript (see `workerUrl`). */
  readonly url: URL;
  /** MiB of JavaScript heap. */
  readonly heapMiBMax: number;
  /** MiB of memory, heap and buffers included (setrlimit(2), RLIMIT_DATA). */
  readonly memoryMiBMax: number;
}

/** Signals with which a program ends itself that gets no more memory. */
const outOfMemory = new Set(["SIGABRT", "SIGTRAP", "SIGILL", "SIGSEGV"]);

export function workerProcess(options: WorkerProcessOptions): RunningWorker {
  const { url, heapMiBMax, memoryMiBMax } = options;
  const limited = `ulimit -d ${memoryMiBMax * 1024}; exec "$0" "$@"`;
  const child = fork(fileURLToPath(url), {
    execPath: "/bin/sh",
    execArgv: ["-c", limited, process.execPath, `--max-old-space-size=${heapMiBMax}`],
    serialization: "advanced",
    // Nothing of what the server knows: keys may be in its environment. What an engine says when it dies is for nobody.
    env: {},
    stdio: ["ignore", "ignore", "ignore", "ipc"],
  });
  // The worker alone does not keep the process alive.
  child.unref();
  child.channel?.unref();
  const exited = new Promise<void>((resolve) => {
    child.once("exit", () => resolve());
    child.once("error", () => resolve());
  });
  return {
    // What cannot be sent any more is told by the end of the process.
    post: (message) => void child.send(message, () => undefined),
    onReply: (listener) => child.on("message", listener),
    onEnd: (listener) => {
      child.on("error", (error) => listener(String(error)));
      child.on("exit", () => listener(reasonOf(child, memoryMiBMax)));
    },
    end: () => {
      child.kill("SIGKILL");
      return exited;
    },
  };
}

function reasonOf({ signalCode, exitCode }: ChildProcess, memoryMiBMax: number): string {
  return signalCode !== null && outOfMemory.has(signalCode)
    ? `needs more than ${memoryMiBMax} MiB`
    : `the worker ended (${signalCode ?? exitCode})`;
}
