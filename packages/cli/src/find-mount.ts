/** Which mount a command means: by path, by container, or by where the user stands. */
import { lstatSync, realpathSync } from "node:fs";
import { basename, dirname, join, resolve } from "node:path";
import { CliError, exitCodes } from "./cli-error.ts";
import type { Paths } from "./config.ts";
import { isInside } from "./mount-places.ts";
import { type MountRecord, readMountRecords } from "./mount-records.ts";

/**
 * The record of the mount that `target` means: a path in it, or the name of its container; without a target the
 * mount that `cwd` is in, or the only one there is.
 * @throws CliError when there is none, or more than one
 */
export function findMount(paths: Paths, target: string | undefined, cwd: string): MountRecord {
  const records = readMountRecords(paths);
  const found = target === undefined ? byPlace(records, cwd) : byTarget(records, target, cwd);
  if (found !== undefined) return found;
  const hint =
    records.length === 0 ? "smfs mount NAME makes one" : "smfs list shows the mounts there are";
  throw new CliError(
    exitCodes.notFound,
    target === undefined
      ? "this directory is not in a mount: give the mount's path or its container"
      : `there is no mount at ${target}, and none of a container of that name`,
    hint,
  );
}

function byPlace(records: readonly MountRecord[], cwd: string): MountRecord | undefined {
  return containing(records, cwd) ?? (records.length === 1 ? records[0] : undefined);
}

/** A path that exists comes before a container's name, the name before a path that does not exist. */
function byTarget(
  records: readonly MountRecord[],
  target: string,
  cwd: string,
): MountRecord | undefined {
  const path = resolve(cwd, target);
  const atPath = containing(records, path);
  if (atPath !== undefined && isThere(path)) return atPath;
  const named = records.filter((record) => record.container === target);
  if (named.length > 1) {
    throw new CliError(
      exitCodes.usage,
      `${target} is mounted more than once`,
      `say which: ${named.map((record) => record.path).join(", ")}`,
    );
  }
  return named[0] ?? atPath;
}

/** A mount whose daemon is dead is there, though nothing can be learnt of it. */
function isThere(path: string): boolean {
  try {
    return lstatSync(path, { throwIfNoEntry: false }) !== undefined;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "ENOTCONN";
  }
}

/** The innermost mount that a path lies in. */
function containing(records: readonly MountRecord[], path: string): MountRecord | undefined {
  const real = withoutLinks(path);
  return records
    .filter((record) => isInside(path, record.path) || isInside(real, record.path))
    .reduce<MountRecord | undefined>(
      (best, record) =>
        best === undefined || record.path.length > best.path.length ? record : best,
      undefined,
    );
}

/** A path with the symbolic links of its existing part resolved; the path itself when that cannot be done. */
export function withoutLinks(path: string): string {
  try {
    return realpathSync(path);
  } catch {
    const parent = dirname(path);
    return parent === path ? path : join(withoutLinks(parent), basename(path));
  }
}
