import type { StoredDocument } from "../storage/stored.ts";

/** Name of the document that stands for a directory of its own (sync.md: empty directories, directory attributes). */
const directoryName = ".smfs-dir";

/**
 * Whether a document is looked into. Those that stand for directories and symlinks are not: their content is not
 * what anybody wrote.
 */
export function isSearchable(document: Pick<StoredDocument, "filepath" | "metadata">): boolean {
  const kind = document.metadata?.sfs_kind;
  if (kind === "dir" || kind === "symlink") return false;
  return document.filepath === null || !document.filepath.endsWith(`/${directoryName}`);
}
