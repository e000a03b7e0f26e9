/** Trees of files, for comparing two devices, and a device with its server. */
import { createHash } from "node:crypto";
import { lstatSync, readdirSync, readFileSync, readlinkSync } from "node:fs";
import { join } from "node:path";

/** Path to digest (files) or target (symlinks, as `-> target`), with paths relative to the tree's root. */
export type Tree = ReadonlyMap<string, string>;

export function digest(bytes: Uint8Array): string {
  return createHash("sha256").update(bytes).digest("hex");
}

/** Every file and symlink below a directory. */
export function readTree(dir: string): Tree {
  const tree = new Map<string, string>();
  const walk = (at: string): void => {
    for (const name of readdirSync(join(dir, at)).sort()) {
      const path = at === "" ? name : `${at}/${name}`;
      const full = join(dir, path);
      const stat = lstatSync(full);
      if (stat.isDirectory()) walk(path);
      else if (stat.isSymbolicLink()) tree.set(path, `-> ${readlinkSync(full)}`);
      else tree.set(path, digest(readFileSync(full)));
    }
  };
  walk("");
  return tree;
}

/** What differs between two trees, a few lines of it; empty when nothing does. */
export function differences(expected: Tree, actual: Tree): string[] {
  const lines: string[] = [];
  for (const [path, bytes] of expected) {
    const other = actual.get(path);
    if (other === undefined) lines.push(`missing: ${path}`);
    else if (other !== bytes) lines.push(`differs: ${path}`);
  }
  for (const path of actual.keys()) if (!expected.has(path)) lines.push(`too many: ${path}`);
  return lines.slice(0, 20);
}
