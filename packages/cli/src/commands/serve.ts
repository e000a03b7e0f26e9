/** `smfs serve`: the memory server in the foreground, for other programs and other machines' clients. */
import { join, resolve } from "node:path";
import { type LogFields, type Logger, type LogLevel, systemRandom } from "@smfs/core";
import { type ExitCode, exitCodes } from "../cli-error.ts";
import { checkKey } from "../config.ts";
import { generatedKey, readKey } from "../credentials.ts";
import { embeddedPaths } from "../embedded-server.ts";
import { serverPort } from "../limits.ts";
import { runMemoryServer } from "../memory-server.ts";
import { type Output, printable } from "../output.ts";
import { ensurePrivateDir } from "../private-files.ts";
import { onceSignalled } from "../signals.ts";
import type { CommandContext } from "./context.ts";

export interface ServeOptions {
  readonly port?: number;
  readonly key?: string;
  readonly keyFile?: string;
  readonly data?: string;
}

export async function serveCommand(
  context: CommandContext,
  options: ServeOptions,
): Promise<ExitCode> {
  const { output, cwd } = context;
  const { paths } = context.config(options);
  const dataDir = ensurePrivateDir(
    options.data === undefined ? embeddedPaths(paths).dataDir : resolve(cwd, options.data),
  );
  const { key, keyFile } = serveKey(options, dataDir, cwd);
  const server = await runMemoryServer({
    dataDir,
    key,
    port: options.port ?? serverPort,
    portTries: 0,
    logger: new NoteLogger(output),
  });
  output.line(`memory server on ${output.bold(server.apiUrl)}`);
  output.line(`  data  ${dataDir}`);
  output.line(`  key   ${keyFile === null ? "as given" : `in ${keyFile}`}`);
  output.line("");
  output.line("Mount from it:");
  output.line(`  smfs mount notes --api-url ${server.apiUrl} --key-file ${keyFile ?? "FILE"}`);
  output.line("Ctrl-C ends it.");
  await onceSignalled();
  output.note("ending");
  await server.close();
  return exitCodes.done;
}

/** The given key, the key in the given file, or one that is generated and kept with the data. */
function serveKey(
  options: ServeOptions,
  dataDir: string,
  cwd: string,
): { readonly key: string; readonly keyFile: string | null } {
  if (options.key !== undefined) return { key: checkKey(options.key, "--key"), keyFile: null };
  if (options.keyFile !== undefined)
    return readKey({ kind: "file", path: resolve(cwd, options.keyFile) });
  const keyFile = join(dataDir, "key");
  return { key: generatedKey(keyFile, systemRandom), keyFile };
}

/** Warnings and errors as lines for the person who started the server. */
class NoteLogger implements Logger {
  readonly #output: Output;

  constructor(output: Output) {
    this.#output = output;
  }

  log(level: LogLevel, message: string, fields: LogFields = {}): void {
    if (level === "debug" || level === "info") return;
    const told = Object.entries(fields).map(([name, value]) => `${name}=${value}`);
    this.#output.note(printable([`${level}: ${message}`, ...told].join(" ")));
  }
}
