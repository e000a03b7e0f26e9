/**
 * `smfs conflicts`: what both sides changed and no rule could decide. A conflict version is a file, so settling one is
 * what a person would do by hand: renaming or removing it, in the mount, where every change is synced like any other.
 */
import { mkdirSync, readFileSync, renameSync, rmdirSync, statSync, unlinkSync } from "node:fs";
import { basename, dirname, join, relative, resolve } from "node:path";
import { conflictsDirectory } from "@smfs/core";
import { createTwoFilesPatch } from "diff";
import { CliError, type ExitCode, exitCodes } from "../cli-error.ts";
import type { KeptConflict } from "../daemon/control-protocol.ts";
import { findMount, withoutLinks } from "../find-mount.ts";
import { freePath } from "../free-path.ts";
import { diffBytesMax, diffMs } from "../limits.ts";
import type { MountRecord } from "../mount-records.ts";
import { bytes, isoTime, printable } from "../output.ts";
import { shellPath } from "../shell-path.ts";
import type { CommandContext } from "./context.ts";
import { daemonOf } from "./status.ts";

/** Whose bytes the path keeps. `merged`: those that it has now, edited by hand. */
export const keeps = ["mine", "theirs", "both", "merged"] as const;
export type Keep = (typeof keeps)[number];

export interface ConflictsOptions {
  readonly json?: boolean;
}

export interface ResolveOptions {
  readonly keep: Keep;
}

export async function conflictsCommand(
  context: CommandContext,
  target: string | undefined,
  options: ConflictsOptions,
): Promise<ExitCode> {
  const record = findMount(context.config().paths, target, context.cwd);
  const conflicts = await daemonOf(record).conflicts();
  const { output } = context;
  if (options.json === true) {
    output.json(conflicts);
    return exitCodes.done;
  }
  if (conflicts.length === 0) output.note(`there are no conflicts in ${record.container}`);
  for (const conflict of conflicts) {
    output.line(output.bold(printable(shellPath(inMount(record, conflict.path), context.cwd))));
    for (const line of described(conflict)) output.line(`  ${printable(line)}`);
  }
  if (conflicts.length > 0) {
    output.note("smfs conflicts diff FILE compares, smfs conflicts resolve FILE --keep … settles");
  }
  return exitCodes.done;
}

function described(conflict: KeptConflict): string[] {
  const { isOurs, device, theirs, versionPath, size, isEditedSince, atMs } = conflict;
  const who = isOurs ? `this device (${device})` : `device ${device}`;
  const other = theirs.device === null ? "another device" : `device ${theirs.device}`;
  return [
    `the path has what ${other} wrote${isEditedSince === true ? ", edited since" : ""}`,
    `kept beside it, from ${who}: ${versionPath} (${bytes(size)}, ${isoTime(atMs)})`,
  ];
}

/** `smfs conflicts diff FILE`: from what the path has to what was kept beside it. */
export async function conflictsDiffCommand(
  context: CommandContext,
  file: string,
): Promise<ExitCode> {
  const { record, conflict } = await findConflict(context, file);
  const [theirs, mine] = [conflict.path, conflict.versionPath].map((path) =>
    readText(record, path),
  );
  const { output } = context;
  if (theirs === undefined || mine === undefined) {
    for (const path of [conflict.path, conflict.versionPath]) {
      const { size } = statSync(inMount(record, path));
      output.line(`${printable(shellPath(inMount(record, path), context.cwd))}: ${bytes(size)}`);
    }
    output.note("they are no texts, or too long to compare line by line");
    return exitCodes.done;
  }
  const names = [conflict.path, conflict.versionPath].map((path) =>
    shellPath(inMount(record, path), context.cwd),
  );
  const [from = "", to = ""] = names.map(printable);
  const patch = createTwoFilesPatch(from, to, theirs, mine, "theirs", "mine", { timeout: diffMs });
  if (patch === undefined) {
    throw new CliError(
      exitCodes.failed,
      "they differ in too much to be compared",
      `diff ${from} ${to}`,
    );
  }
  for (const line of patch.replace(/\n$/, "").split("\n")) output.line(printable(line));
  return exitCodes.done;
}

