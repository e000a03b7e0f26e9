/** Which documents are memories: facts are drawn from them. Pure. */
import { baseName } from "@smfs/core";
import type { TaskType } from "../storage/stored.ts";

const memoryNames = new Set(["user.md", "memory.md"]);

/**
 * The task type of a document, where the write does not say.
 * @param paths a container's memory paths: null = files named user.md or memory.md, `/` at the end = everything below
 */
export function taskTypeOf(filepath: string | null, paths: readonly string[] | null): TaskType {
  if (filepath === null) return "memory";
  const isMemory =
    paths === null
      ? memoryNames.has(baseName(filepath))
      : paths.some((path) => (path.endsWith("/") ? filepath.startsWith(path) : filepath === path));
  return isMemory ? "memory" : "superrag";
}
