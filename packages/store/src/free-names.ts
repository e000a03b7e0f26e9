/** Names that are not taken: for a document whose path is, and for a version that must be kept beside another. */
import { nameBytesMax } from "@smfs/core";
import type { Entries } from "./entries.ts";

/** Names tried before giving up: two entries never differ only in a random tag this often. */
const triesMax = 1000;

export class FreeNames {
  readonly #entries: Entries;

  constructor(entries: Entries) {
    this.#entries = entries;
  }

  /**
   * `name` with ` (tag)` before its extension, numbered further if that is taken too. Byte strings.
   * The result is at most 255 bytes long.
   */
  free(parent: number, name: string, tag: string): string {
    const dot = name.lastIndexOf(".");
    const stem = dot > 0 ? name.slice(0, dot) : name;
    const extension = dot > 0 ? name.slice(dot, dot + 32) : "";
    for (let count = 1; count <= triesMax; count += 1) {
      const mark = count === 1 ? ` (${tag})` : ` (${tag}-${count})`;
      const room = nameBytesMax - mark.length - extension.length;
      const candidate = cutText(stem, room) + mark + extension;
      if (this.#entries.find(parent, candidate) === undefined) return candidate;
    }
    throw new Error(`no free name for ${name}`);
  }
}

/** The first `bytes` bytes of a byte string, less a UTF-8 sequence that would be cut. */
export function cutText(name: string, bytes: number): string {
  if (name.length <= bytes) return name;
  let end = bytes;
  while (end > 0 && (name.charCodeAt(end) & 0xc0) === 0x80) end -= 1;
  return name.slice(0, end);
}
