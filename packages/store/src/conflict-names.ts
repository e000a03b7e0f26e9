/**
 * Names of conflict versions: `<name>.<device>-<attempt>`, so that those of two devices, and of two attempts of one,
 * never collide, and any device can tell what a version is a version of.
 */

/** Characters of a store's epoch that stand for the device. */
const deviceChars = 6;
const pattern = /^(.+)\.([a-z0-9]{6})-([0-9a-f]{8})(?: \([^)]+\))?$/s;

/** What a conflict version's name says. */
export interface ConflictName {
  /** Name of the file that both sides changed. */
  readonly name: string;
  /** Beginning of the epoch of the store that made it. */
  readonly device: string;
}

/** A device as it is named in conflict versions, from its store's epoch or from a client id that is one. */
export function deviceOf(epoch: string): string {
  return epoch.slice(0, deviceChars);
}

export function conflictName(name: string, device: string, tag: string): string {
  return `${name}.${device}-${tag}`;
}

/** @returns undefined for a name that no conflict version has */
export function parseConflictName(name: string): ConflictName | undefined {
  const [, original, device] = pattern.exec(name) ?? [];
  return original === undefined || device === undefined ? undefined : { name: original, device };
}
