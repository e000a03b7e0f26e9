/** Options that commands share, and how their values are read. */
import { type Command, InvalidArgumentError } from "commander";
import type { ExitCode } from "./cli-error.ts";
import type { CommandContext } from "./commands/context.ts";

/** Runs a command and notes its exit code. */
export type Run = (
  command: (context: CommandContext) => Promise<ExitCode> | ExitCode,
) => Promise<void>;

/** A whole number within bounds, for an option's value. */
export function wholeNumber(min: number, max: number): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (!/^\d+$/.test(text) || value < min || value > max) {
      throw new InvalidArgumentError(`It is a whole number from ${min} to ${max}.`);
    }
    return value;
  };
}

const unitMs: Readonly<Record<string, number>> = {
  s: 1000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
  w: 7 * 86_400_000,
};

/** A span of time: `30s`, `90m`, `12h`, `30d`, `2w`, in milliseconds; at most `daysMax` days. */
export function lifetime(daysMax: number): (text: string) => number {
  return (text) => {
    const [, digits = "", unit = ""] = /^(\d{1,6})([smhdw])$/.exec(text) ?? [];
    const ms = Number(digits) * (unitMs[unit] ?? 0);
    if (ms === 0 || ms > daysMax * 86_400_000) {
      throw new InvalidArgumentError(`It is a time such as 12h, 30d or 8w, at most ${daysMax}d.`);
    }
    return ms;
  };
}

/** Options that say which server is meant. */
export function withServer(command: Command): Command {
  return command
    .option("--api-url <url>", "server to use instead of this machine's own")
    .option("--key-file <file>", "file with the server's key")
    .option("--key <key>", "the key itself (a file is safer: others can see a command line)");
}
