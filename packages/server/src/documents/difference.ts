/** How a write and the document that it means differ. Pure. */
import { baseName } from "@smfs/core";
import type { Conditions } from "../http/conditions.ts";
import type { StoredDocument, VersionOp } from "../storage/stored.ts";
import type { DocumentWrite } from "./document-write.ts";
import type { Received } from "./receive-content.ts";

/**
 * The path that a write gives a document, or undefined when it stays. Beside new bytes a path counts only when the
 * document has none or the write names the state it builds on: otherwise a save by somebody who missed a rename would
 * undo it.
 */
export function newPath(
  old: StoredDocument,
  write: DocumentWrite,
  conditions: Conditions,
): string | undefined {
  if (write.filepath === undefined || write.filepath === old.filepath) return undefined;
  const counts =
    write.received === undefined ||
    write.movesToo === true ||
    old.filepath === null ||
    conditions.ifMatch !== undefined;
  return counts ? write.filepath : undefined;
}

/** The name by which bytes that are no text are called. */
export function fileNameOf(write: DocumentWrite, received: Received): string | undefined {
  if (write.fileName !== undefined || received.isUtf8 || write.filepath === undefined) {
    return write.fileName;
  }
  return baseName(write.filepath);
}

/** A title that is the file's name follows the file. */
export function movedTitle(old: StoredDocument, filepath: string | undefined): string | null {
  const isName = old.filepath !== null && old.title === baseName(old.filepath);
  return isName && filepath !== undefined ? baseName(filepath) : null;
}

export function opOf(change: {
  content?: unknown;
  filepath?: unknown;
  status?: unknown;
}): VersionOp {
  if (change.content !== undefined) return "update";
  if (change.filepath !== undefined) return "rename";
  return change.status === undefined ? "metadata" : "status";
}

/** An upsert adds containers, it never takes one away. */
export function withAllTags<T extends DocumentWrite>(old: StoredDocument, write: T): T {
  const containerTags = [...new Set([...old.containerTags, ...(write.containerTags ?? [])])];
  return { ...write, containerTags };
}

export function sameTags(a: readonly string[], b: readonly string[]): boolean {
  return a.length === b.length && a.every((tag, i) => tag === b[i]);
}
