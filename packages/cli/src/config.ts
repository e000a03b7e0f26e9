/** Settings: flags over environment over config file over defaults. The only reader of environment variables. */
import { homedir } from "node:os";
import { isAbsolute, join, resolve } from "node:path";
import { CliError, exitCodes } from "./cli-error.ts";
import { readJsonObject } from "./private-files.ts";

/** Where the program keeps things. Another set of XDG variables is another device. */
export interface Paths {
  /** Stores and the embedded server's documents. */
  readonly data: string;
  /** Logs and records of what runs. */
  readonly state: string;
  /** Control sockets. */
  readonly runtime: string;
  readonly config: string;
}

/** The server a command talks to. */
export type ServerSetting =
  /** The memory server of this machine, started when it is needed. */
  | { readonly kind: "embedded" }
  | {
      readonly kind: "remote";
      readonly apiUrl: string;
      readonly key: KeySource | undefined;
    };

export type KeySource =
  | { readonly kind: "value"; readonly key: string }
  | { readonly kind: "file"; readonly path: string };

/** Flags that any command may have. */
export interface ServerFlags {
  readonly apiUrl?: string | undefined;
  readonly key?: string | undefined;
  readonly keyFile?: string | undefined;
}

export interface Config {
  readonly paths: Paths;
  readonly server: ServerSetting;
  /** How the user calls this program, for advice that can be pasted. */
  readonly command: string;
}

export type Environment = Readonly<Record<string, string | undefined>>;

/** Where keys are sent that come without a URL: the API that issued them. */
const hostedUrl = "https://api.supermemory.ai";

/**
 * All settings of a command.
 * @param flags as given on the command line
 * @param cwd that relative paths mean
 * @throws CliError for values that cannot be used, naming where they came from
 */
export function loadConfig(
  flags: ServerFlags = {},
  env: Environment = process.env,
  cwd: string = process.cwd(),
): Config {
  const paths = xdgPaths(env);
  const file = join(paths.config, "config.json");
  const stored = readJsonObject(file) ?? {};
  const storedText = (name: string): string | undefined => {
    const value = stored[name];
    if (value === undefined || typeof value === "string") return value;
    throw new CliError(exitCodes.usage, `${name} in ${file} must be a string`);
  };
  if (flags.key !== undefined && flags.keyFile !== undefined) {
    throw new CliError(exitCodes.usage, "--key and --key-file exclude each other");
  }
  const key =
    keySource(flags.key, flags.keyFile, cwd) ??
    keySource(env.SUPERMEMORY_API_KEY, env.SMFS_KEY_FILE, cwd) ??
    keySource(undefined, storedText("keyFile"), paths.config);
  const apiUrl =
    url(flags.apiUrl, "--api-url") ??
    url(env.SMFS_API_URL, "SMFS_API_URL") ??
    url(env.SUPERMEMORY_API_URL, "SUPERMEMORY_API_URL") ??
    url(storedText("apiUrl"), `apiUrl in ${file}`) ??
    (key === undefined ? undefined : hostedUrl);
  return {
    paths,
    server: apiUrl === undefined ? { kind: "embedded" } : { kind: "remote", apiUrl, key },
    // npm sets this for commands that it runs through npx: there the bare name would not be found.
    command: env.npm_command === "exec" ? "npx --no smfs" : "smfs",
  };
}

/** Directories after the XDG base directory specification; a value that is not absolute does not count. */
function xdgPaths(env: Environment): Paths {
  const home = env.HOME ?? homedir();
  const base = (name: string): string | undefined => {
    const value = env[name];
    return value !== undefined && isAbsolute(value) ? join(value, "smfs") : undefined;
  };
  const state = base("XDG_STATE_HOME") ?? join(home, ".local", "state", "smfs");
  return {
    data: base("XDG_DATA_HOME") ?? join(home, ".local", "share", "smfs"),
    state,
    // Without a runtime directory (cron, containers) sockets go beside the records.
    runtime: base("XDG_RUNTIME_DIR") ?? join(state, "run"),
    config: base("XDG_CONFIG_HOME") ?? join(home, ".config", "smfs"),
  };
}

function keySource(
  key: string | undefined,
  file: string | undefined,
  base: string,
): KeySource | undefined {
  if (key !== undefined && key !== "") return { kind: "value", key: checkKey(key, "the key") };
  if (file !== undefined && file !== "") return { kind: "file", path: resolve(base, file) };
  return undefined;
}

/**
 * A key that can be sent in a header: printable ASCII without spaces. Its own text never appears in a message.
 * @throws CliError
 */
export function checkKey(key: string, where: string): string {
  if (/^[\x21-\x7e]{1,4096}$/.test(key)) return key;
  throw new CliError(
    exitCodes.usage,
    `${where} is not a key: a key is one line of printable characters without spaces`,
  );
}

/** What the environment says of the memory server (server-config.ts). */
export interface ServerEnvironment {
  readonly config: string | undefined;
  readonly embedder: string | undefined;
  readonly embedderModel: string | undefined;
  readonly embedderKeyFile: string | undefined;
}

export function serverEnvironment(env: Environment = process.env): ServerEnvironment {
  const text = (name: string) => (env[name] === "" ? undefined : env[name]);
  return {
    config: text("SMFS_SERVER_CONFIG"),
    embedder: text("SMFS_EMBEDDER"),
    embedderModel: text("SMFS_EMBEDDER_MODEL"),
    embedderKeyFile: text("SMFS_EMBEDDER_KEY_FILE"),
  };
}

/** Names of what the kernel offers and a mount is to leave unused (SMFS_FUSE_WITHOUT, docs/operations.md). */
export function fuseWithout(env: Environment = process.env): readonly string[] {
  const text = env.SMFS_FUSE_WITHOUT ?? "";
  return text
    .split(",")
    .map((name) => name.trim())
    .filter((name) => name !== "");
}

/** A base URL without a trailing slash. @throws CliError for what is none */
export function checkUrl(value: string, from: string): string {
  const fail = (why: string, hint: string): never => {
    throw new CliError(exitCodes.usage, `${from}: ${JSON.stringify(value)} ${why}`, hint);
  };
  const parsed = URL.canParse(value) ? new URL(value) : undefined;
  if (parsed === undefined || (parsed.protocol !== "http:" && parsed.protocol !== "https:")) {
    return fail("is not the address of a server", "it looks like http://127.0.0.1:6767");
  }
  if (parsed.username !== "" || parsed.password !== "") {
    return fail("contains a password", "give the key with --key-file FILE");
  }
  if (parsed.search !== "" || parsed.hash !== "") {
    return fail("has a query", "it looks like http://127.0.0.1:6767");
  }
  return `${parsed.origin}${parsed.pathname}`.replace(/\/+$/, "");
}

function url(value: string | undefined, from: string): string | undefined {
  return value === undefined || value === "" ? undefined : checkUrl(value, from);
}

/** Environment for a process of ours that must not inherit keys. */
export function childEnvironment(env: Environment = process.env): Record<string, string> {
  const child: Record<string, string> = {};
  for (const [name, value] of Object.entries(env)) {
    if (value !== undefined && name !== "SUPERMEMORY_API_KEY") child[name] = value;
  }
  return child;
}

/** Whether colours and progress lines are unwanted although there is a terminal: NO_COLOR, or a dumb one. */
export function isPlainTerminal(env: Environment = process.env): boolean {
  return (env.NO_COLOR ?? "") !== "" || env.TERM === "dumb";
}
