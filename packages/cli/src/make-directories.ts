/**
 * mkdir -p. Node's own recursive mkdirSync never returns where a directory that is there takes none (ENOENT, as in
 * /proc or in a directory that was removed).
 */
import { mkdirSync, statSync } from "node:fs";
import { dirname } from "node:path";

/**
 * Makes a directory and those above it.
 * @param mode of those that are made
 * @throws what mkdir(2) answers; EEXIST when something else is there, ENOTDIR when a part of the path is a file
 */
export function makeDirectories(path: string, mode?: number): void {
  const missing: string[] = [];
  for (let at = path; statOf(at) === undefined; at = dirname(at)) missing.push(at);
  if (missing.length === 0 && statOf(path)?.isDirectory() === false) mkdirSync(path, { mode });
  for (const directory of missing.reverse()) makeOne(directory, mode);
}

function makeOne(path: string, mode: number | undefined): void {
  try {
    mkdirSync(path, { mode });
  } catch (error) {
    const isMadeByAnother = (error as NodeJS.ErrnoException).code === "EEXIST";
    if (!isMadeByAnother || statOf(path)?.isDirectory() !== true) throw error;
  }
}

/** @throws what stat(2) answers, but for nothing being there */
function statOf(path: string): ReturnType<typeof statSync> | undefined {
  return statSync(path, { throwIfNoEntry: false });
}
