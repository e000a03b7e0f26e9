/** Whether a directory can be mounted on, said before a daemon is started for it. */
import { accessSync, constants, readdirSync, realpathSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { isStale, mountType, unmountFuse } from "@smfs/fuse";
import { CliError, exitCodes } from "./cli-error.ts";
import type { Paths } from "./config.ts";
import { makeDirectories } from "./make-directories.ts";
import { isInside, mountedAt, ourMountAbove } from "./mount-places.ts";

export interface MountPointOptions {
  readonly paths: Paths;
  /** Mounts over what is in the directory, which is hidden meanwhile. */
  readonly overFiles: boolean;
  readonly say: (text: string) => void;
}

/**
 * Makes sure that `path` (absolute) is a directory that can be mounted on; makes it when there is nothing.
 * @returns the path without symbolic links, as the kernel will show it
 * @throws CliError that says what is wrong with it and what to do
 */
export function prepareMountPoint(path: string, options: MountPointOptions): string {
  if (isStale(path)) {
    options.say(`clearing what a daemon that was killed left at ${path}`);
    unmountFuse(path, { lazy: true });
  }
  makeDirectory(path);
  const real = realpathSync(path);
  const covered = mountedAt(real);
  if (covered !== undefined) {
    const what =
      covered.type === mountType ? "another smfs mount" : `a ${covered.type} file system`;
    throw new CliError(
      exitCodes.failed,
      `${path} is in use: ${what} is mounted there`,
      covered.type === mountType
        ? `smfs unmount ${path} takes it away, --path DIR mounts elsewhere`
        : "mount elsewhere with --path DIR",
    );
  }
  const outer = ourMountAbove(dirname(real));
  if (outer !== undefined) {
    throw new CliError(
      exitCodes.failed,
      `${path} lies inside another smfs mount (${outer.mountPoint})`,
      "mount elsewhere with --path DIR",
    );
  }
  for (const kept of [options.paths.data, options.paths.state, options.paths.runtime]) {
    if (isInside(kept, real)) {
      throw new CliError(
        exitCodes.failed,
        `${path} contains ${kept}, where smfs keeps its own files`,
        "mount on a directory of its own with --path DIR",
      );
    }
  }
  checkEmpty(path, options.overFiles);
  return real;
}

function makeDirectory(path: string): void {
  try {
    makeDirectories(path);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    const reasons: Readonly<Record<string, string>> = {
      EEXIST: "it is not a directory",
      ENOTDIR: "a part of the path is a file",
      EACCES: "you may not write there",
      EPERM: "you may not write there",
      EROFS: "that disk is read-only",
      ENOENT: "the directory it should be in is gone, or takes none",
      ENOSPC: "the disk is full",
      ENAMETOOLONG: "the path is too long",
      ELOOP: "its symbolic links lead in a circle",
    };
    const reason = reasons[code ?? ""];
    if (reason === undefined) throw error;
    throw new CliError(
      code === "EACCES" || code === "EPERM" ? exitCodes.noAccess : exitCodes.failed,
      `cannot mount on ${path}: ${reason}`,
      "mount elsewhere with --path DIR",
    );
  }
}

/** Mounting hides what is in a directory: that is never done unasked. */
function checkEmpty(path: string, overFiles: boolean): void {
  try {
    accessSync(path, constants.R_OK | constants.X_OK);
  } catch {
    throw new CliError(exitCodes.noAccess, `cannot mount on ${path}: you may not read it`);
  }
  const count = overFiles ? 0 : readdirSync(path).length;
  if (count === 0) return;
  throw new CliError(
    exitCodes.failed,
    `${path} is not empty: it has ${count} ${count === 1 ? "entry" : "entries"}, which a mount would hide`,
    `mount beside it with --path ${join(dirname(path), `${basename(path)}-mount`)} and copy them in, or hide them while mounted with --no-import`,
  );
}
