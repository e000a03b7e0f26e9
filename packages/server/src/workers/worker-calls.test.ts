import { systemClock } from "@smfs/core";
import { afterEach, describe, expect, test } from "vitest";
import { WorkerCalls, type WorkerCallsOptions, WorkerError } from "./worker-calls.ts";
import { workerProcess } from "./worker-process.ts";
import { workerThread } from "./worker-thread.ts";

interface Echo {
  readonly value: unknown;
  /** Names the worker that answered. */
  readonly worker: string;
  readonly workerData: unknown;
  readonly pid: number;
}

const open: WorkerCalls[] = [];

const url = new URL("./testing/odd-worker.mjs", import.meta.url);
const starts = {
  thread: () =>
    workerThread({ url, data: "the data", resourceLimits: { maxOldGenerationSizeMb: 32 } }),
  process: () => workerProcess({ url, heapMiBMax: 64, memoryMiBMax: 512 }),
};

function calls(
  kind: keyof typeof starts,
  more: Partial<Omit<WorkerCallsOptions, "start">> = {},
): WorkerCalls {
  const made = new WorkerCalls({
    start: starts[kind],
    clock: systemClock,
    callsMax: 4,
    ...more,
  });
  open.push(made);
  return made;
}

afterEach(async () => {
  for (const made of open.splice(0)) await made.close();
});

const echo = async (worker: WorkerCalls, value: unknown = 1): Promise<Echo> =>
  (await worker.call({ kind: "echo", value }, 10_000)) as Echo;

async function reasonOf(call: Promise<unknown>): Promise<string> {
  const error: unknown = await call.catch((thrown: unknown) => thrown);
  expect(error).toBeInstanceOf(WorkerError);
  return (error as WorkerError).reason;
}

describe.each(["thread", "process"] as const)("a worker in a %s", (kind) => {
  test("[WORKER-1] a call is answered by one worker, which is given its data", async () => {
    const worker = calls(kind);
    expect(worker.isRunning).toBe(false);
    const first = await echo(worker, { a: [1] });
    expect(first.value).toEqual({ a: [1] });
    if (kind === "thread") expect(first.workerData).toBe("the data");
    expect((await echo(worker)).worker).toBe(first.worker);
  });

  test("[WORKER-2] work that fails says why, and the worker goes on", async () => {
    const worker = calls(kind);
    const { worker: name } = await echo(worker);
    await expect(worker.call({ kind: "fail" }, 10_000)).rejects.toThrow("it did not work");
    expect((await echo(worker)).worker).toBe(name);
  });

  test("[WORKER-3] a call that hangs ends its worker; the next call has a new one", async () => {
    const worker = calls(kind);
    await echo(worker);
    const hanging = reasonOf(worker.call({ kind: "hang" }, 200));
    const waiting = reasonOf(worker.call({ kind: "echo" }, 10_000));
    expect(await hanging).toBe("timeout");
    expect(await waiting).toBe("died");
    expect((await echo(worker)).value).toBe(1);
  });

  test("[WORKER-3] a worker that exits, throws or runs out of memory fails its calls; the next call has a new one", async () => {
    const worker = calls(kind);
    for (const way of ["exit", "throw", "heap"]) {
      expect(await reasonOf(worker.call({ kind: way }, 20_000)), way).toBe("died");
      expect((await echo(worker)).value, way).toBe(1);
    }
  });

  test("[WORKER-4] calls beyond the limit are refused at once", async () => {
    const worker = calls(kind, { callsMax: 2 });
    const running = [echo(worker), echo(worker)];
    expect(await reasonOf(worker.call({ kind: "echo" }, 10_000))).toBe("busy");
    await Promise.all(running);
    await echo(worker);
  });

  test("[WORKER-5] a worker that is not used is ended, and started again when it is", async () => {
    const worker = calls(kind, { idleMs: 50 });
    const { worker: name } = await echo(worker);
    await expect.poll(() => worker.isRunning).toBe(false);
    expect((await echo(worker)).worker).not.toBe(name);
  });

  test("[WORKER-6] closing rejects calls in flight", async () => {
    const worker = calls(kind);
    const running = reasonOf(worker.call({ kind: "hang" }, 20_000));
    await worker.close();
    expect(await running).toBe("died");
  });
});

test("[WORKER-3] a process whose buffers are too much is ended, and its memory comes back", async () => {
  const worker = calls("process");
  const before = process.memoryUsage.rss();
  const ended: unknown = await worker.call({ kind: "buffers" }, 20_000).catch((error) => error);
  expect(String(ended)).toMatch(/needs more than 512 MiB|the worker ended/);
  expect(process.memoryUsage.rss() - before).toBeLessThan(200 << 20);
  expect((await echo(worker)).value).toBe(1);
});

test("[WORKER-7] a worker process knows nothing of the server's environment, and ends with it", async () => {
  const worker = calls("process");
  const names = (await worker.call({ kind: "environment" }, 10_000)) as string[];
  expect(names.filter((name) => !["PWD", "SHLVL", "_", "OLDPWD"].includes(name))).toEqual([]);
  const { pid } = await echo(worker);
  const isRunning = () => {
    try {
      return process.kill(pid, 0);
    } catch {
      return false;
    }
  };
  expect(isRunning()).toBe(true);
  const hanging = worker.call({ kind: "hang" }, 20_000).catch(() => undefined);
  await worker.close();
  await hanging;
  expect(isRunning()).toBe(false);
});
