/**
 * What a tree of files looks like after calls that were acknowledged: the model that a mount is compared with.
 * Bytes are never changed in place, so that copies of the model share them.
 */
import { O_APPEND, O_CREAT, O_TRUNC } from "@smfs/core";
import { type Call, directoryMode, fileMode } from "./call.ts";

export interface FileNode {
  readonly kind: "file";
  bytes: Buffer;
  mode: number;
}

export interface LinkNode {
  readonly kind: "symlink";
  readonly target: string;
}

export interface DirectoryNode {
  readonly kind: "directory";
  mode: number;
  readonly entries: Map<string, Node>;
}

export type Node = FileNode | LinkNode | DirectoryNode;

export interface OpenHandle {
  readonly file: FileNode;
  readonly isAppend: boolean;
}

const noBytes = Buffer.alloc(0);

export class Tree {
  readonly root: DirectoryNode;
  /** Open handles of the program, by its own numbers. */
  readonly handles: Map<number, OpenHandle>;

  constructor(root?: DirectoryNode, handles: Map<number, OpenHandle> = new Map()) {
    this.root = root ?? { kind: "directory", mode: directoryMode, entries: new Map() };
    this.handles = handles;
  }

  /** A tree of its own, in which names of one file are names of one file again. */
  copy(): Tree {
    const copied = new Map<FileNode, FileNode>();
    const copyFile = (file: FileNode): FileNode => {
      const found = copied.get(file) ?? { ...file };
      copied.set(file, found);
      return found;
    };
    const copyNode = (node: Node): Node => {
      if (node.kind === "symlink") return node;
      if (node.kind === "file") return copyFile(node);
      const entries = [...node.entries].map(([name, child]) => [name, copyNode(child)] as const);
      return { ...node, entries: new Map(entries) };
    };
    const root = copyNode(this.root) as DirectoryNode;
    const handles = [...this.handles].map(
      ([number, handle]) => [number, { ...handle, file: copyFile(handle.file) }] as const,
    );
    return new Tree(root, new Map(handles));
  }

  find(path: string): Node | undefined {
    let node: Node | undefined = this.root;
    for (const name of names(path)) {
      node = node?.kind === "directory" ? node.entries.get(name) : undefined;
    }
    return node;
  }

  /** Every path with its node, directories before what is in them. */
  *all(below: DirectoryNode = this.root, path = ""): Generator<[string, Node]> {
    for (const [name, node] of below.entries) {
      yield [`${path}/${name}`, node];
      if (node.kind === "directory") yield* this.all(node, `${path}/${name}`);
    }
  }

  /** How many names a file has. */
  linkCount(file: FileNode): number {
    let count = 0;
    for (const [, node] of this.all()) if (node === file) count += 1;
    return count;
  }

  /** The effect of a call that succeeded. */
  apply(call: Call): void {
    switch (call.do) {
      case "open":
        this.#open(call.handle, call.path, call.flags);
        break;
      case "close":
        this.handles.delete(call.handle);
        break;
      case "write":
      case "map":
        this.#write(call.handle, call.offset, call.length, call.token);
        break;
      case "append":
        this.#write(call.handle, undefined, call.length, call.token);
        break;
      case "ftruncate":
        resize(this.#handle(call.handle).file, call.size);
        break;
      case "truncate":
        resize(this.#file(call.path), call.size);
        break;
      case "rename":
      case "exchange":
      case "link":
        this.#move(call.do, call.from, call.to);
        break;
      case "unlink":
      case "rmdir":
        this.#parent(call.path).delete(nameOf(call.path));
        break;
      case "mkdir":
        this.#put(call.path, { kind: "directory", mode: directoryMode, entries: new Map() });
        break;
      case "symlink":
        this.#put(call.path, { kind: "symlink", target: call.target });
        break;
      case "chmod":
        this.#file(call.path).mode = call.mode;
        break;
      default:
      // Syncing changes nothing, and shared lines are accounted for one by one.
    }
  }

  #open(handle: number, path: string, flags: number): void {
    let file = this.find(path);
    if (file === undefined && (flags & O_CREAT) !== 0) {
      file = { kind: "file", bytes: noBytes, mode: fileMode };
      this.#put(path, file);
    }
    if (file?.kind !== "file") throw new Error(`the model has no file ${path}`);
    if ((flags & O_TRUNC) !== 0) file.bytes = noBytes;
    this.handles.set(handle, { file, isAppend: (flags & O_APPEND) !== 0 });
  }

  #write(number: number, at: number | undefined, length: number, token: string): void {
    const { file } = this.#handle(number);
    const offset = at ?? file.bytes.length;
    const bytes = Buffer.alloc(Math.max(file.bytes.length, offset + length));
    file.bytes.copy(bytes);
    bytes.fill(token, offset, offset + length);
    file.bytes = bytes;
  }

  #move(how: "rename" | "exchange" | "link", from: string, to: string): void {
    const node = this.find(from);
    if (node === undefined) throw new Error(`the model has nothing at ${from}`);
    const other = this.find(to);
    // Two names of one file stay as they are.
    if (how === "rename" && other === node) return;
    if (how !== "link") this.#parent(from).delete(nameOf(from));
    this.#put(to, node);
    if (how === "exchange" && other !== undefined) this.#put(from, other);
  }

  #handle(number: number): OpenHandle {
    const handle = this.handles.get(number);
    if (handle === undefined) throw new Error(`the model has no handle ${number}`);
    return handle;
  }

  #file(path: string): FileNode {
    const node = this.find(path);
    if (node?.kind !== "file") throw new Error(`the model has no file ${path}`);
    return node;
  }

  #put(path: string, node: Node): void {
    this.#parent(path).set(nameOf(path), node);
  }

  #parent(path: string): Map<string, Node> {
    const node = this.find(path.slice(0, path.lastIndexOf("/")));
    if (node?.kind !== "directory") throw new Error(`the model has no directory of ${path}`);
    return node.entries;
  }
}

function resize(file: FileNode, size: number): void {
  const bytes = Buffer.alloc(size);
  file.bytes.copy(bytes);
  file.bytes = bytes;
}

function names(path: string): string[] {
  return path.split("/").filter((name) => name !== "");
}

function nameOf(path: string): string {
  return path.slice(path.lastIndexOf("/") + 1);
}
