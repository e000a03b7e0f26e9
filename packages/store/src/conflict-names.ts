/**
 * Names of conflict versions: `<name>.<device>-<attempt>` under `/.conflicts`, `<stem> (conflict <device>-<attempt>)<.ext>`
 * beside the file, so that those of two devices, and of two attempts of one, never collide, and any device can tell what a
 * version is a version of.
 */
import { nameBytesMax } from "@smfs/core";
import { cutText, splitName } from "./free-names.ts";

/** Where conflict versions are put: mount option `--conflicts`. */
export type ConflictPlace = "directory" | "beside";

/** Characters of a store's epoch that stand for the device. */
const deviceChars = 6;
const pattern = /^(.+)\.([a-z0-9]{6})-([0-9a-f]{8})(?: \([^)]+\))?$/s;
const besidePattern =
  /^(.+) \(conflict ([a-z0-9]{6})-([0-9a-f]{8})\)(?: \([^)]+\))?(\.[^.]{0,31})?$/s;
/** The same for SQLite, which finds some more. */
export const besideGlob = "* (conflict ??????-????????)*";

/** What a conflict version's name says. */
export interface ConflictName {
  /** Name of the file that both sides changed; less its end when it was too long. */
  readonly name: string;
  /** Beginning of the epoch of the store that made it. */
  readonly device: string;
}

/** A device as it is named in conflict versions, from its store's epoch or from a client id that is one. */
export function deviceOf(epoch: string): string {
  return epoch.slice(0, deviceChars);
}

/** @param name a byte string, as is the result: of at most 255 bytes */
export function conflictName(
  name: string,
  device: string,
  tag: string,
  place: ConflictPlace,
): string {
  if (place === "directory") {
    const mark = `.${device}-${tag}`;
    return cutText(name, nameBytesMax - mark.length) + mark;
  }
  const { stem, extension } = splitName(name);
  const mark = ` (conflict ${device}-${tag})`;
  return cutText(stem, nameBytesMax - mark.length - extension.length) + mark + extension;
}

/** @returns undefined for a name that no conflict version under `/.conflicts` has */
export function parseConflictName(name: string): ConflictName | undefined {
  const [, original, device] = pattern.exec(name) ?? [];
  return original === undefined || device === undefined ? undefined : { name: original, device };
}

/** @returns undefined for a name that no conflict version beside its file has */
export function parseBesideName(name: string): ConflictName | undefined {
  const [, stem, device, , extension = ""] = besidePattern.exec(name) ?? [];
  return stem === undefined || device === undefined
    ? undefined
    : { name: stem + extension, device };
}
