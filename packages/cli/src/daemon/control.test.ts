import { readFileSync, statSync, writeFileSync } from "node:fs";
import { request } from "node:http";
import { dirname, join } from "node:path";
import { silentLogger, systemClock } from "@smfs/core";
import { expect, onTestFinished, test } from "vitest";
import { CliError, exitCodes } from "../cli-error.ts";
import { controlBodyBytesMax } from "../limits.ts";
import { scratchDir } from "../testing/scratch.ts";
import { ControlClient } from "./control-client.ts";
import type { DaemonControl, DaemonEvent, UnmountRequest } from "./control-protocol.ts";
import { ControlServer } from "./control-server.ts";

/** A daemon that answers what the test says. */
async function serve(control: Partial<DaemonControl>): Promise<string> {
  const socket = join(scratchDir(), "run/control.sock");
  const unasked = () => Promise.reject(new Error("not asked for in this test"));
  const all: DaemonControl = {
    status: unasked,
    sync: unasked,
    unmount: unasked,
    search: unasked,
    metrics: unasked,
    kept: { conflicts: unasked, trash: unasked, trashBytes: unasked, dropTrash: unasked },
    subscribe: () => () => undefined,
    ...control,
  };
  const server = new ControlServer(socket, all, systemClock, silentLogger);
  await server.listen();
  onTestFinished(() => server.close());
  return socket;
}

const safe = { safe: true, left: 0, reasons: [] };

test("[CLI-8] the socket and its directory are for their owner alone", async () => {
  const socket = await serve({});
  expect(statSync(socket).mode & 0o777).toBe(0o600);
  expect(statSync(dirname(socket)).mode & 0o777).toBe(0o700);
});

test("[CLI-8] what a killed daemon left at the path is no obstacle", async () => {
  const socket = join(scratchDir(), "control.sock");
  writeFileSync(socket, "");
  const server = new ControlServer(socket, {} as DaemonControl, systemClock, silentLogger);
  await server.listen();
  await server.close();
  expect(() => readFileSync(socket)).toThrow("ENOENT");
});

test("[CLI-8] progress comes as it is made, then the result", async () => {
  const socket = await serve({
    sync: async ({ confirmDeletes }, tell) => {
      tell(confirmDeletes ? "2 left" : "none is confirmed");
      tell("1 left");
      return safe;
    },
  });
  const told: string[] = [];
  expect(
    await new ControlClient(socket).sync({ confirmDeletes: true }, (text) => told.push(text)),
  ).toEqual(safe);
  expect(told).toEqual(["2 left", "1 left"]);
});

test("[CLI-8] a failure keeps its sentence, its hint and its exit code", async () => {
  const socket = await serve({
    search: () => Promise.reject(new CliError(exitCodes.noConnection, "no server", "start one")),
    sync: () => Promise.reject(new CliError(exitCodes.unsafe, "not safe")),
  });
  const client = new ControlClient(socket);
  const query = { query: "q", filepath: "/", limit: 1 };
  await expect(client.search(query, 1000)).rejects.toMatchObject({
    message: "no server",
    hint: "start one",
    exitCode: exitCodes.noConnection,
  });
  await expect(client.sync({ confirmDeletes: false }, () => undefined)).rejects.toMatchObject({
    exitCode: exitCodes.unsafe,
  });
});

test("[CLI-8] a request that is not of the documented form is refused", async () => {
  const asked: UnmountRequest[] = [];
  const socket = await serve({
    unmount: async (what) => {
      asked.push(what);
      return { kind: "unmounted", outcome: safe, keptIn: null };
    },
  });
  expect(await raw(socket, "POST", "/unmount", "{}")).toMatchObject({ status: 500 });
  expect(await raw(socket, "POST", "/unmount", "not json")).toMatchObject({ status: 500 });
  expect(
    await raw(socket, "POST", "/search", `{"query":"a","filepath":"/","limit":0}`),
  ).toMatchObject({
    status: 500,
  });
  expect(await raw(socket, "POST", "/unmount", " ".repeat(controlBodyBytesMax + 1))).toMatchObject({
    status: 500,
  });
  expect(await raw(socket, "GET", "/absent", "")).toMatchObject({ status: 404 });
  expect(asked).toEqual([]);
});

test("[CLI-8] who asked and went away is not worked for", async () => {
  let aborted = false;
  let started: () => void = () => undefined;
  const isStarted = new Promise<void>((resolve) => {
    started = resolve;
  });
  const socket = await serve({
    sync: (_request, _tell, signal) =>
      new Promise((resolve) => {
        started();
        signal.addEventListener("abort", () => {
          aborted = true;
          resolve(safe);
        });
      }),
  });
  const asking = request({ socketPath: socket, method: "POST", path: "/sync", agent: false });
  asking.on("error", () => undefined);
  asking.end();
  await isStarted;
  asking.destroy();
  await expect.poll(() => aborted).toBe(true);
});

test("[CLI-8] events reach who listens, and end with the listener", async () => {
  const listeners = new Set<(event: DaemonEvent) => void>();
  const socket = await serve({
    subscribe: (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
  });
  const asking = request({ socketPath: socket, path: "/events", agent: false });
  asking.on("error", () => undefined);
  const text = await new Promise<string>((resolve) => {
    asking.on("response", (response) => {
      response.setEncoding("utf8");
      response.on("error", () => undefined);
      response.on("data", (part: string) => resolve(part));
    });
    asking.end();
    void expect
      .poll(() => listeners.size)
      .toBe(1)
      .then(() => {
        for (const listener of listeners) listener({ type: "sync", data: { left: 0 } });
      });
  });
  expect(text).toBe('event: sync\ndata: {"left":0}\n\n');
  asking.destroy();
  await expect.poll(() => listeners.size).toBe(0);
});

test("[CLI-4] a daemon that is not there is said in a sentence", async () => {
  const client = new ControlClient(join(scratchDir(), "absent.sock"));
  await expect(client.status()).rejects.toThrow(/the daemon cannot be reached/);
});

function raw(
  socketPath: string,
  method: string,
  path: string,
  body: string,
): Promise<{ status: number | undefined; text: string }> {
  return new Promise((resolve, reject) => {
    const asking = request({ socketPath, method, path, agent: false }, (response) => {
      let text = "";
      response.setEncoding("utf8");
      response.on("data", (part: string) => {
        text += part;
      });
      response.on("end", () => resolve({ status: response.statusCode, text }));
    });
    asking.on("error", reject);
    asking.end(body);
  });
}
