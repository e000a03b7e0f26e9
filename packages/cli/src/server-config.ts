/**
 * Settings of the memory server: flags over environment over `server.json` over defaults. The embedded server takes
 * from them what concerns its index and its limits; where it listens is its own affair.
 */
import { dirname, join, resolve } from "node:path";
import type { LogLevel } from "@smfs/core";
import type { RateLimitOptions, SearchDocumentId, ServerLimits } from "@smfs/server";
import * as z from "zod/mini";
import { CliError, exitCodes } from "./cli-error.ts";
import { checkKey, checkUrl, type KeySource, type ServerEnvironment } from "./config.ts";
import {
  rateRequestsMax,
  rateWindowSMax,
  serverPort,
  serverTextBytesMax,
  serverTextBytesMin,
  serverUploadBytesMax,
} from "./limits.ts";
import { readSmallFile } from "./private-files.ts";

/** A model behind an OpenAI-compatible endpoint. */
export interface EndpointSetting {
  readonly kind: "endpoint";
  readonly baseUrl: string;
  readonly model: string;
  /** Absolute; null: the endpoint asks for no key. */
  readonly keyFile: string | null;
}

/** What sharpens the index. */
export type EmbedderSetting =
  /** The built-in table alone. */
  | { readonly kind: "static" }
  /** The small transformer; `isAsked` tells whether somebody wants to know when it is not there. */
  | { readonly kind: "minilm"; readonly isAsked: boolean }
  | EndpointSetting;

/** What the embedded server and `smfs serve` have in common; travels over the launch channel. */
export interface IndexSettings {
  readonly embedder: EmbedderSetting;
  readonly facts: EndpointSetting | null;
  readonly limits: Partial<ServerLimits>;
  readonly searchDocumentId: SearchDocumentId;
}

export interface TlsFiles {
  readonly certFile: string;
  readonly keyFile: string;
}

export interface ServerConfig {
  readonly index: IndexSettings;
  readonly host: string;
  readonly port: number;
  /** Undefined: the embedded server's. */
  readonly dataDir: string | undefined;
  /** Undefined: generated, and kept with the data. */
  readonly key: KeySource | undefined;
  readonly auth: "key" | "loopback";
  readonly tls: TlsFiles | undefined;
  readonly allowHttp: boolean;
  /** How clients reach it through a proxy, without a trailing slash. */
  readonly publicUrl: string | undefined;
  readonly rateLimit: RateLimitOptions | undefined;
  readonly logLevel: LogLevel;
  readonly logFile: string | undefined;
}

export interface ServerConfigFlags {
  readonly config?: string;
  readonly host?: string;
  readonly port?: number;
  readonly data?: string;
  readonly key?: string;
  readonly keyFile?: string;
  readonly auth?: "key" | "loopback";
  readonly tlsCert?: string;
  readonly tlsKey?: string;
  readonly allowHttp?: boolean;
  readonly publicUrl?: string;
  readonly embedder?: string;
  readonly embedderModel?: string;
  readonly embedderKeyFile?: string;
  readonly logLevel?: LogLevel;
  readonly logFile?: string;
}

const text = z.string().check(z.minLength(1), z.maxLength(4096));
const number = (min: number, max: number) => z.int().check(z.minimum(min), z.maximum(max));
const endpoint = z.strictObject({ url: text, model: text, keyFile: z.optional(text) });
const embedderNames = ["auto", "static", "minilm"] as const;

const FileSchema = z.strictObject({
  host: z.optional(text),
  port: z.optional(number(0, 65_535)),
  data: z.optional(text),
  keyFile: z.optional(text),
  auth: z.optional(z.enum(["key", "loopback"])),
  tls: z.optional(z.strictObject({ cert: text, key: text })),
  allowHttp: z.optional(z.boolean()),
  publicUrl: z.optional(text),
  limits: z.optional(
    z.strictObject({
      textBytes: z.optional(number(serverTextBytesMin, serverTextBytesMax)),
      uploadBytes: z.optional(number(serverTextBytesMin, serverUploadBytesMax)),
    }),
  ),
  rateLimit: z.optional(
    z.strictObject({
      requests: number(1, rateRequestsMax),
      windowSeconds: number(1, rateWindowSMax),
    }),
  ),
  search: z.optional(z.strictObject({ documentId: z.optional(z.enum(["id", "customId"])) })),
  embedder: z.optional(z.union([z.enum(embedderNames), endpoint])),
  facts: z.optional(endpoint),
  log: z.optional(
    z.strictObject({
      level: z.optional(z.enum(["debug", "info", "warn", "error"])),
      file: z.optional(text),
    }),
  ),
});
type ServerFile = z.infer<typeof FileSchema>;

