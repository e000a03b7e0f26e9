/** A tree as it is found on a mount, and how it differs from what it may be. */
import { lstatSync, readdirSync, readFileSync, readlinkSync } from "node:fs";
import type { Outcome } from "./actor.ts";
import type { Call } from "./call.ts";
import type { FileNode, Node, Tree } from "./tree.ts";

/** Something at a path, as it is seen. */
export type Seen =
  | { readonly kind: "file"; readonly bytes: Buffer; readonly mode: number; readonly nlink: number }
  | { readonly kind: "directory"; readonly mode: number }
  | { readonly kind: "symlink"; readonly target: string };

export type Sight = ReadonlyMap<string, Seen>;

/** Lines of a difference that are told. */
const linesMax = 12;

/** Everything below a directory of a mount. Paths begin with a slash, and with `home`. */
export function look(mount: string, home: string): Sight {
  const sight = new Map<string, Seen>();
  const walk = (path: string): void => {
    const full = `${mount}${path}`;
    const stat = lstatSync(full);
    const mode = stat.mode & 0o7777;
    if (stat.isDirectory()) {
      sight.set(path, { kind: "directory", mode });
      for (const name of readdirSync(full).sort()) walk(`${path}/${name}`);
    } else if (stat.isSymbolicLink()) {
      sight.set(path, { kind: "symlink", target: readlinkSync(full) });
    } else {
      const bytes = readFileSync(full);
      sight.set(path, { kind: "file", bytes, mode, nlink: stat.nlink });
      if (bytes.length !== stat.size)
        throw new Error(`${path}: ${bytes.length} of ${stat.size} bytes`);
    }
  };
  if (lstatSync(`${mount}${home}`, { throwIfNoEntry: false }) !== undefined) walk(home);
  return sight;
}

/** The model's tree in the same form. */
export function sightOf(tree: Tree, home: string): Sight {
  const sight = new Map<string, Seen>();
  for (const [path, node] of tree.all()) {
    if (path === home || path.startsWith(`${home}/`)) sight.set(path, seen(tree, node));
  }
  return sight;
}

function seen(tree: Tree, node: Node): Seen {
  if (node.kind === "symlink") return node;
  if (node.kind === "directory") return { kind: "directory", mode: node.mode };
  return { kind: "file", bytes: node.bytes, mode: node.mode, nlink: tree.linkCount(node) };
}

/** What differs, a few lines of it; empty when nothing does. `links` compares how many names files have, too. */
export function differences(expected: Sight, found: Sight, { links = true } = {}): string[] {
  const lines: string[] = [];
  for (const [path, wanted] of expected) {
    const other = found.get(path);
    if (other === undefined) lines.push(`missing: ${path}`);
    else {
      const why = difference(wanted, other, links);
      if (why !== undefined) lines.push(`${path}: ${why}`);
    }
  }
  for (const path of found.keys()) if (!expected.has(path)) lines.push(`too many: ${path}`);
  return lines.slice(0, linesMax);
}

function difference(wanted: Seen, other: Seen, links: boolean): string | undefined {
  if (wanted.kind === "file" && other.kind === "file") {
    if (!wanted.bytes.equals(other.bytes)) return bytesDifference(wanted.bytes, other.bytes);
    if (links && wanted.nlink !== other.nlink) return `${other.nlink} names, not ${wanted.nlink}`;
  }
  if (wanted.kind === "symlink" && other.kind === "symlink") {
    return wanted.target === other.target ? undefined : `points to ${other.target}`;
  }
  if (wanted.kind !== other.kind) return `a ${other.kind}, not a ${wanted.kind}`;
  if (wanted.kind !== "symlink" && other.kind !== "symlink" && wanted.mode !== other.mode) {
    return `mode ${other.mode.toString(8)}, not ${wanted.mode.toString(8)}`;
  }
  return undefined;
}

function bytesDifference(wanted: Buffer, other: Buffer): string {
  let at = 0;
  while (at < wanted.length && at < other.length && wanted[at] === other[at]) at += 1;
  const part = (bytes: Buffer) => JSON.stringify(bytes.subarray(at, at + 24).toString("latin1"));
  return `${other.length} bytes, not ${wanted.length}; from ${at} on ${part(other)}, not ${part(wanted)}`;
}

/** What became of the call that was under way when the daemon was killed. */
export type Fate = "none" | "not done" | "done" | "in part";

export type Verdict =
  | { readonly fate: Fate; readonly tree: Tree }
  | { readonly fate: undefined; readonly lines: readonly string[] };

/**
 * Whether a mount shows what was acknowledged: every call that succeeded, and the one that was under way done, not
 * done or, if it writes, done in part. Answers the tree to go on with.
 */
export function judge(before: Tree, outcome: Outcome, found: Sight, home: string): Verdict {
  const without = replay(before, outcome, undefined);
  const lines = differences(sightOf(without, home), found);
  if (outcome.unsure === undefined) {
    return lines.length === 0 ? { fate: "none", tree: without } : { fate: undefined, lines };
  }
  if (lines.length === 0) return { fate: "not done", tree: without };
  const { call } = outcome.unsure;
  const whole = replay(before, outcome, call);
  if (differences(sightOf(whole, home), found).length === 0) return { fate: "done", tree: whole };
  const partly = replay(before, outcome, call, (old, written) =>
    mixture(old, written, [...found.values()]),
  );
  if (differences(sightOf(partly, home), found).length === 0) {
    return { fate: "in part", tree: partly };
  }
  return { fate: undefined, lines };
}

/** The tree after all that succeeded, and after the one that is unsure if it is given. */
function replay(
  before: Tree,
  { done, unsure }: Outcome,
  call: Call | undefined,
  mix: (old: Buffer, written: Buffer) => Buffer = (_, written) => written,
): Tree {
  const tree = before.copy();
  const happens = () => {
    if (call === undefined) return;
    const file = writtenFile(tree, call);
    const old = file?.bytes;
    tree.apply(call);
    if (file !== undefined && old !== undefined) file.bytes = mix(old, file.bytes);
    // Whatever became of it, the program has no handle from it.
    if (call.do === "open") tree.handles.delete(call.handle);
  };
  done.forEach((one, index) => {
    if (index === unsure?.after) happens();
    tree.apply(one);
  });
  if (unsure?.after === done.length) happens();
  return tree;
}

/** The file whose bytes a call changes one after the other, so that a part of it may have happened. */
function writtenFile(tree: Tree, call: Call): FileNode | undefined {
  if (call.do !== "write" && call.do !== "append" && call.do !== "map") return undefined;
  return tree.handles.get(call.handle)?.file;
}

/** Bytes that are found and are, each of them, of before or after a write; those of after if there are none. */
function mixture(old: Buffer, written: Buffer, found: readonly Seen[]): Buffer {
  for (const one of found) {
    if (one.kind === "file" && isMixture(one.bytes, old, written)) return one.bytes;
  }
  return written;
}

function isMixture(bytes: Buffer, old: Buffer, written: Buffer): boolean {
  if (bytes.length < Math.min(old.length, written.length)) return false;
  if (bytes.length > Math.max(old.length, written.length)) return false;
  return bytes.every((byte, at) => byte === old[at] || byte === written[at]);
}
