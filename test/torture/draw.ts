/**
 * Draws work as programs do it: files made, saved over, appended to, cut, mapped, moved, linked and removed, some of
 * them while they are open. Every call that is drawn succeeds on a file system that does what it should.
 */
import { O_APPEND, O_CREAT, O_EXCL, O_RDWR, O_TRUNC, O_WRONLY, type Random } from "@smfs/core";
import type { Call } from "./call.ts";
import type { FileNode, Node, Tree } from "./tree.ts";

/** At most so many files, so that each is changed now and then. */
const filesMax = 40;
const handlesMax = 6;
/** Bytes of the largest file. */
const sizeMax = 2 << 20;
const depthMax = 3;

type Draw = () => void;

export interface WorkOptions {
  /** The directory that all of it lies in. */
  readonly home: string;
  /** Makes what is written unlike anything else that is. */
  readonly prefix: string;
  /** Small files, synced often, and none that others append to. */
  readonly isSmall?: boolean;
}

export class Work {
  readonly #random: Random;
  readonly #tree: Tree;
  readonly #home: string;
  readonly #prefix: string;
  readonly #isSmall: boolean;
  readonly #calls: Call[] = [];
  readonly #draws: readonly (readonly [number, Draw])[];
  #count = 0;

  /**
   * @param tree as it is before the work; becomes what it is after it
   */
  constructor(random: Random, tree: Tree, options: WorkOptions) {
    this.#random = random;
    this.#tree = tree;
    this.#home = options.home;
    this.#prefix = options.prefix;
    this.#isSmall = options.isSmall === true;
    this.#draws = [
      [10, () => this.#make()],
      [8, () => this.#save()],
      [6, () => this.#overwrite()],
      [8, () => this.#patch()],
      [6, () => this.#append()],
      [8, () => this.#useHandle()],
      [4, () => this.#cut()],
      [4, () => this.#map()],
      [5, () => this.#move()],
      [2, () => this.#exchange()],
      [3, () => this.#moveDirectory()],
      [6, () => this.#unlink()],
      [3, () => this.#makeDirectory()],
      [2, () => this.#removeDirectory()],
      [2, () => this.#link()],
      [1, () => this.#symlink()],
      [2, () => this.#chmod()],
      [this.#isSmall ? 12 : 3, () => this.#sync()],
      [this.#isSmall ? 0 : 4, () => this.#line()],
    ];
  }

  /** At least `count` calls. */
  draw(count: number): readonly Call[] {
    if (this.#tree.find(this.#home) === undefined) this.#do({ do: "mkdir", path: this.#home });
    const total = this.#draws.reduce((sum, [weight]) => sum + weight, 0);
    while (this.#calls.length < count) {
      let left = this.#random.next() * total;
      const chosen = this.#draws.find(([weight]) => {
        left -= weight;
        return left < 0;
      });
      chosen?.[1]();
    }
    return this.#calls;
  }

  /** A write through each handle that is open. */
  drawLast(): readonly Call[] {
    for (const handle of this.#tree.handles.keys()) {
      this.#writeTo(handle);
      if (this.#below(2) === 0) this.#do({ do: "close", handle });
    }
    return this.#calls;
  }

  #do(call: Call): void {
    this.#tree.apply(call);
    this.#calls.push(call);
  }

  #below(end: number): number {
    return Math.floor(this.#random.next() * end);
  }

  #oneOf<T>(items: readonly T[]): T | undefined {
    return items[this.#below(items.length)];
  }

  #token(): string {
    this.#count += 1;
    return `${this.#prefix}.${this.#count};`;
  }

  #length(): number {
    const kind = this.#random.next();
    if (this.#isSmall) return 1 + this.#below(kind < 0.8 ? 1500 : 9000);
    if (kind < 0.65) return 1 + this.#below(3000);
    if (kind < 0.92) return 1 + this.#below(50_000);
    return 1 + this.#below(kind < 0.98 ? 300_000 : 1_400_000);
  }

  #nodes<K extends Node["kind"]>(kind: K): [string, Node & { kind: K }][] {
    return [...this.#tree.all()].filter(
      (one): one is [string, Node & { kind: K }] =>
        one[1].kind === kind && one[0].startsWith(`${this.#home}/`),
    );
  }

  #directory(): string {
    return this.#oneOf([this.#home, ...this.#nodes("directory").map(([path]) => path)]) ?? "";
  }

  /** A path that is free. */
  #free(extensions: readonly string[] = [".md", ".txt", ".bin", ""]): string {
    for (;;) {
      const path = `${this.#directory()}/n${this.#below(60)}${this.#oneOf(extensions)}`;
      if (this.#tree.find(path) === undefined) return path;
    }
  }

  #freeHandle(): number | undefined {
    for (let handle = 0; handle < handlesMax; handle += 1) {
      if (!this.#tree.handles.has(handle)) return handle;
    }
    return undefined;
  }

  /** Opens, does something, and closes or not. */
  #with(path: string, flags: number, action: (handle: number) => void): void {
    const handle = this.#freeHandle();
    if (handle === undefined) {
      this.#do({ do: "close", handle: this.#below(handlesMax) });
      return;
    }
    this.#do({ do: "open", handle, path, flags });
    action(handle);
    if (this.#below(5) > 0) this.#do({ do: "close", handle });
  }

  /** A write at a likely place: the end, somewhere within, or beyond the end. */
  #writeTo(handle: number): void {
    const open = this.#tree.handles.get(handle);
    if (open === undefined) return;
    const length = this.#length();
    const token = this.#token();
    const { size } = { size: open.file.bytes.length };
    if (size + length > sizeMax) this.#do({ do: "ftruncate", handle, size: this.#below(1000) });
    else if (open.isAppend) this.#do({ do: "append", handle, length, token });
    else {
      const offset = this.#oneOf([0, size, this.#below(size + 1), size + this.#below(9000)]) ?? 0;
      this.#do({ do: "write", handle, offset, length, token });
    }
  }

  #make(): void {
    if (this.#nodes("file").length >= filesMax) {
      this.#unlink();
      return;
    }
    this.#with(this.#free(), O_RDWR | O_CREAT | O_EXCL, (handle) => {
      for (let writes = this.#below(4); writes > 0; writes -= 1) this.#writeTo(handle);
    });
  }

  /** As editors save: another file, synced or not, then renamed over the one that is meant. */
  #save(): void {
    const [target] = this.#oneOf(this.#nodes("file")) ?? [this.#free()];
    const handle = this.#freeHandle();
    if (handle === undefined) return;
    const path = this.#free([".tmp"]);
    this.#do({ do: "open", handle, path, flags: O_WRONLY | O_CREAT | O_EXCL });
    this.#writeTo(handle);
    if (this.#below(2) === 0) this.#do({ do: "fsync", handle });
    this.#do({ do: "close", handle });
    this.#do({ do: "rename", from: path, to: target });
  }

  #onFile(flags: number, action: (handle: number, file: FileNode) => void): void {
    const [path, file] = this.#oneOf(this.#nodes("file")) ?? [];
    if (path !== undefined && file !== undefined) {
      this.#with(path, flags, (handle) => action(handle, file));
    }
  }

  #overwrite(): void {
    this.#onFile(O_WRONLY | O_TRUNC, (handle) => this.#writeTo(handle));
  }

  #patch(): void {
    this.#onFile(O_RDWR, (handle) => this.#writeTo(handle));
  }

  #append(): void {
    this.#onFile(O_WRONLY | O_APPEND, (handle) => {
      for (let writes = 1 + this.#below(3); writes > 0; writes -= 1) this.#writeTo(handle);
    });
  }

  #useHandle(): void {
    const handle = this.#oneOf([...this.#tree.handles.keys()]);
    if (handle === undefined) return;
    const what = this.#below(6);
    if (what === 0) this.#do({ do: "fsync", handle });
    else if (what === 1) this.#do({ do: "ftruncate", handle, size: this.#below(5000) });
    else if (what === 2) this.#do({ do: "close", handle });
    else this.#writeTo(handle);
  }

  #cut(): void {
    const [path, file] = this.#oneOf(this.#nodes("file")) ?? [];
    if (path === undefined || file === undefined) return;
    const size = this.#oneOf([0, this.#below(file.bytes.length + 1), this.#below(20_000)]) ?? 0;
    this.#do({ do: "truncate", path, size });
  }

  #map(): void {
    this.#onFile(O_RDWR, (handle, { bytes }) => {
      if (bytes.length === 0) return;
      const offset = this.#below(bytes.length);
      const length = 1 + this.#below(Math.min(30_000, bytes.length - offset));
      this.#do({ do: "map", handle, offset, length, token: this.#token() });
    });
  }

  #move(): void {
    const files = this.#nodes("file");
    const [from] = this.#oneOf(files) ?? [];
    if (from === undefined) return;
    const [over] = this.#below(3) === 0 ? (this.#oneOf(files) ?? []) : [];
    this.#do({ do: "rename", from, to: over ?? this.#free() });
  }

