/** `smfs sync`: returns when both sides hold the same, or says what does not and why. */
import { CliError, type ExitCode, exitCodes } from "../cli-error.ts";
import type { SyncOutcome } from "../daemon/control-protocol.ts";
import { findMount } from "../find-mount.ts";
import { count, type Output } from "../output.ts";
import type { CommandContext } from "./context.ts";
import { confirmHeld, heldLines, nothingHeld } from "./held-deletions.ts";
import { daemonOf, printNotes } from "./status.ts";

export interface SyncOptions {
  readonly json?: boolean;
  /** Deletions that are held, since they are many at once, are wanted. */
  readonly confirmDeletes?: boolean;
  /** Only shows what `confirmDeletes` would delete. */
  readonly dryRun?: boolean;
  /** Does not ask whether it is meant. */
  readonly yes?: boolean;
}

export async function syncCommand(
  context: CommandContext,
  target: string | undefined,
  options: SyncOptions,
): Promise<ExitCode> {
  const { output } = context;
  const record = findMount(context.config().paths, target, context.cwd);
  const daemon = daemonOf(record);
  const confirmDeletes = options.confirmDeletes === true;
  if (options.dryRun === true && !confirmDeletes) {
    throw new CliError(
      exitCodes.usage,
      "--dry-run says nothing of its own",
      "smfs sync --confirm-deletes --dry-run shows what would be deleted",
    );
  }
  const held = confirmDeletes ? (await daemon.status()).heldDeletions : null;
  if (options.dryRun === true) {
    if (options.json === true) output.json(held ?? nothingHeld);
    else if (held === null) output.note("no deletions are held: nothing would be deleted here");
    else for (const line of heldLines(held)) output.line(line);
    return exitCodes.done;
  }
  if (held !== null && options.yes !== true && options.json !== true)
    await confirmHeld(context, held);
  const outcome = await daemon.sync({ confirmDeletes }, (text) => output.progress(text));
  output.endProgress();
  if (options.json === true) output.json(outcome);
  else if (outcome.safe) output.line(`${record.container} is in sync`);
  else printUnsafe(output, outcome);
  return outcome.safe ? exitCodes.done : exitCodes.unsafe;
}

/** What is only on this machine, and why. */
export function printUnsafe(output: Output, outcome: SyncOutcome): void {
  output.note(
    outcome.left === 0
      ? "not everything is in sync:"
      : `not everything is safe: ${count(outcome.left, "change")} only on this machine`,
  );
  printNotes(output, "because:", outcome.reasons);
  const more = outcome.left - outcome.reasons.length;
  if (outcome.reasons.length > 0 && more > 0) output.line(`  and ${count(more, "more change")}`);
}
