/** What every command gets: where to print, the time, where we are, and settings when it asks for them. */
import type { Clock } from "@smfs/core";
import { ask } from "../ask.ts";
import { type Config, loadConfig, type ServerFlags } from "../config.ts";
import type { Output } from "../output.ts";

export interface CommandContext {
  readonly output: Output;
  readonly clock: Clock;
  /** Absolute path that relative paths mean. */
  readonly cwd: string;
  /** Asks the person at the terminal; undefined when there is none. */
  ask(question: string): Promise<boolean | undefined>;
  config(flags?: ServerFlags): Config;
}

export function commandContext(output: Output, clock: Clock): CommandContext {
  const cwd = process.cwd();
  return { output, clock, cwd, ask, config: (flags = {}) => loadConfig(flags, undefined, cwd) };
}
