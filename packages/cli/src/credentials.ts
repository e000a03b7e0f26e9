/** Keys: read from files, generated, never printed. */
import { linkSync, statSync, unlinkSync } from "node:fs";
import { type Random, toHex } from "@smfs/core";
import { CliError, exitCodes } from "./cli-error.ts";
import { checkKey, type KeySource } from "./config.ts";
import { readSmallFile, writePrivateFile } from "./private-files.ts";

/** A key with the file it came from, when it came from one. */
export interface Credentials {
  readonly key: string;
  readonly keyFile: string | null;
}

/** Reads the key that a setting names. @throws CliError when there is none */
export function readKey(source: KeySource): Credentials {
  if (source.kind === "value") return { key: source.key, keyFile: null };
  const text = readSmallFile(source.path);
  if (text === undefined) {
    throw new CliError(exitCodes.noAccess, `there is no key file ${source.path}`);
  }
  return { key: checkKey(text.trim(), source.path), keyFile: source.path };
}

/** Whether others on this machine could read a key file. */
export function isReadableByOthers(path: string): boolean {
  return (statSync(path).mode & 0o077) !== 0;
}

/** The key in `path`, generated when there is none yet. Only the owner may read the file. */
export function generatedKey(path: string, random: Random): string {
  const text = readSmallFile(path)?.trim();
  if (text !== undefined && text !== "") return checkKey(text, path);
  // The form that the API's own tools accept: sm_<organisation>_<random> (http-api.md, authentication).
  const key = `sm_local_${toHex(random.bytes(24))}`;
  if (text === "") {
    // A start that was killed left it empty.
    writePrivateFile(path, `${key}\n`);
    return key;
  }
  // Two first mounts may come here at one time: the name is taken by one of them, and both use what stands there.
  const draft = `${path}.${toHex(random.bytes(6))}`;
  writePrivateFile(draft, `${key}\n`);
  try {
    linkSync(draft, path);
  } catch (error) {
    if ((error as { code?: unknown }).code !== "EEXIST") throw error;
  } finally {
    unlinkSync(draft);
  }
  return checkKey(readSmallFile(path)?.trim() ?? "", path);
}
