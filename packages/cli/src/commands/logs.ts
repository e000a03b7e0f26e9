/** `smfs logs`: the last lines of a daemon's log, and what follows. */
import { closeSync, fstatSync, openSync, readSync, statSync } from "node:fs";
import pretty from "pino-pretty";
import { CliError, type ExitCode, exitCodes } from "../cli-error.ts";
import { findMount } from "../find-mount.ts";
import type { CommandContext } from "./context.ts";

export interface LogsOptions {
  readonly follow?: boolean;
  readonly lines: number;
  readonly json?: boolean;
}

const blockBytes = 64 << 10;
/** Milliseconds between two looks for new lines. */
const followMs = 250;

export async function logsCommand(
  context: CommandContext,
  target: string | undefined,
  options: LogsOptions,
): Promise<ExitCode> {
  const { logFile } = findMount(context.config().paths, target, context.cwd);
  const show = options.json === true ? (line: string) => line : prettyLine();
  let position: number;
  try {
    const tail = lastLines(logFile, options.lines);
    position = tail.end;
    for (const line of tail.lines) context.output.line(show(line));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
    throw new CliError(exitCodes.notFound, `there is no log at ${logFile}`);
  }
  // Ends with the process, by Ctrl-C, or when nobody reads any more.
  while (options.follow === true && !context.output.isClosed) {
    await context.clock.sleep(followMs);
    const more = linesAfter(logFile, position);
    position = more.end;
    for (const line of more.lines) context.output.line(show(line));
  }
  return exitCodes.done;
}

function prettyLine(): (line: string) => string {
  const format = pretty.prettyFactory({
    colorize: process.stdout.isTTY === true,
    translateTime: "SYS:yyyy-mm-dd HH:MM:ss.l",
    ignore: "pid",
    singleLine: true,
  });
  // A line that is not JSON (a crash of the runtime itself) is shown as it is.
  return (line) => (line.startsWith("{") ? format(line).trimEnd() : line);
}

interface Lines {
  readonly lines: readonly string[];
  /** Offset after the last whole line that was read. */
  readonly end: number;
}

/** The last `count` whole lines of a file, read from its end. */
export function lastLines(path: string, count: number): Lines {
  const fd = openSync(path, "r");
  try {
    const end = fstatSync(fd).size;
    let start = end;
    let text = Buffer.alloc(0);
    while (start > 0 && newlines(text) <= count) {
      const from = Math.max(0, start - blockBytes);
      const block = Buffer.alloc(start - from);
      readSync(fd, block, 0, block.length, from);
      text = Buffer.concat([block, text]);
      start = from;
    }
    const whole = text.subarray(0, text.lastIndexOf(0x0a) + 1);
    const lines = whole.toString("utf8").split("\n").slice(0, -1);
    return {
      lines: count === 0 ? [] : lines.slice(-count),
      end: end - (text.length - whole.length),
    };
  } finally {
    closeSync(fd);
  }
}

function newlines(bytes: Buffer): number {
  let found = 0;
  for (const byte of bytes) if (byte === 0x0a) found += 1;
  return found;
}

/** Whole lines after an offset, at most one block of them; from the start when the file was rotated. */
export function linesAfter(path: string, position: number): Lines {
  const size = statSync(path, { throwIfNoEntry: false })?.size ?? 0;
  const start = size < position ? 0 : position;
  if (size === start) return { lines: [], end: start };
  const fd = openSync(path, "r");
  try {
    const block = Buffer.alloc(Math.min(blockBytes, size - start));
    const got = readSync(fd, block, 0, block.length, start);
    const last = block.lastIndexOf(0x0a, got - 1) + 1;
    // A line longer than a block is shown in pieces rather than never.
    const length = last === 0 && got === blockBytes ? got : last;
    const text = block.toString("utf8", 0, length).replace(/\n$/, "");
    return { lines: length === 0 ? [] : text.split("\n"), end: start + length };
  } finally {
    closeSync(fd);
  }
}
