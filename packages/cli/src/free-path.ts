/** Names for what must not replace anything. */
import { existsSync } from "node:fs";
import { extname } from "node:path";

/** A path beside `path` that nothing has: ` (mark)` before the extension, numbered further if that is taken too. */
export function freePath(path: string, mark: string): string {
  const extension = extname(path);
  const stem = path.slice(0, path.length - extension.length);
  for (let count = 1; ; count += 1) {
    const free = `${stem} (${mark}${count === 1 ? "" : `-${count}`})${extension}`;
    if (!existsSync(free)) return free;
  }
}
