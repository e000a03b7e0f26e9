/**
 * What a server in the foreground tells: lines for people on a terminal, JSON lines for whoever collects them elsewhere,
 * and a log file when one is named. Never content, never keys: nothing of the kind is given to a logger.
 */
import type { LogFields, Logger, LogLevel } from "@smfs/core";
import { destination, pino, stdTimeFunctions } from "pino";
import { LogFile } from "./daemon/log-file.ts";
import { type Output, printable } from "./output.ts";

export interface ServeLogOptions {
  readonly level: LogLevel;
  /** Absolute. */
  readonly file: string | undefined;
  /** Whether a person reads standard error. */
  readonly isTerminal: boolean;
  readonly output: Output;
}

export interface ServeLog extends Logger {
  close(): void;
}

const ranks: Readonly<Record<LogLevel, number>> = { debug: 0, info: 1, warn: 2, error: 3 };

export function openServeLog(options: ServeLogOptions): ServeLog {
  const { level, file, isTerminal, output } = options;
  const logs: ServeLog[] = [];
  if (file !== undefined) logs.push(new LogFile(file, { level }));
  // A person sees what the command itself prints; of the log, what needs a look, or all that was asked for.
  if (isTerminal) logs.push(new NoteLog(output, level === "info" ? "warn" : level));
  else if (file === undefined) logs.push(jsonLog(level));
  return {
    log: (...line) => {
      for (const log of logs) log.log(...line);
    },
    close: () => {
      for (const log of logs) log.close();
    },
  };
}

/** One JSON object a line on standard error, as in a log file. */
function jsonLog(level: LogLevel): ServeLog {
  // Synchronous: the last lines before an end are the ones that are wanted.
  const stream = destination({ fd: 2, sync: true });
  const settings = { level, base: { pid: process.pid }, timestamp: stdTimeFunctions.isoTime };
  const logger = pino(settings, stream);
  return {
    log: (at, message, fields = {}) => logger[at](fields, message),
    close: () => stream.flushSync(),
  };
}

class NoteLog implements ServeLog {
  readonly #output: Output;
  readonly #level: LogLevel;

  constructor(output: Output, level: LogLevel) {
    this.#output = output;
    this.#level = level;
  }

  log(level: LogLevel, message: string, fields: LogFields = {}): void {
    if (ranks[level] < ranks[this.#level]) return;
    const told = Object.entries(fields).map(([name, value]) => `${name}=${value}`);
    this.#output.note(printable([`${level}: ${message}`, ...told].join(" ")));
  }

  close(): void {}
}
