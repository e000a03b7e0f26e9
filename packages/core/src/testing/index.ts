/** What tests of several packages need. */
import type { Attr } from "../attr.ts";
import { FsError } from "../errno.ts";
import type { FileSystem } from "../filesystem.ts";

/** The entry of a name that is there. @throws FsError ENOENT when it is not */
export function lookup(fs: Pick<FileSystem, "find">, parent: number, name: string): Attr {
  const attr = fs.find(parent, name);
  if (attr === undefined) throw new FsError("ENOENT", name);
  return attr;
}
