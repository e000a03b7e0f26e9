import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { CliError, exitCodes } from "./cli-error.ts";
import { childEnvironment, type Environment, loadConfig, type ServerFlags } from "./config.ts";
import { scratchDir } from "./testing/scratch.ts";

function config(flags: ServerFlags, env: Environment = {}, file?: unknown) {
  const home = scratchDir();
  if (file !== undefined) {
    mkdirSync(join(home, ".config/smfs"), { recursive: true });
    writeFileSync(join(home, ".config/smfs/config.json"), JSON.stringify(file));
  }
  return loadConfig(flags, { HOME: home, ...env }, "/here");
}

test("[CLI-1] with nothing said, the server is this machine's own", () => {
  expect(config({}).server).toEqual({ kind: "embedded" });
});

test("[CLI-1] a flag wins over the environment, the environment over the file, the file over the default", () => {
  const env = { SMFS_API_URL: "http://env", SMFS_KEY_FILE: "env.key" };
  const file = { apiUrl: "http://file", keyFile: "file.key" };
  const url = (...args: Parameters<typeof config>) => {
    const { server } = config(...args);
    return server.kind === "remote" ? [server.apiUrl, server.key] : [];
  };
  expect(url({ apiUrl: "http://flag/", keyFile: "flag.key" }, env, file)).toEqual([
    "http://flag",
    { kind: "file", path: "/here/flag.key" },
  ]);
  expect(url({}, env, file)).toEqual(["http://env", { kind: "file", path: "/here/env.key" }]);
  const [fromFile, key] = url({}, {}, file);
  expect(fromFile).toBe("http://file");
  // A path in the file means a file beside it, wherever the command is called.
  expect((key as { path: string }).path).toMatch(/\/\.config\/smfs\/file\.key$/);
});

test("[CLI-1] a key without an address is for the API that issues keys", () => {
  const { server } = config({}, { SUPERMEMORY_API_KEY: "sm_x_1" });
  expect(server).toEqual({
    kind: "remote",
    apiUrl: "https://api.supermemory.ai",
    key: { kind: "value", key: "sm_x_1" },
  });
});

test("[CLI-5] every directory follows its XDG variable; a relative one does not count", () => {
  const set = {
    XDG_DATA_HOME: "/d",
    XDG_STATE_HOME: "/s",
    XDG_RUNTIME_DIR: "/r",
    XDG_CONFIG_HOME: "/c",
  };
  expect(config({}, set).paths).toEqual({
    data: "/d/smfs",
    state: "/s/smfs",
    runtime: "/r/smfs",
    config: "/c/smfs",
  });
  const { paths } = config({}, { XDG_DATA_HOME: "relative", XDG_STATE_HOME: "/s" });
  expect(paths.data).toMatch(/\/\.local\/share\/smfs$/);
  expect(paths.runtime).toBe("/s/smfs/run");
});

test.each([
  [{ apiUrl: "localhost:6767" }, /not the address/],
  [{ apiUrl: "ftp://x" }, /not the address/],
  [{ apiUrl: "http://me:secret@x" }, /contains a password/],
  [{ apiUrl: "http://x/?q=1" }, /has a query/],
  [{ key: "two words" }, /not a key/],
  [{ key: "a", keyFile: "b" }, /exclude each other/],
])("[CLI-4] %j is wrong usage", (flags, message) => {
  const attempt = () => config(flags);
  expect(attempt).toThrow(message);
  expect(attempt).toThrow(expect.objectContaining({ exitCode: exitCodes.usage }));
});

test("[CLI-3] a key that cannot be used is not repeated in the message", () => {
  try {
    config({ key: "hush hush" });
    expect.unreachable();
  } catch (error) {
    expect(error).toBeInstanceOf(CliError);
    expect((error as CliError).message).not.toContain("hush");
  }
});

test("[CLI-3] a process of ours does not inherit the key", () => {
  expect(childEnvironment({ SUPERMEMORY_API_KEY: "k", PATH: "/bin", EMPTY: undefined })).toEqual({
    PATH: "/bin",
  });
});
