/** What is a conflict version, told by its path. */
import { baseName } from "@smfs/core";
import { parseBesideName } from "@smfs/store";
import { conflictsDir } from "./device.ts";

export function isConflictVersion(path: string): boolean {
  return path.startsWith(conflictsDir) || parseBesideName(baseName(path)) !== undefined;
}
