/** A server for tests: in a directory of its own, on this thread, asked without a socket. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type LogFields, type LogLevel, systemClock, systemRandom } from "@smfs/core";
import { createServer, type MemoryServer, type ServerOptions } from "../server.ts";

export interface TestAnswer {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
  // biome-ignore lint/suspicious/noExplicitAny: tests look into answers of every form
  readonly json: any;
}

export interface TestServer {
  readonly server: MemoryServer;
  readonly dataDir: string;
  /** Lines that were logged as errors. */
  readonly errors: string[];
  readonly warnings: string[];
  /** One request; an object body is sent as JSON. */
  call(
    method: string,
    path: string,
    body?: unknown,
    headers?: Record<string, string>,
  ): Promise<TestAnswer>;
  /** Closes the server and opens another on the same directory. */
  restart(): Promise<void>;
  close(): Promise<void>;
}

export const testKey = "sm_test_0123456789abcdefghij";

export async function openTestServer(options: Partial<ServerOptions> = {}): Promise<TestServer> {
  const dataDir = options.dataDir ?? (await mkdtemp(join(tmpdir(), "smfs-server-")));
  const errors: string[] = [];
  const warnings: string[] = [];
  const logger = {
    log: (level: LogLevel, message: string, fields?: LogFields) => {
      if (level === "error") errors.push(`${message} ${JSON.stringify(fields)}`);
      if (level === "warn") warnings.push(message);
    },
  };
  const open = () =>
    createServer({
      dataDir,
      keys: [testKey],
      clock: systemClock,
      random: systemRandom,
      threads: "here",
      port: 0,
      logger,
      ...options,
    });
  const state = { server: await open() };
  return {
    get server() {
      return state.server;
    },
    dataDir,
    errors,
    warnings,
    call: (method, path, body, headers) => call(state.server, method, path, body, headers),
    restart: async () => {
      await state.server.close();
      state.server = await open();
    },
    close: async () => {
      await state.server.close();
      await rm(dataDir, { recursive: true, force: true });
    },
  };
}

async function call(
  server: MemoryServer,
  method: string,
  path: string,
  body: unknown,
  headers: Record<string, string> = {},
): Promise<TestAnswer> {
  const isRaw =
    body === undefined ||
    typeof body === "string" ||
    body instanceof Uint8Array ||
    body instanceof FormData;
  const response = await server.app.request(path, {
    method,
    headers: {
      authorization: `Bearer ${testKey}`,
      ...(isRaw ? {} : { "content-type": "application/json" }),
      ...headers,
    },
    ...(body === undefined ? {} : { body: isRaw ? (body as string) : JSON.stringify(body) }),
  });
  const text = await response.text();
  const isJson = response.headers.get("content-type") === "application/json";
  return {
    status: response.status,
    headers: response.headers,
    text,
    json: isJson && text !== "" ? JSON.parse(text) : undefined,
  };
}
