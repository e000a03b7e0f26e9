/** What a script did to names and bytes, call by call: what a power loss at any moment may leave, and what it may not. */
import type { Call } from "./call.ts";
import { type FileNode, type Node, Tree } from "./tree.ts";

interface Version {
  /** How many calls had been made when the file had these bytes. */
  readonly after: number;
  readonly bytes: Buffer;
}

interface FileHistory {
  readonly versions: Version[];
  /** Calls after which the file had been synced. */
  readonly syncs: number[];
}

/** What is known of a file at a moment. */
export interface Expected {
  /** Its bytes, when they were synced and not changed since. */
  readonly exact: Buffer | undefined;
  /** What it held since it was last synced. */
  readonly versions: readonly Buffer[];
}

const syncing = new Set<Call["do"]>(["fsync", "fdatasync", "map"]);

export class History {
  /** Names after 0, 1, 2 … calls. */
  readonly names: ReadonlyMap<string, Node>[] = [];
  /** For each number of calls, how many of them a power loss cannot take any more, once they are acknowledged. */
  readonly #durable: number[] = [0];
  readonly #files = new Map<FileNode, FileHistory>();
  readonly #known = new Set<string>();

  constructor(calls: readonly Call[]) {
    const tree = new Tree();
    this.#note(tree, 0);
    calls.forEach((call, index) => {
      const handle = "handle" in call ? tree.handles.get(call.handle) : undefined;
      tree.apply(call);
      this.#note(tree, index + 1);
      const isSync = syncing.has(call.do);
      if (isSync && handle !== undefined) this.#of(handle.file).syncs.push(index + 1);
      const before = this.#durable[index] ?? 0;
      this.#durable.push(isSync || call.do === "fsyncdir" ? index + 1 : before);
    });
  }

  /** How many calls cannot be lost when so many have been acknowledged. */
  durable(acknowledged: number): number {
    return this.#durable[acknowledged] ?? 0;
  }

  /** What a file may hold after a power loss when so many calls were acknowledged; one more may be under way. */
  expected(file: FileNode, acknowledged: number): Expected {
    const { versions, syncs } = this.#of(file);
    const synced = syncs.filter((after) => after <= acknowledged).at(-1);
    const base = versions.filter(({ after }) => after <= (synced ?? 0)).at(-1);
    const later = versions.filter(
      ({ after }) => after > (synced ?? 0) && after <= acknowledged + 1,
    );
    const exact = later.length === 0 ? base?.bytes : undefined;
    return {
      exact,
      versions: [...(base === undefined ? [] : [base]), ...later].map((v) => v.bytes),
    };
  }

  /** Whether any file had just these bytes at any time. */
  isKnown(bytes: Buffer): boolean {
    return this.#known.has(bytes.toString("latin1"));
  }

  #of(file: FileNode): FileHistory {
    const found = this.#files.get(file) ?? { versions: [], syncs: [] };
    this.#files.set(file, found);
    return found;
  }

  #note(tree: Tree, after: number): void {
    this.names.push(new Map(tree.all()));
    const open = [...tree.handles.values()].map(({ file }) => file);
    const named = [...tree.all()].flatMap(([, node]) => (node.kind === "file" ? [node] : []));
    for (const file of new Set([...open, ...named])) {
      const { versions } = this.#of(file);
      if (versions.at(-1)?.bytes === file.bytes) continue;
      versions.push({ after, bytes: file.bytes });
      this.#known.add(file.bytes.toString("latin1"));
    }
  }
}
