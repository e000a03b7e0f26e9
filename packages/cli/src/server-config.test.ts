import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { exitCodes } from "./cli-error.ts";
import { type ServerEnvironment, serverEnvironment } from "./config.ts";
import { loadServerConfig, type ServerConfigFlags } from "./server-config.ts";
import { scratchDir } from "./testing/scratch.ts";

const silent = serverEnvironment({});

function load(flags: ServerConfigFlags = {}, env: Partial<ServerEnvironment> = {}, file?: unknown) {
  const configDir = join(scratchDir(), "smfs");
  mkdirSync(configDir);
  if (file !== undefined) {
    const text = typeof file === "string" ? file : JSON.stringify(file);
    writeFileSync(join(configDir, "server.json"), text);
  }
  const config = loadServerConfig(flags, { ...silent, ...env }, { configDir, cwd: "/here" });
  return { config, configDir };
}

test("[CLI-40] with nothing said a server is this machine's alone, asks for keys, and sharpens where it can", () => {
  expect(load().config).toEqual({
    index: {
      embedder: { kind: "minilm", isAsked: false },
      facts: null,
      limits: {},
      searchDocumentId: "id",
    },
    host: "127.0.0.1",
    port: 6767,
    dataDir: undefined,
    key: undefined,
    auth: "key",
    tls: undefined,
    allowHttp: false,
    publicUrl: undefined,
    rateLimit: undefined,
    logLevel: "info",
    logFile: undefined,
  });
});

test("[CLI-40] all of server.json is used; its paths are relative to it", () => {
  const { config, configDir } = load(
    {},
    {},
    {
      host: "0.0.0.0",
      port: 443,
      data: "data",
      keyFile: "/etc/smfs/key",
      tls: { cert: "cert.pem", key: "key.pem" },
      allowHttp: true,
      publicUrl: "https://memory.example/",
      limits: { textBytes: 1_000_000, uploadBytes: 5_000_000 },
      search: { documentId: "customId" },
      rateLimit: { requests: 500, windowSeconds: 60 },
      embedder: { url: "http://127.0.0.1:11434/v1/", model: "nomic-embed-text", keyFile: "e.key" },
      facts: { url: "https://models.example/v1", model: "m" },
      log: { level: "debug", file: "log" },
    },
  );
  expect(config).toEqual({
    index: {
      embedder: {
        kind: "endpoint",
        baseUrl: "http://127.0.0.1:11434/v1",
        model: "nomic-embed-text",
        keyFile: join(configDir, "e.key"),
      },
      facts: {
        kind: "endpoint",
        baseUrl: "https://models.example/v1",
        model: "m",
        keyFile: null,
      },
      limits: { textBytesMax: 1_000_000, jsonBytesMax: 3_048_576, uploadBytesMax: 5_000_000 },
      searchDocumentId: "customId",
    },
    host: "0.0.0.0",
    port: 443,
    dataDir: join(configDir, "data"),
    key: { kind: "file", path: "/etc/smfs/key" },
    auth: "key",
    tls: { certFile: join(configDir, "cert.pem"), keyFile: join(configDir, "key.pem") },
    allowHttp: true,
    publicUrl: "https://memory.example",
    rateLimit: { requests: 500, windowMs: 60_000 },
    logLevel: "debug",
    logFile: join(configDir, "log"),
  });
});

test("[CLI-40] a flag wins over the environment, the environment over the file", () => {
  const file = { port: 1, host: "::1", embedder: "static", keyFile: "k", data: "d", auth: "key" };
  const env = { embedder: "minilm" };
  const flags = {
    port: 2,
    host: "127.0.0.2",
    keyFile: "f.key",
    data: "f",
    auth: "loopback",
    tlsCert: "c",
    tlsKey: "/k",
    logLevel: "warn",
  } as const;
  expect(load(flags, env, file).config).toMatchObject({
    port: 2,
    host: "127.0.0.2",
    key: { kind: "file", path: "/here/f.key" },
    dataDir: "/here/f",
    auth: "loopback",
    tls: { certFile: "/here/c", keyFile: "/k" },
    logLevel: "warn",
    index: { embedder: { kind: "minilm", isAsked: true } },
  });
  expect(load({ key: "a-key" }, {}, file).config.key).toEqual({ kind: "value", key: "a-key" });
  const { index } = load({ embedder: "auto" }, env, file).config;
  expect(index.embedder).toEqual({ kind: "minilm", isAsked: false });
  expect(load({}, {}, file).config.index.embedder).toEqual({ kind: "static" });
  const endpoint = { embedder: "http://e/v1", embedderModel: "m", embedderKeyFile: "e.key" };
  expect(load({}, endpoint, file).config.index.embedder).toEqual({
    kind: "endpoint",
    baseUrl: "http://e/v1",
    model: "m",
    keyFile: "/here/e.key",
  });
});

test("[CLI-40] a file that is named is used in place of the other, and must be there", () => {
  const dir = scratchDir();
  writeFileSync(join(dir, "own.json"), JSON.stringify({ data: "data", port: 3 }));
  const { config } = load({ config: join(dir, "own.json") }, {}, { port: 4 });
  expect(config).toMatchObject({ port: 3, dataDir: join(dir, "data") });
  expect(load({}, { config: join(dir, "own.json") }).config.port).toBe(3);
  expect(() => load({ config: join(dir, "absent.json") })).toThrow(
    expect.objectContaining({ exitCode: exitCodes.notFound }),
  );
});

test.each([
  ["{", /is not JSON/],
  ["[]", /a value of type object is needed/],
  [{ tsl: {} }, /unknown setting tsl/],
  [{ tls: { cert: "c" } }, /tls\.key: a value of type string is needed/],
  [{ tls: { cert: "c", key: "k", ca: "x" } }, /tls: unknown setting ca/],
  [{ port: 65_536 }, /port: it is at most 65535/],
  [{ port: "6767" }, /port: a value of type number/],
  [{ auth: "none" }, /auth: it is one of key, loopback/],
  [{ embedder: "gpt" }, /embedder: it is one of auto, static, minilm/],
  [{ embedder: { url: "http://x" } }, /embedder: it is one of/],
  [{ embedder: { url: "x", model: "m" } }, /embedder\.url .*is not the address/],
  [{ limits: { textBytes: 1 } }, /limits\.textBytes: it is at least 1024/],
  [{ rateLimit: { requests: 0, windowSeconds: 1 } }, /rateLimit\.requests: it is at least 1/],
])(
  "[CLI-40] %j is refused and named: nothing is served with half of the settings",
  (file, message) => {
    expect(() => load({}, {}, file)).toThrow(message);
    expect(() => load({}, {}, file)).toThrow(
      expect.objectContaining({ exitCode: exitCodes.usage }),
    );
  },
);

test.each([
  [{ key: "a", keyFile: "b" }, /exclude each other/],
  [{ tlsCert: "c" }, /certificate and its key/],
  [{ tlsKey: "k" }, /certificate and its key/],
  [{ embedder: "http://x/v1" }, /needs the name of a model/],
  [{ embedder: "nonsense", embedderModel: "m" }, /is not the address/],
  [{ embedder: "http://u:p@x/v1", embedderModel: "m" }, /contains a password/],
] satisfies [ServerConfigFlags, RegExp][])("[CLI-40] %j is wrong usage", (flags, message) => {
  expect(() => load(flags)).toThrow(message);
});