/**
 * All settings of a server.
 * @param places.configDir where `server.json` is looked for when no file is named
 * @param places.cwd that relative paths of flags and variables mean; those in the file are relative to it
 * @throws CliError for what cannot be used, naming where it came from
 */
export function loadServerConfig(
  flags: ServerConfigFlags,
  env: ServerEnvironment,
  places: { readonly configDir: string; readonly cwd: string },
): ServerConfig {
  const { cwd } = places;
  const named = flags.config ?? env.config;
  const path = named === undefined ? join(places.configDir, "server.json") : resolve(cwd, named);
  const file = readServerFile(path, named !== undefined);
  const base = dirname(path);
  const fromFile = (name: string | undefined) =>
    name === undefined ? undefined : resolve(base, name);
  const chosen = (flag: string | undefined, stored: string | undefined) =>
    flag === undefined ? fromFile(stored) : resolve(cwd, flag);
  return {
    index: {
      embedder: embedderOf(flags, env, file, { cwd, base, path }),
      facts: file.facts === undefined ? null : endpointOf(file.facts, "facts", { base, path }),
      limits: limitsOf(file),
      searchDocumentId: file.search?.documentId ?? "id",
    },
    host: flags.host ?? file.host ?? "127.0.0.1",
    port: flags.port ?? file.port ?? serverPort,
    dataDir: chosen(flags.data, file.data),
    key: keyOf(flags, cwd) ?? keyFile(fromFile(file.keyFile)),
    auth: flags.auth ?? file.auth ?? "key",
    tls: tlsOf(chosen(flags.tlsCert, file.tls?.cert), chosen(flags.tlsKey, file.tls?.key)),
    allowHttp: flags.allowHttp ?? file.allowHttp ?? false,
    publicUrl: url(flags.publicUrl, "--public-url") ?? url(file.publicUrl, `publicUrl in ${path}`),
    rateLimit: file.rateLimit && {
      requests: file.rateLimit.requests,
      windowMs: file.rateLimit.windowSeconds * 1000,
    },
    logLevel: flags.logLevel ?? file.log?.level ?? "info",
    logFile: chosen(flags.logFile, file.log?.file),
  };
}

function readServerFile(path: string, isNamed: boolean): ServerFile {
  const content = readSmallFile(path);
  if (content === undefined) {
    if (!isNamed) return {};
    throw new CliError(exitCodes.notFound, `there is no configuration file ${path}`);
  }
  let value: unknown;
  try {
    value = JSON.parse(content);
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    // A setting that is not read may be the one that closes a door: nothing is served with half of them.
    throw new CliError(exitCodes.usage, `${path} is not JSON: ${error.message}`);
  }
  const parsed = FileSchema.safeParse(value);
  if (parsed.success) return parsed.data;
  throw new CliError(
    exitCodes.usage,
    `${path}: ${describe(parsed.error.issues[0])}`,
    "docs/server.md lists the settings",
  );
}

/** What a schema's first issue means, in words: `port: 0 to 65535`, `unknown setting tsl`. */
function describe(issue: z.core.$ZodIssue | undefined): string {
  if (issue === undefined) return "it cannot be used";
  const where = issue.path.length === 0 ? "" : `${issue.path.join(".")}: `;
  switch (issue.code) {
    case "unrecognized_keys":
      return `${where}unknown setting ${issue.keys.join(", ")}`;
    case "invalid_type":
      return `${where}a value of type ${issue.expected} is needed`;
    case "too_small":
      return `${where}it is at least ${issue.minimum}`;
    case "too_big":
      return `${where}it is at most ${issue.maximum}`;
    case "invalid_value":
      return `${where}it is one of ${issue.values.join(", ")}`;
    case "invalid_union":
      return `${where}it is one of ${embedderNames.join(", ")}, or {"url", "model", "keyFile"}`;
    default:
      return `${where}it cannot be used`;
  }
}

