/** What is mounted on and around a path. Paths are absolute and without symbolic links. */
import { relative } from "node:path";
import { listMounts, type MountEntry, mountType } from "@smfs/fuse";

/** What is mounted exactly at a path (the uppermost), or undefined. */
export function mountedAt(
  path: string,
  table: readonly MountEntry[] = listMounts(),
): MountEntry | undefined {
  return table.findLast((entry) => entry.mountPoint === path);
}

/** Our mount that `path` lies in or is, if any: the innermost mount decides. */
export function ourMountAbove(
  path: string,
  table: readonly MountEntry[] = listMounts(),
): MountEntry | undefined {
  let innermost: MountEntry | undefined;
  for (const entry of table) {
    if (!isInside(path, entry.mountPoint)) continue;
    // Of two on one path the later one is seen.
    if (innermost === undefined || entry.mountPoint.length >= innermost.mountPoint.length) {
      innermost = entry;
    }
  }
  return innermost?.type === mountType ? innermost : undefined;
}

/** Whether `path` is `directory` or lies below it. */
export function isInside(path: string, directory: string): boolean {
  const way = relative(directory, path);
  return way !== ".." && !way.startsWith("../");
}
