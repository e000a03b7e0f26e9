/** Runs one command line and says what came of it: results, or one sentence and what to do. Never a stack trace. */
import { systemClock } from "@smfs/core";
import { type Command, CommanderError } from "commander";
import { type ExitCode, exitCodes, toFailure } from "./cli-error.ts";
import { commandContext } from "./commands/context.ts";
import { isPlainTerminal } from "./config.ts";
import { type Output, printable, StreamOutput } from "./output.ts";
import { buildProgram } from "./program.ts";

/** @param args without the program's name */
export async function runCli(
  args: readonly string[],
  output: Output = new StreamOutput(process.stdout, process.stderr, isPlainTerminal()),
): Promise<ExitCode> {
  let code: ExitCode = exitCodes.done;
  const program = buildProgram(async (command) => {
    code = await command(commandContext(output, systemClock));
  });
  for (const command of withSubcommands(program)) {
    command.exitOverride().configureOutput({
      writeOut: (text) => output.line(text.trimEnd()),
      writeErr: (text) => output.note(text.trimEnd()),
    });
  }
  try {
    await program.parseAsync(args, { from: "user" });
    return code;
  } catch (error) {
    output.endProgress();
    if (error instanceof CommanderError)
      return error.exitCode === 0 ? exitCodes.done : exitCodes.usage;
    const failure = toFailure(error);
    output.note(`smfs: ${sentence(failure.message)}`);
    if (failure.hint !== undefined) output.note(`  ${sentence(failure.hint)}`);
    return failure.exitCode;
  }
}

function withSubcommands(command: Command): Command[] {
  return [command, ...command.commands.flatMap(withSubcommands)];
}

/** Message text may quote what the kernel or a server sent. */
function sentence(text: string): string {
  return text.split("\n").map(printable).join("\n  ");
}