function limitsOf({ limits }: ServerFile): Partial<ServerLimits> {
  const { textBytes, uploadBytes } = limits ?? {};
  return {
    ...(textBytes === undefined
      ? {}
      : // As the server's own: every second character may be escaped, and there are fields beside the text.
        { textBytesMax: textBytes, jsonBytesMax: 2 * textBytes + (1 << 20) }),
    ...(uploadBytes === undefined ? {} : { uploadBytesMax: uploadBytes }),
  };
}

function keyOf(flags: ServerConfigFlags, cwd: string): KeySource | undefined {
  if (flags.key !== undefined && flags.keyFile !== undefined) {
    throw new CliError(exitCodes.usage, "--key and --key-file exclude each other");
  }
  if (flags.key !== undefined) return { kind: "value", key: checkKey(flags.key, "--key") };
  return keyFile(flags.keyFile === undefined ? undefined : resolve(cwd, flags.keyFile));
}

function url(value: string | undefined, from: string): string | undefined {
  return value === undefined ? undefined : checkUrl(value, from);
}

function keyFile(path: string | undefined): KeySource | undefined {
  return path === undefined ? undefined : { kind: "file", path };
}

function tlsOf(certFile: string | undefined, keyFile: string | undefined): TlsFiles | undefined {
  if (certFile === undefined && keyFile === undefined) return undefined;
  if (certFile === undefined || keyFile === undefined) {
    throw new CliError(
      exitCodes.usage,
      "TLS needs a certificate and its key",
      "give both: --tls-cert FILE --tls-key FILE",
    );
  }
  return { certFile, keyFile };
}

/** The embedder of a flag, else of the environment, else of the file: a source is taken with its model and key. */
function embedderOf(
  flags: ServerConfigFlags,
  env: ServerEnvironment,
  file: ServerFile,
  { cwd, base, path }: { readonly cwd: string; readonly base: string; readonly path: string },
): EmbedderSetting {
  const flag = {
    name: flags.embedder,
    model: flags.embedderModel ?? env.embedderModel,
    keyFile: flags.embedderKeyFile ?? env.embedderKeyFile,
    from: "--embedder",
  };
  const variable = {
    name: env.embedder,
    model: env.embedderModel,
    keyFile: env.embedderKeyFile,
    from: "SMFS_EMBEDDER",
  };
  for (const { name, model, keyFile, from } of [flag, variable]) {
    if (name === undefined) continue;
    const known = knownEmbedder(name);
    if (known !== undefined) return known;
    if (model === undefined) {
      throw new CliError(
        exitCodes.usage,
        `${from} ${JSON.stringify(name)} needs the name of a model`,
        `an embedder is one of ${embedderNames.join(", ")}, or the address of an OpenAI-compatible endpoint with its model in --embedder-model`,
      );
    }
    return {
      kind: "endpoint",
      baseUrl: checkUrl(name, from),
      model,
      keyFile: keyFile === undefined ? null : resolve(cwd, keyFile),
    };
  }
  const stored = file.embedder ?? "auto";
  if (typeof stored === "object") return endpointOf(stored, "embedder", { base, path });
  return knownEmbedder(stored) ?? { kind: "static" };
}

function knownEmbedder(name: string): EmbedderSetting | undefined {
  switch (name) {
    case "auto":
      return { kind: "minilm", isAsked: false };
    case "minilm":
      return { kind: "minilm", isAsked: true };
    case "static":
      return { kind: "static" };
    default:
      return undefined;
  }
}

function endpointOf(
  { url, model, keyFile }: z.infer<typeof endpoint>,
  name: string,
  { base, path }: { readonly base: string; readonly path: string },
): EndpointSetting {
  return {
    kind: "endpoint",
    baseUrl: checkUrl(url, `${name}.url in ${path}`),
    model,
    keyFile: keyFile === undefined ? null : resolve(base, keyFile),
  };
}
