/** The log of a daemon: one JSON object a line (pino), owner-only, kept within a bound. */
import { existsSync, renameSync, statSync } from "node:fs";
import { dirname } from "node:path";
import type { LogFields, Logger, LogLevel } from "@smfs/core";
import { destination, pino, stdTimeFunctions } from "pino";
import { logBytesMax } from "../limits.ts";
import { ensurePrivateDir } from "../private-files.ts";

/** Lines between two looks at the file's size. */
const sizeCheckLines = 1000;

export class LogFile implements Logger {
  readonly #path: string;
  readonly #destination: ReturnType<typeof destination>;
  readonly #pino: ReturnType<typeof pino>;
  #lines = 0;

  /**
   * Opens (or goes on with) the log at `path`.
   * @param alsoError whether lines also go to standard error, for a daemon in the foreground
   */
  constructor(path: string, options: { readonly level?: LogLevel; readonly alsoError?: boolean }) {
    ensurePrivateDir(dirname(path));
    this.#path = path;
    rotate(path);
    // Synchronous: the last lines before a crash are the ones that are wanted.
    this.#destination = destination({ dest: path, append: true, sync: true, mode: 0o600 });
    // A full disk costs lines, not the daemon.
    this.#destination.on("error", () => undefined);
    const settings = {
      level: options.level ?? "info",
      base: { pid: process.pid },
      timestamp: stdTimeFunctions.isoTime,
    };
    const both = {
      write: (line: string) => {
        this.#destination.write(line);
        process.stderr.write(line);
      },
    };
    this.#pino = pino(settings, options.alsoError === true ? both : this.#destination);
  }

  log(level: LogLevel, message: string, fields?: LogFields): void {
    this.#pino[level](fields ?? {}, message);
    this.#lines += 1;
    if (this.#lines % sizeCheckLines === 0 && rotate(this.#path)) this.#destination.reopen();
  }

  close(): void {
    this.#destination.flushSync();
    this.#destination.end();
  }
}

/** Moves a log that is too large aside. The one before it goes. */
function rotate(path: string): boolean {
  if (!existsSync(path) || statSync(path).size <= logBytesMax) return false;
  renameSync(path, `${path}.1`);
  return true;
}