  #exchange(): void {
    const files = this.#nodes("file");
    const [from] = this.#oneOf(files) ?? [];
    const [to] = this.#oneOf(files) ?? [];
    if (from !== undefined && to !== undefined && from !== to)
      this.#do({ do: "exchange", from, to });
  }

  #moveDirectory(): void {
    const [from] = this.#oneOf(this.#nodes("directory")) ?? [];
    if (from === undefined) return;
    const to = this.#free([".d"]);
    if (to.startsWith(`${from}/`) || depth(to) > depthMax + 1) return;
    this.#do({ do: "rename", from, to });
  }

  #unlink(): void {
    const [path] = this.#oneOf([...this.#nodes("file"), ...this.#nodes("symlink")]) ?? [];
    if (path !== undefined) this.#do({ do: "unlink", path });
  }

  #makeDirectory(): void {
    if (this.#nodes("directory").length > 8) return;
    const path = this.#free([".d"]);
    if (depth(path) <= depthMax) this.#do({ do: "mkdir", path });
  }

  #removeDirectory(): void {
    const empty = this.#nodes("directory").filter(([, { entries }]) => entries.size === 0);
    const [path] = this.#oneOf(empty) ?? [];
    if (path !== undefined) this.#do({ do: "rmdir", path });
  }

  #link(): void {
    const [from] = this.#oneOf(this.#nodes("file")) ?? [];
    if (from !== undefined) this.#do({ do: "link", from, to: this.#free() });
  }

  #symlink(): void {
    this.#do({ do: "symlink", target: `n${this.#below(60)}.md`, path: this.#free([".ln"]) });
  }

  #chmod(): void {
    const [path] = this.#oneOf(this.#nodes("file")) ?? [];
    const mode = this.#oneOf([0o600, 0o644, 0o640, 0o755]) ?? 0;
    if (path !== undefined) this.#do({ do: "chmod", path, mode });
  }

  #sync(): void {
    const handle = this.#oneOf([...this.#tree.handles.keys()]);
    if (handle === undefined || this.#below(4) === 0) {
      this.#do({ do: "fsyncdir", path: this.#directory() });
    } else this.#do({ do: this.#below(2) === 0 ? "fsync" : "fdatasync", handle });
  }

  #line(): void {
    const name = `s${this.#below(4)}${this.#oneOf([".md", ".log"])}`;
    this.#do({ do: "line", path: `${sharedDirectory}/${name}`, token: this.#token() });
  }
}

/** Where every device appends lines to the same files. */
export const sharedDirectory = "/shared";

function depth(path: string): number {
  return path.split("/").length - 1;
}
