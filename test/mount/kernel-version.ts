// What the kernel of this machine can: tests of what it lacks are not run.
import { release } from "node:os";

/** Whether this is Linux `major.minor` or later. */
export function isKernelSince(major: number, minor: number): boolean {
  const [ours = 0, oursMinor = 0] = release().split(/[.-]/).map(Number);
  return ours > major || (ours === major && oursMinor >= minor);
}
