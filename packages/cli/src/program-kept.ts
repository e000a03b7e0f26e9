/** The grammar of the commands that deal with what was kept: `conflicts` and `trash`. */
import { trashDays } from "@smfs/core";
import { type Command, Option } from "commander";
import type { ConflictsOptions, ResolveOptions } from "./commands/conflicts.ts";
import type { TrashEmptyOptions, TrashOptions, TrashRestoreOptions } from "./commands/trash.ts";
import { keyLifeDaysMax } from "./limits.ts";
import { lifetime, type Run, wholeNumber } from "./program-options.ts";

const dayMs = 86_400_000;

export function addConflicts(program: Command, run: Run): void {
  const conflicts = program
    .command("conflicts")
    .description("files that two sides changed: list, compare, settle");
  conflicts
    .command("list", { isDefault: true })
    .argument("[path|container]", "mount to look at (default: the one you are in)")
    .description("conflicts that are not settled")
    .option("--json", "for programs")
    .action((target: string | undefined, options: ConflictsOptions) =>
      run(async (context) =>
        (await import("./commands/conflicts.ts")).conflictsCommand(context, target, options),
      ),
    );
  conflicts
    .command("diff")
    .argument("<file>", "the file, or the version kept beside it")
    .description("compare what the path has with what was kept beside it")
    .action((file: string) =>
      run(async (context) =>
        (await import("./commands/conflicts.ts")).conflictsDiffCommand(context, file),
      ),
    );
  conflicts
    .command("resolve")
    .argument("<file>", "the file, or the version kept beside it")
    .description("settle a conflict")
    .addOption(
      new Option(
        "--keep <which>",
        "mine: the kept version takes the path; theirs: it goes; both: it gets a name beside the path; merged: the path has both by now",
      )
        .choices(["mine", "theirs", "both", "merged"])
        .makeOptionMandatory(),
    )
    .action((file: string, options: ResolveOptions) =>
      run(async (context) =>
        (await import("./commands/conflicts.ts")).conflictsResolveCommand(context, file, options),
      ),
    );
}

export function addTrash(program: Command, run: Run): void {
  const trash = program
    .command("trash")
    .description("bytes that changes from elsewhere displaced: list, restore, empty");
  trash
    .command("list", { isDefault: true })
    .argument("[path|container]", "mount to look at (default: the one you are in)")
    .description("what is in the trash, the newest first")
    .option("--json", "for programs")
    .action((target: string | undefined, options: TrashOptions) =>
      run(async (context) =>
        (await import("./commands/trash.ts")).trashCommand(context, target, options),
      ),
    );
  trash
    .command("restore")
    .argument("<number>", "which item", wholeNumber(1, Number.MAX_SAFE_INTEGER))
    .description("write an item's bytes into the mount, over nothing")
    .option("--to <path>", "where to (default: where it was, or beside it when that is taken)")
    .option("--mount <path|container>", "the mount (default: the one you are in)")
    .action((id: number, options: TrashRestoreOptions) =>
      run(async (context) =>
        (await import("./commands/trash.ts")).trashRestoreCommand(context, id, options),
      ),
    );
  trash
    .command("empty")
    .argument("[path|container]", "mount to look at (default: the one you are in)")
    .description("let go of old items for ever")
    .addOption(
      new Option("--older-than <time>", "how long they have been there, such as 12h, 30d or 8w")
        .argParser(lifetime(keyLifeDaysMax))
        .default(trashDays * dayMs, `${trashDays}d`),
    )
    .action((target: string | undefined, options: TrashEmptyOptions) =>
      run(async (context) =>
        (await import("./commands/trash.ts")).trashEmptyCommand(context, target, options),
      ),
    );
}
