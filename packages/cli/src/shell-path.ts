/** Paths as people type them. */
import { relative } from "node:path";

/** An absolute path as one types it: relative below the current directory, absolute elsewhere. */
export function shellPath(path: string, cwd: string): string {
  const way = relative(cwd, path);
  return way.startsWith("..") ? path : way;
}
