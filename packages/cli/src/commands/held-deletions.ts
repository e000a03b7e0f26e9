/** Deletions that are held, since they are many at once: shown, and asked about, before they are carried out. */
import { CliError, exitCodes } from "../cli-error.ts";
import type { DaemonStatus } from "../daemon/control-protocol.ts";
import { count, printable } from "../output.ts";
import type { CommandContext } from "./context.ts";

type Held = NonNullable<DaemonStatus["heldDeletions"]>;

/** What `--dry-run --json` prints when nothing is held, too. */
export const nothingHeld: Held = { count: 0, total: 0, changedCount: 0, paths: [] };

/** Lines that say what a confirmation would do, at most as many paths as were told. */
export function heldLines(held: Held): string[] {
  const { paths, changedCount } = held;
  const more = held.count - changedCount - paths.length;
  return [
    `${held.count.toLocaleString("en")} of ${count(held.total, "document")} are gone from the server. Deleted here would be:`,
    ...paths.map((path) => `  ${printable(path)}`),
    ...(more > 0 ? [`  and ${count(more, "other")}`] : []),
    ...(changedCount > 0
      ? [`${count(changedCount, "other")} changed here since: kept, and sent again`]
      : []),
  ];
}

/** Shows what will be deleted, and asks where somebody can answer. @throws CliError when the answer is no */
export async function confirmHeld({ output, ask }: CommandContext, held: Held): Promise<void> {
  for (const line of heldLines(held)) output.note(line);
  if ((await ask("Delete them here, too?")) !== false) return;
  throw new CliError(
    exitCodes.unsafe,
    "nothing was deleted here",
    "to keep the files on the server too, copy them out of the mount, confirm, and copy them back",
  );
}
