/**
 * When names of one file on another device are names of one file here (docs/spec/sync.md, LINK-n). Pure: rows in,
 * decision out. What is in doubt stays separate: two files with equal bytes lose nothing, a shared one may.
 */
import { linksMax } from "@smfs/core";
import type { SyncAttrs } from "./sync-model.ts";

/** What a document says of its file's other names: an identity that they share, or null when there are none. */
export type Link = string | null;

/** What a version says of its link; undefined when it says nothing of attributes, as what other programs write. */
export function saidLink(attrs: Partial<SyncAttrs>): Link | undefined {
  if (attrs.link !== undefined) return attrs.link;
  return attrs.mode === undefined ? undefined : null;
}

/**
 * LINK-3: whether a version takes its name out of the inode that it shares here. `base` is what the entry's document said
 * before, `here` what the names of the inode say of each other, null when there is no other. The other names may get the
 * same link later: then they are one inode again.
 */
export function leavesLink(links: {
  readonly said: Link | undefined;
  readonly base: Link;
  readonly here: Link;
}): boolean {
  const { said, base, here } = links;
  if (here === null || said === undefined) return false;
  return said !== base;
}

/** An inode that clean entries of one link have, and what they agreed on with the server. */
export interface LinkedInode {
  readonly ino: number;
  /** Digest of the bytes it has, or stands for. */
  readonly hash: string;
  readonly mode: number;
  readonly mtime: string;
  readonly nlink: number;
  readonly isStub: boolean;
  readonly isWritten: boolean;
}

/**
 * LINK-1, LINK-2: which of two inodes gives its names to the other, if they are the same file in all that travels. The one
 * whose bytes are here stays, then the one with more names, then the older one.
 */
export function unionOf(
  a: LinkedInode,
  b: LinkedInode,
): { readonly from: LinkedInode; readonly to: LinkedInode } | undefined {
  if (a.ino === b.ino || a.isWritten || b.isWritten) return undefined;
  if (a.hash !== b.hash || a.mode !== b.mode || a.mtime !== b.mtime) return undefined;
  if (a.nlink + b.nlink > linksMax) return undefined;
  const staysFirst = Number(a.isStub) - Number(b.isStub) || b.nlink - a.nlink || a.ino - b.ino;
  return staysFirst < 0 ? { from: b, to: a } : { from: a, to: b };
}
