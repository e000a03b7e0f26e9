/**
 * The command line's grammar: every command, its options, what they mean. A command's own code is loaded when it is
 * called: a question to a daemon need not wait for the code of the server and the mount.
 */
import { Command, InvalidArgumentError, Option } from "commander";
import type { DoctorOptions } from "./commands/doctor.ts";
import type { GrepOptions } from "./commands/grep.ts";
import type { ListOptions } from "./commands/list.ts";
import type { LogsOptions } from "./commands/logs.ts";
import type { MountOptions } from "./commands/mount.ts";
import type { StatusOptions } from "./commands/status.ts";
import type { SyncOptions } from "./commands/sync.ts";
import type { UnmountOptions } from "./commands/unmount.ts";
import { packageVersion, type VersionOptions, versionCommand } from "./commands/version.ts";
import {
  cacheBytesMin,
  deletionScanIntervalS,
  drainTimeoutS,
  intervalSMax,
  logLines,
  logLinesMax,
  searchResults,
  searchResultsMax,
  startupTimeoutS,
  syncIntervalS,
} from "./limits.ts";
import { addConflicts, addTrash } from "./program-kept.ts";
import { type Run, wholeNumber, withServer } from "./program-options.ts";
import { addServe, addServer } from "./program-server.ts";

/** Bytes, with K, M, G or T for powers of 1024. */
export function byteSize(text: string): number {
  const [, digits = "", unit = ""] = /^(\d{1,12})([kmgt]?)(?:i?b)?$/i.exec(text.trim()) ?? [];
  const power = " kmgt".indexOf(unit === "" ? " " : unit.toLowerCase());
  const bytes = Number(digits) * 1024 ** power;
  if (digits === "" || bytes < cacheBytesMin || !Number.isSafeInteger(bytes)) {
    throw new InvalidArgumentError("It is a size of at least 1M, such as 500M or 2G.");
  }
  return bytes;
}

/** Paths separated by commas; the empty text is the empty list. */
function pathList(text: string): string[] {
  const paths = text === "" ? [] : text.split(",").map((path) => path.trim());
  for (const path of paths) {
    if (!path.startsWith("/")) throw new InvalidArgumentError("Each path begins with a slash.");
  }
  return paths;
}

const seconds = wholeNumber(1, intervalSMax);

export function buildProgram(run: Run): Command {
  const program = new Command("smfs")
    .description(
      "A memory container as a directory: mount it, write files, find them by what they mean.",
    )
    .version(packageVersion(), "-V, --version", "print the version")
    .showHelpAfterError("(smfs --help lists the commands)")
    .enablePositionalOptions();
  addMount(program, run);
  addUnmount(program, run);
  addQueries(program, run);
  addConflicts(program, run);
  addTrash(program, run);
  addServe(program, run);
  addServer(program, run);
  addDoctor(program, run);
  program
    .command("version")
    .description("what is installed")
    .option("--json", "for programs")
    .action((options: VersionOptions) => run((context) => versionCommand(context, options)));
  return program;
}

function addMount(program: Command, run: Run): void {
  withServer(
    program
      .command("mount")
      .argument("<container>", "name of the container")
      .description("make a container a directory"),
  )
    .option("--path <dir>", "where to mount it (default: ./<container>)")
    .option("--foreground", "stay in the foreground until Ctrl-C")
    .option("--no-sync", "do not take changes from elsewhere; yours are still sent")
    .option("--offline", "neither send nor take changes")
    .option(
      "--no-import",
      "mount over a directory that is not empty; its files are hidden meanwhile",
    )
    .option(
      "--sync-interval <s>",
      "seconds between polls of a server without a change feed",
      seconds,
      syncIntervalS,
    )
    .option(
      "--deletion-scan-interval <s>",
      "seconds between full comparisons with such a server",
      seconds,
      deletionScanIntervalS,
    )
    .option(
      "--startup-timeout <s>",
      "seconds to wait for the server's list of files",
      seconds,
      startupTimeoutS,
    )
    .option(
      "--drain-timeout <s>",
      "seconds without progress after which an ending daemon stops sending",
      seconds,
      drainTimeoutS,
    )
    .option(
      "--memory-paths <csv>",
      'paths that make memories, such as "/notes/,/journal.md"; "" for none',
      pathList,
    )
    .option("--allow-other", "let other users of this machine into the mount")
    .option("--read-only", "let nothing be changed through the mount")
    .option("--ephemeral", "leave nothing on this machine after unmounting")
    .addOption(
      new Option("--durability <when>", "when what is written survives a power loss")
        .choices(["fsync", "close", "write"])
        .default("fsync"),
    )
    .option(
      "--cache-size <size>",
      "bytes of files to keep here, such as 500M or 2G (default: all that were fetched)",
      byteSize,
    )
    .option("--ignore-file <file>", "patterns of files that stay here, beside those of .smfsignore")
    .option("--verbose", "log more")
    .action((container: string, options: MountOptions) =>
      run(async (context) =>
        (await import("./commands/mount.ts")).mountCommand(context, container, options),
      ),
    );
}

