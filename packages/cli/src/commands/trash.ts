/** `smfs trash`: bytes that were displaced from elsewhere, or damaged: listed, put back, or let go of for ever. */
import { createWriteStream, existsSync, mkdirSync, renameSync, rmSync, statSync } from "node:fs";
import { basename, dirname, join, resolve } from "node:path";
import { pipeline } from "node:stream/promises";
import { toInstant } from "@smfs/core";
import { CliError, type ExitCode, exitCodes } from "../cli-error.ts";
import type { ControlClient } from "../daemon/control-client.ts";
import type { TrashNote } from "../daemon/control-protocol.ts";
import { findMount } from "../find-mount.ts";
import { freePath } from "../free-path.ts";
import { bytes, count, printable, table } from "../output.ts";
import { shellPath } from "../shell-path.ts";
import type { CommandContext } from "./context.ts";
import { daemonOf } from "./status.ts";

export interface TrashOptions {
  readonly json?: boolean;
}

export interface TrashRestoreOptions {
  /** Where to; beside the path that it had when that is taken. */
  readonly to?: string;
  /** The mount, when there is more than one. */
  readonly mount?: string;
}

export interface TrashEmptyOptions {
  /** Milliseconds that an item must have been there. */
  readonly olderThan: number;
}

export async function trashCommand(
  context: CommandContext,
  target: string | undefined,
  options: TrashOptions,
): Promise<ExitCode> {
  const { output } = context;
  const record = findMount(context.config().paths, target, context.cwd);
  const items = await daemonOf(record).trash();
  if (options.json === true) {
    output.json(items);
    return exitCodes.done;
  }
  if (items.length === 0) output.note(`the trash of ${record.container} is empty`);
  for (const line of table(items.map(shown))) output.line(line);
  if (items.length > 0) output.note("smfs trash restore NUMBER puts one back");
  return exitCodes.done;
}

function shown({ id, path, why, size, at, isHere }: TrashNote): string[] {
  return [
    String(id),
    at,
    bytes(size),
    printable(path),
    isHere ? why : `${why} (not on this machine)`,
  ];
}

/** `smfs trash restore NUMBER`: writes the bytes into the mount, over nothing. */
export async function trashRestoreCommand(
  context: CommandContext,
  id: number,
  options: TrashRestoreOptions,
): Promise<ExitCode> {
  const record = findMount(context.config().paths, options.mount ?? options.to, context.cwd);
  const daemon = daemonOf(record);
  const item = (await daemon.trash()).find((each) => each.id === id);
  if (item === undefined) {
    throw new CliError(exitCodes.notFound, `there is no ${id} in the trash`, "smfs trash lists it");
  }
  const place =
    options.to === undefined ? free(join(record.path, item.path)) : asked(context, options.to);
  await write(daemon, item, place);
  context.output.line(`restored ${printable(shellPath(place, context.cwd))}`);
  return exitCodes.done;
}

function asked({ cwd }: CommandContext, to: string): string {
  const path = resolve(cwd, to);
  if (!existsSync(path)) return path;
  throw new CliError(exitCodes.conflict, `${to} is there already`, "name a path that is free");
}

/** The path itself, or one beside it that nothing has. */
function free(path: string): string {
  return existsSync(path) ? freePath(path, "restored") : path;
}

/** Whole or not at all: the name appears when all bytes are there. */
async function write(daemon: ControlClient, item: TrashNote, place: string): Promise<void> {
  mkdirSync(dirname(place), { recursive: true });
  const bytesOf = await daemon.trashBytes(item.id);
  const partial = join(dirname(place), `.${basename(place).slice(0, 200)}.partial`);
  try {
    await pipeline(bytesOf, createWriteStream(partial, { flags: "wx" }));
    const { size } = statSync(partial);
    // Of bytes that come from the server, the size that was noted may be that of an earlier version.
    if (item.isHere && item.size !== size) {
      throw new CliError(exitCodes.failed, `only ${bytes(size)} of ${bytes(item.size)} came`);
    }
    renameSync(partial, place);
  } catch (error) {
    rmSync(partial, { force: true });
    throw error;
  }
}

/** `smfs trash empty --older-than 30d`: the only way in which displaced bytes ever go. */
export async function trashEmptyCommand(
  context: CommandContext,
  target: string | undefined,
  { olderThan }: TrashEmptyOptions,
): Promise<ExitCode> {
  const record = findMount(context.config().paths, target, context.cwd);
  const daemon = daemonOf(record);
  const before = context.clock.now() - olderThan;
  const old = (await daemon.trash()).filter(({ at }) => (toInstant(at) ?? before) < before);
  const dropped = await daemon.dropTrash(old.map(({ id }) => id));
  const size = old.reduce((sum, item) => sum + item.size, 0);
  context.output.line(`${count(dropped, "item")} gone, ${bytes(size)}`);
  return exitCodes.done;
}
