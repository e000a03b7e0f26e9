/** What is mounted, as this process sees it: /proc/self/mountinfo (proc(5)). */
import { readFileSync } from "node:fs";

export interface MountEntry {
  readonly mountPoint: string;
  /** Such as `fuse.smfs`. */
  readonly type: string;
  readonly source: string;
  /** Names the file system, wherever it is mounted: `major:minor`. */
  readonly device: string;
}

/** All mounts, in the order they were made: of two on one path the later one is seen. */
export function listMounts(): MountEntry[] {
  return parseMountInfo(readFileSync("/proc/self/mountinfo", "utf8"));
}

/** Pure: the lines of a mountinfo file. Lines of another form are left out. */
export function parseMountInfo(text: string): MountEntry[] {
  const mounts: MountEntry[] = [];
  for (const line of text.split("\n")) {
    // 36 35 98:0 /root /mount/point opts optional… - type source superopts
    const [before, after] = line.split(" - ");
    const [, , device, , mountPoint] = before?.split(" ") ?? [];
    const [type, source] = after?.split(" ") ?? [];
    if (device === undefined || mountPoint === undefined) continue;
    if (type === undefined || source === undefined) continue;
    const path = unescapeOctal(mountPoint);
    mounts.push({ mountPoint: path, type, source: unescapeOctal(source), device });
  }
  return mounts;
}

/** Spaces, tabs, line ends and backslashes are written as `\040` and the like. */
function unescapeOctal(text: string): string {
  return text.replace(/\\([0-7]{3})/g, (_, octal: string) =>
    String.fromCharCode(Number.parseInt(octal, 8)),
  );
}
