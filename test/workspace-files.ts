/** The workspace's own files, for the tests that read them. */
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";

export const root: string = join(import.meta.dirname, "..");

/** A file with its text. `path` is relative to the root, with slashes. */
export interface SourceFile {
  readonly path: string;
  readonly text: string;
}

/**
 * Files that git tracks, or would track: what is ignored (dist, node_modules) is no part of the workspace.
 * @param pattern what the path must match
 */
export function workspaceFiles(pattern: RegExp): SourceFile[] {
  const listing = execFileSync(
    "git",
    ["ls-files", "-z", "--cached", "--others", "--exclude-standard"],
    { cwd: root, encoding: "utf8", maxBuffer: 64 << 20 },
  );
  const files: SourceFile[] = [];
  for (const path of [...new Set(listing.split("\0"))].sort()) {
    if (!pattern.test(path)) continue;
    const text = read(path);
    if (text !== undefined) files.push({ path, text });
  }
  return files;
}

/** Undefined for a file that is deleted and not yet committed. */
function read(path: string): string | undefined {
  try {
    return readFileSync(join(root, path), "utf8");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw error;
  }
}

/** `path:line` for each match of `pattern` (which needs the flag g), for messages that lead to the place. */
export function places(file: SourceFile, pattern: RegExp): string[] {
  return [...file.text.matchAll(pattern)].map(
    (match) =>
      `${file.path}:${file.text.slice(0, match.index).split("\n").length} ${match[0].trim()}`,
  );
}
