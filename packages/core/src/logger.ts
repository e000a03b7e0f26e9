/** Structured log lines. Only `cli` knows how they are written. */

export type LogLevel = "debug" | "info" | "warn" | "error";

/** Fields of a log line: never content, never a key. */
export type LogFields = Readonly<Record<string, string | number | boolean | undefined>>;

export interface Logger {
  log(level: LogLevel, message: string, fields?: LogFields): void;
}

/** Drops every line. */
export const silentLogger: Logger = { log: () => undefined };
