/** Directories and files that only their owner may read: stores, sockets, keys, records. */
import {
  chmodSync,
  closeSync,
  fsyncSync,
  openSync,
  readSync,
  renameSync,
  rmSync,
  statSync,
  writeSync,
} from "node:fs";
import { dirname } from "node:path";
import { CliError, exitCodes } from "./cli-error.ts";
import { smallFileBytesMax } from "./limits.ts";
import { makeDirectories } from "./make-directories.ts";

/**
 * Makes a directory that only we may enter, with its parents. One that exists must be ours; if others could enter
 * it, they no longer can.
 * @throws CliError when it is not a directory or belongs to somebody else
 */
export function ensurePrivateDir(path: string): string {
  try {
    makeDirectories(path, 0o700);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === "EEXIST" || code === "ENOTDIR") {
      throw new CliError(exitCodes.failed, `${path} is in the way: a directory is needed there`);
    }
    throw error;
  }
  const stat = statSync(path);
  const us = process.getuid?.() ?? stat.uid;
  if (stat.uid !== us) {
    throw new CliError(
      exitCodes.noAccess,
      `${path} belongs to another user (uid ${stat.uid})`,
      "run smfs as that user, or set XDG_DATA_HOME, XDG_STATE_HOME and XDG_RUNTIME_DIR to directories of your own",
    );
  }
  if ((stat.mode & 0o077) !== 0) chmodSync(path, 0o700);
  return path;
}

/** Writes a file that only we may read: whole and durable, or not at all. */
export function writePrivateFile(path: string, text: string): void {
  ensurePrivateDir(dirname(path));
  const temporary = `${path}.${process.pid}.new`;
  try {
    const fd = openSync(temporary, "w", 0o600);
    try {
      writeSync(fd, text);
      fsyncSync(fd);
    } finally {
      closeSync(fd);
    }
    renameSync(temporary, path);
  } catch (error) {
    rmSync(temporary, { force: true });
    throw error;
  }
}

/**
 * Makes a file that only we may read and that was not there before, fills it with what `make` resolves to, and takes it
 * away again when that fails. The directory is left as it is.
 * @throws CliError when there is a file of this name
 */
export async function writeNewPrivateFile(
  path: string,
  make: () => Promise<string>,
): Promise<void> {
  let fd: number;
  try {
    fd = openSync(path, "wx", 0o600);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
    throw new CliError(exitCodes.failed, `${path} exists`, "name a file that is not there yet");
  }
  try {
    writeSync(fd, await make());
    fsyncSync(fd);
  } catch (error) {
    rmSync(path, { force: true });
    throw error;
  } finally {
    closeSync(fd);
  }
}

/**
 * The text of a small file, or undefined when there is none.
 * @throws CliError when it is larger than anything we write
 */
export function readSmallFile(path: string): string | undefined {
  let fd: number;
  try {
    fd = openSync(path, "r");
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === "ENOENT" || code === "ENOTDIR") return undefined;
    throw error;
  }
  try {
    const bytes = Buffer.alloc(smallFileBytesMax + 1);
    let length = 0;
    while (length < bytes.length) {
      const got = readSync(fd, bytes, length, bytes.length - length, null);
      if (got === 0) break;
      length += got;
    }
    if (length > smallFileBytesMax) throw new CliError(exitCodes.failed, `${path} is too large`);
    return bytes.toString("utf8", 0, length);
  } finally {
    closeSync(fd);
  }
}

/** A JSON object from a small file; undefined when there is none, or when it is not an object. */
export function readJsonObject(path: string): Readonly<Record<string, unknown>> | undefined {
  const text = readSmallFile(path);
  if (text === undefined) return undefined;
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "object" && value !== null && !Array.isArray(value)
      ? (value as Readonly<Record<string, unknown>>)
      : undefined;
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}
