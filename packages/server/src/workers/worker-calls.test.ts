import { systemClock } from "@smfs/core";
import { afterEach, expect, test } from "vitest";
import { WorkerCalls, type WorkerCallsOptions, WorkerError } from "./worker-calls.ts";

interface Echo {
  readonly value: unknown;
  readonly threadId: number;
  readonly workerData: unknown;
}

const open: WorkerCalls[] = [];

function calls(more: Partial<WorkerCallsOptions> = {}): WorkerCalls {
  const made = new WorkerCalls({
    url: new URL("./testing/odd-worker.mjs", import.meta.url),
    data: "the data",
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

test("[WORKER-1] a call is answered by one worker, which is given its data", async () => {
  const worker = calls();
  expect(worker.isRunning).toBe(false);
  const first = await echo(worker, { a: [1] });
  expect(first).toMatchObject({ value: { a: [1] }, workerData: "the data" });
  expect((await echo(worker)).threadId).toBe(first.threadId);
});

test("[WORKER-2] work that fails says why, and the worker goes on", async () => {
  const worker = calls();
  const { threadId } = await echo(worker);
  await expect(worker.call({ kind: "fail" }, 10_000)).rejects.toThrow("it did not work");
  expect((await echo(worker)).threadId).toBe(threadId);
});

test("[WORKER-3] a call that hangs ends its worker; the next call has a new one", async () => {
  const worker = calls();
  await echo(worker);
  const hanging = reasonOf(worker.call({ kind: "hang" }, 200));
  const waiting = reasonOf(worker.call({ kind: "echo" }, 10_000));
  expect(await hanging).toBe("timeout");
  expect(await waiting).toBe("died");
  expect((await echo(worker)).value).toBe(1);
});

test("[WORKER-3] a worker that exits, throws or runs out of memory fails its calls; the next call has a new one", async () => {
  const worker = calls({ resourceLimits: { maxOldGenerationSizeMb: 32 } });
  for (const kind of ["exit", "throw", "heap"]) {
    expect(await reasonOf(worker.call({ kind }, 20_000)), kind).toBe("died");
    expect((await echo(worker)).value, kind).toBe(1);
  }
});

test("[WORKER-3] a worker whose buffers let the process grow too much is ended", async () => {
  const worker = calls({ growthMiBMax: 200 });
  expect(await reasonOf(worker.call({ kind: "buffers" }, 20_000))).toBe("died");
  expect((await echo(worker)).value).toBe(1);
});

test("[WORKER-4] calls beyond the limit are refused at once", async () => {
  const worker = calls({ callsMax: 2 });
  const running = [echo(worker), echo(worker)];
  expect(await reasonOf(worker.call({ kind: "echo" }, 10_000))).toBe("busy");
  await Promise.all(running);
  await echo(worker);
});

test("[WORKER-5] a worker that is not used is ended, and started again when it is", async () => {
  const worker = calls({ idleMs: 50 });
  const { threadId } = await echo(worker);
  await expect.poll(() => worker.isRunning).toBe(false);
  expect((await echo(worker)).threadId).not.toBe(threadId);
});

test("[WORKER-6] closing rejects calls in flight", async () => {
  const worker = calls();
  const running = reasonOf(worker.call({ kind: "hang" }, 20_000));
  await worker.close();
  expect(await running).toBe("died");
});