/** A text that can be compared; undefined for any other bytes. */
function readText(record: MountRecord, path: string): string | undefined {
  const at = inMount(record, path);
  const stat = statSync(at, { throwIfNoEntry: false });
  if (stat === undefined) return "";
  if (!stat.isFile() || stat.size > diffBytesMax) return undefined;
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(readFileSync(at));
  } catch (error) {
    if (error instanceof TypeError) return undefined;
    throw error;
  }
}

/** `smfs conflicts resolve FILE --keep …`. */
export async function conflictsResolveCommand(
  context: CommandContext,
  file: string,
  { keep }: ResolveOptions,
): Promise<ExitCode> {
  const { record, conflict } = await findConflict(context, file);
  const shown = printable(shellPath(inMount(record, conflict.path), context.cwd));
  const said = settle(record, conflict, keep);
  prune(record, dirname(inMount(record, conflict.versionPath)));
  context.output.line(`${shown}: ${said}`);
  return exitCodes.done;
}

/** @returns what it did, as the end of a sentence */
function settle(record: MountRecord, conflict: KeptConflict, keep: Keep): string {
  const [path, version] = [inMount(record, conflict.path), inMount(record, conflict.versionPath)];
  switch (keep) {
    case "mine":
      refuseDirectory(path);
      mkdirSync(dirname(path), { recursive: true });
      renameSync(version, path);
      return "has the version that was kept beside it; the other one is in its history";
    case "theirs":
      unlinkSync(version);
      return "stays as it is; the version beside it is gone";
    case "both": {
      const beside = freePath(path, conflict.device);
      mkdirSync(dirname(beside), { recursive: true });
      renameSync(version, beside);
      return `stays as it is; the other version is ${printable(basename(beside))} in the same directory`;
    }
    case "merged":
      // What nobody has touched since cannot have both sides in it.
      if (conflict.isEditedSince === false) {
        throw new CliError(
          exitCodes.conflict,
          `${printable(conflict.path)} is still exactly what the other side wrote`,
          "edit it until it has both, or give --keep theirs",
        );
      }
      unlinkSync(version);
      return "stays as you edited it; the version beside it is gone";
  }
}

function refuseDirectory(path: string): void {
  if (statSync(path, { throwIfNoEntry: false })?.isDirectory() !== true) return;
  throw new CliError(
    exitCodes.conflict,
    `${printable(path)} is a directory by now`,
    "--keep both puts the version beside it",
  );
}

/** Directories that held nothing but versions go with the last one. */
function prune(record: MountRecord, from: string): void {
  const top = inMount(record, `/${conflictsDirectory}`);
  for (let dir = from; dir === top || dir.startsWith(`${top}/`); dir = dirname(dir)) {
    try {
      rmdirSync(dir);
    } catch {
      // It has other versions, or went with another one: both are fine.
      return;
    }
  }
}

/** The conflict that a file of a mount has a part in: as the path that both changed, or as the version beside it. */
async function findConflict(
  context: CommandContext,
  file: string,
): Promise<{ readonly record: MountRecord; readonly conflict: KeptConflict }> {
  const record = findMount(context.config().paths, file, context.cwd);
  const path = `/${relative(record.path, withoutLinks(resolve(context.cwd, file)))}`;
  const all = await daemonOf(record).conflicts();
  const found = all.filter((each) => each.path === path || each.versionPath === path);
  const [conflict, ...more] = found;
  if (conflict === undefined) {
    throw new CliError(
      exitCodes.notFound,
      `${printable(file)} has no conflict`,
      "smfs conflicts lists them",
    );
  }
  if (more.length > 0) {
    const versions = found.map(({ versionPath }) =>
      shellPath(inMount(record, versionPath), context.cwd),
    );
    throw new CliError(
      exitCodes.conflict,
      `${printable(file)} has ${found.length} versions beside it`,
      `say which: ${versions.map(printable).join(", ")}`,
    );
  }
  return { record, conflict };
}

function inMount(record: MountRecord, path: string): string {
  return join(record.path, path);
}