function addUnmount(program: Command, run: Run): void {
  program
    .command("unmount")
    .argument("[path|container]", "mount to take away (default: the one you are in)")
    .description("send what waits, then take a mount away")
    .option("--force", "also when it is in use or something is not sent; nothing is lost")
    .option(
      "--drain-timeout <s>",
      "seconds without progress after which it gives up",
      wholeNumber(0, intervalSMax),
      drainTimeoutS,
    )
    .action((target: string | undefined, options: UnmountOptions) =>
      run(async (context) =>
        (await import("./commands/unmount.ts")).unmountCommand(context, target, options),
      ),
    );
}

function addQueries(program: Command, run: Run): void {
  program
    .command("list")
    .description("the mounts there are")
    .option("--json", "for programs")
    .action((options: ListOptions) =>
      run(async (context) => (await import("./commands/list.ts")).listCommand(context, options)),
    );
  program
    .command("status")
    .argument("[path|container]", "mount to look at (default: the one you are in)")
    .description("what a mount does, and what is not on the server yet")
    .option("--json", "for programs")
    .action((target: string | undefined, options: StatusOptions) =>
      run(async (context) =>
        (await import("./commands/status.ts")).statusCommand(context, target, options),
      ),
    );
  program
    .command("sync")
    .argument("[path|container]", "mount to bring in sync (default: the one you are in)")
    .description("return when both sides hold the same, or say what does not (exit code 3)")
    .option("--confirm-deletes", "delete here, too, what is gone from the server in great number")
    .option("--dry-run", "with --confirm-deletes: only show what would be deleted")
    .option("--yes", "do not ask before deleting")
    .option("--json", "for programs")
    .action((target: string | undefined, options: SyncOptions) =>
      run(async (context) =>
        (await import("./commands/sync.ts")).syncCommand(context, target, options),
      ),
    );
  withServer(
    program
      .command("grep")
      .argument("<question>", "what you want to know, in plain words")
      .argument("[path]", "file or directory to look in (default: the current one)")
      .description("find passages by what they mean"),
  )
    .option("--tag <container>", "look in a container that is not mounted; path is a path in it")
    .option("-n, --line-number", "number the lines of each passage")
    .option("-m, --max-count <n>", "most passages", wholeNumber(1, searchResultsMax), searchResults)
    .option("--json", "for programs")
    .action((question: string, path: string | undefined, options: GrepOptions) =>
      run(async (context) =>
        (await import("./commands/grep.ts")).grepCommand(context, question, path, options),
      ),
    );
  program
    .command("logs")
    .argument("[path|container]", "mount whose log is shown (default: the one you are in)")
    .description("what a mount's daemon wrote")
    .option("-f, --follow", "go on as it grows")
    .option("--json", "lines as they are in the file")
    .addOption(
      new Option("-n, --lines <n>", "last lines to show")
        .argParser(wholeNumber(0, logLinesMax))
        .default(logLines),
    )
    .action((target: string | undefined, options: LogsOptions) =>
      run(async (context) =>
        (await import("./commands/logs.ts")).logsCommand(context, target, options),
      ),
    );
}

function addDoctor(program: Command, run: Run): void {
  withServer(
    program
      .command("doctor")
      .description("look at everything a mount needs, and say what is wrong and what to do"),
  )
    .option("--repair", "mend what can be mended; nothing is removed")
    .option("--deep", "also compare the digests of all files that are as the server has them")
    .option("--json", "for programs")
    .action((options: DoctorOptions) =>
      run(async (context) =>
        (await import("./commands/doctor.ts")).doctorCommand(context, options),
      ),
    );
}
