/** What a file system should do, in the simplest way: a tree of objects. The store is compared with it. */
import { type ErrnoName, FsError, RENAME_EXCHANGE, RENAME_NOREPLACE } from "@smfs/core";

export interface ModelNode {
  readonly kind: "file" | "dir" | "symlink";
  mode: number;
  nlink: number;
  /** Of a file; of a symlink its target. */
  bytes: Uint8Array;
  readonly children: Map<string, ModelNode>;
  parent: ModelNode | undefined;
}

function node(kind: ModelNode["kind"], mode: number): ModelNode {
  const nlink = kind === "dir" ? 2 : 1;
  return { kind, mode, nlink, bytes: new Uint8Array(0), children: new Map(), parent: undefined };
}

function fail(code: ErrnoName): never {
  throw new FsError(code);
}

export class ModelFileSystem {
  readonly root: ModelNode = node("dir", 0o755);

  find(path: string): ModelNode {
    let at = this.root;
    for (const name of path.split("/").filter((part) => part !== "")) {
      if (at.kind !== "dir") fail("ENOTDIR");
      at = at.children.get(name) ?? fail("ENOENT");
    }
    return at;
  }

  #place(path: string): { dir: ModelNode; name: string; child: ModelNode | undefined } {
    const slash = path.lastIndexOf("/");
    const dir = this.find(path.slice(0, slash));
    if (dir.kind !== "dir") fail("ENOTDIR");
    const name = path.slice(slash + 1);
    return { dir, name, child: dir.children.get(name) };
  }

  #add(path: string, child: ModelNode): ModelNode {
    const { dir, name, child: taken } = this.#place(path);
    if (taken !== undefined) fail("EEXIST");
    dir.children.set(name, child);
    child.parent = dir;
    if (child.kind === "dir") dir.nlink += 1;
    return child;
  }

  mkdir(path: string): void {
    this.#add(path, node("dir", 0o755));
  }

  symlink(path: string, target: string): void {
    this.#add(path, node("symlink", 0o777)).bytes = new TextEncoder().encode(target);
  }

  /** O_CREAT: makes the file if it is not there. */
  create(path: string): ModelNode {
    const { child } = this.#place(path);
    if (child === undefined) return this.#add(path, node("file", 0o644));
    if (child.kind === "dir") fail("EISDIR");
    if (child.kind === "symlink") fail("EOPNOTSUPP");
    return child;
  }

  write(file: ModelNode, bytes: Uint8Array, offset: number): void {
    if (bytes.length === 0) return;
    const grown = new Uint8Array(Math.max(file.bytes.length, offset + bytes.length));
    grown.set(file.bytes);
    grown.set(bytes, offset);
    file.bytes = grown;
  }

  truncate(path: string, size: number): void {
    const file = this.find(path);
    if (file.kind === "dir") fail("EISDIR");
    if (file.kind === "symlink") fail("EINVAL");
    const cut = new Uint8Array(size);
    cut.set(file.bytes.subarray(0, size));
    file.bytes = cut;
  }

  chmod(path: string, mode: number): void {
    this.find(path).mode = mode;
  }

  link(from: string, to: string): void {
    const file = this.find(from);
    const { dir, name, child } = this.#place(to);
    if (file.kind === "dir") fail("EPERM");
    if (child !== undefined) fail("EEXIST");
    dir.children.set(name, file);
    file.nlink += 1;
  }

  unlink(path: string): void {
    const { dir, name, child } = this.#place(path);
    if (child === undefined) fail("ENOENT");
    if (child.kind === "dir") fail("EISDIR");
    dir.children.delete(name);
    child.nlink -= 1;
  }

  rmdir(path: string): void {
    const { dir, name, child } = this.#place(path);
    if (child === undefined) fail("ENOENT");
    if (child.kind !== "dir") fail("ENOTDIR");
    if (child.children.size > 0) fail("ENOTEMPTY");
    dir.children.delete(name);
    dir.nlink -= 1;
    child.nlink = 0;
  }

  rename(from: string, to: string, flags: number): void {
    const source = this.#place(from);
    const target = this.#place(to);
    const moving = source.child ?? fail("ENOENT");
    const there = target.child;
    if (there !== undefined && (flags & RENAME_NOREPLACE) !== 0) fail("EEXIST");
    if (moving.kind === "dir" && isWithin(target.dir, moving)) fail("EINVAL");
    if ((flags & RENAME_EXCHANGE) !== 0) {
      if (there === undefined) fail("ENOENT");
      if (there.kind === "dir" && there !== moving && isWithin(source.dir, there)) fail("EINVAL");
      put(source.dir, source.name, there);
      put(target.dir, target.name, moving);
      balance(source.dir, target.dir, moving, there);
      return;
    }
    if (there === moving) return;
    if (there !== undefined) {
      if (moving.kind === "dir" && there.kind !== "dir") fail("ENOTDIR");
      if (moving.kind !== "dir" && there.kind === "dir") fail("EISDIR");
      if (there.kind === "dir" && there.children.size > 0) fail("ENOTEMPTY");
      there.nlink -= there.kind === "dir" ? 2 : 1;
      if (there.kind === "dir") target.dir.nlink -= 1;
    }
    source.dir.children.delete(source.name);
    put(target.dir, target.name, moving);
    if (moving.kind === "dir") {
      source.dir.nlink -= 1;
      target.dir.nlink += 1;
    }
  }

  /** Every path with what is there, as text, sorted. */
  list(): string[] {
    const lines: string[] = [];
    const walk = (dir: ModelNode, path: string) => {
      for (const [name, child] of dir.children) {
        lines.push(`${path}/${name} ${describe(child)}`);
        if (child.kind === "dir") walk(child, `${path}/${name}`);
      }
    };
    walk(this.root, "");
    return lines.sort();
  }
}

export function describe({
  kind,
  mode,
  nlink,
  bytes,
}: Pick<ModelNode, "kind" | "mode" | "nlink" | "bytes">): string {
  const shown = kind === "symlink" ? "" : ` ${mode.toString(8)}`;
  return `${kind}${shown} ${nlink} ${kind === "dir" ? "" : new TextDecoder().decode(bytes)}`;
}

function put(dir: ModelNode, name: string, child: ModelNode): void {
  dir.children.set(name, child);
  child.parent = dir;
}

function isWithin(dir: ModelNode, top: ModelNode): boolean {
  for (let at: ModelNode | undefined = dir; at !== undefined; at = at.parent) {
    if (at === top) return true;
  }
  return false;
}

function balance(a: ModelNode, b: ModelNode, fromA: ModelNode, fromB: ModelNode): void {
  if (a === b) return;
  const change = Number(fromB.kind === "dir") - Number(fromA.kind === "dir");
  a.nlink += change;
  b.nlink -= change;
}
