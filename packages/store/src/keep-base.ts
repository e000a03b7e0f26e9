/**
 * Keeps the bytes that both sides agreed on when they are about to change here, if a merge could use them: text of
 * at most `mergeBytesMax`. All other bytes need not be kept: clean means that the server holds them.
 */
import { isRegular, mergeBytesMax } from "@smfs/core";
import type { FileContext } from "./file-context.ts";
import type { InodeRow } from "./inodes.ts";

/** A blob of base bytes, and the entries whose base they are. */
export interface KeptBase {
  readonly digest: string;
  readonly fids: readonly string[];
}

const decoder = new TextDecoder("utf-8", { fatal: true });

/** Puts the blob, before the intent to write commits. Undefined when there is nothing to keep. */
export function keepBase(context: FileContext, row: InodeRow): KeptBase | undefined {
  const { entries, bytes, working } = context;
  if (!isRegular(row.mode) || row.writers === 1 || row.stub === 1) return undefined;
  if (row.size === 0 || row.size > mergeBytesMax) return undefined;
  const agreed = entries.agreed(row.ino, row.bytes_ver);
  if (agreed.length === 0) return undefined;
  const content = new Uint8Array(row.size);
  const count = bytes.read(working.descriptor(row.ino, false), content, 0);
  const digest = bytes.digest(content);
  // Bytes that are not base's after all (damage, or the server stores others) are nothing to merge with.
  const fids = agreed.filter((e) => e.base_hash === digest).map((e) => e.fid);
  if (count < row.size || fids.length === 0 || !isText(content)) return undefined;
  // Losing it in a power loss loses a merge, not bytes: recovery forgets a blob that is not whole.
  return { digest: bytes.putBlob(content, "process"), fids };
}

/** Within the transaction of the intent. */
export function noteBase(context: FileContext, kept: KeptBase | undefined): void {
  if (kept === undefined) return;
  for (const fid of kept.fids) context.entries.update(fid, { base_blob: kept.digest });
}

function isText(bytes: Uint8Array): boolean {
  if (bytes.includes(0)) return false;
  try {
    decoder.decode(bytes);
    return true;
  } catch (error) {
    if (error instanceof TypeError) return false;
    throw error;
  }
}
