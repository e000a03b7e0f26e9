/** Generated inodes: files, directories and symlinks that are in no row. Their numbers lie above all others. */
import { type Attr, type Clock, S_IFDIR, S_IFLNK, S_IFREG } from "@smfs/core";

/** Numbers from here on are of generated inodes and of their open files; the store gives none of them. */
export const generatedMin: number = 2 ** 52;

/** A name in a generated directory, or a generated name in a real one. */
export interface Listed {
  /** A byte string. */
  readonly name: string;
  readonly node: GeneratedNode;
}

export type Body =
  | {
      readonly kind: "directory";
      /** @throws Parked, FsError */
      readonly find: (name: string) => GeneratedNode | undefined;
      /** @throws Parked, FsError */
      readonly list: () => readonly Listed[];
    }
  | {
      readonly kind: "file";
      /** The bytes as they are now. @throws Parked, FsError */
      readonly content: () => Uint8Array;
      /** Their number, where it is known without them. */
      readonly size?: number;
    }
  | { readonly kind: "symlink"; readonly target: string };

export interface GeneratedNode {
  readonly ino: number;
  /** What it is: the same thing has the same number while somebody knows it. */
  readonly key: string;
  body: Body;
  /** Wall-clock milliseconds of its last change; undefined for a directory, which is always new. */
  changedMs: number | undefined;
}

/** Nodes kept that nobody knows: listed, and perhaps asked for in a moment. */
const idleMax = 4096;

export class GeneratedNodes {
  readonly #clock: Clock;
  readonly #owner: { readonly uid: number; readonly gid: number };
  readonly #byIno = new Map<number, GeneratedNode>();
  readonly #byKey = new Map<string, GeneratedNode>();
  readonly #held = new Set<number>();
  #next = generatedMin;

  constructor(clock: Clock, owner: { readonly uid: number; readonly gid: number }) {
    this.#clock = clock;
    this.#owner = owner;
  }

  /** The node of a thing, made if need be; what it is made of is the latest that was said. */
  node(key: string, body: Body, changedMs?: number): GeneratedNode {
    const known = this.#byKey.get(key);
    if (known !== undefined) {
      known.body = body;
      known.changedMs = changedMs;
      return known;
    }
    const node: GeneratedNode = { ino: this.#next, key, body, changedMs };
    this.#next += 1;
    this.#byIno.set(node.ino, node);
    this.#byKey.set(key, node);
    this.#makeRoom();
    return node;
  }

  find(ino: number): GeneratedNode | undefined {
    return this.#byIno.get(ino);
  }

  /** The node of a thing that was made before. */
  keyed(key: string): GeneratedNode | undefined {
    return this.#byKey.get(key);
  }

  hold(ino: number): void {
    this.#held.add(ino);
  }

  forget(ino: number): void {
    this.#held.delete(ino);
  }

  #makeRoom(): void {
    if (this.#byIno.size - this.#held.size <= idleMax) return;
    for (const node of this.#byIno.values()) {
      if (this.#byIno.size - this.#held.size <= idleMax / 2) return;
      if (this.#held.has(node.ino)) continue;
      this.#byIno.delete(node.ino);
      this.#byKey.delete(node.key);
    }
  }

  /** @throws Parked, FsError when a file's size is not known without its bytes */
  attr(node: GeneratedNode): Attr {
    const { body } = node;
    const ms = node.changedMs ?? this.#clock.now();
    const s = Math.floor(ms / 1000);
    const ns = Math.max(0, Math.min(999_999_999, Math.round((ms - s * 1000) * 1e6)));
    const size = sizeOf(body);
    return {
      ino: node.ino,
      mode: modeOf(body),
      nlink: body.kind === "directory" ? 2 : 1,
      ...this.#owner,
      rdev: 0,
      size,
      blocks: body.kind === "file" ? Math.ceil(size / 512) : 0,
      atimeS: s,
      atimeNs: ns,
      mtimeS: s,
      mtimeNs: ns,
      ctimeS: s,
      ctimeNs: ns,
      stable: false,
      transient: true,
    };
  }
}

export function modeOf(body: Body): number {
  if (body.kind === "directory") return S_IFDIR | 0o555;
  return body.kind === "file" ? S_IFREG | 0o444 : S_IFLNK | 0o777;
}

function sizeOf(body: Body): number {
  if (body.kind === "directory") return 0;
  if (body.kind === "symlink") return body.target.length;
  return body.size ?? body.content().length;
}
