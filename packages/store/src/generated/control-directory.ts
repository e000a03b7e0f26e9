/**
 * `.smfs/` at the root of a mount (docs/cli.md): found by name, never listed, so that no `rm -rf *`, `cp -r` or
 * `find` walks into it. Only `search/` and `history/` wait for the network, as long as the daemon lets them.
 */
import {
  FsError,
  isDirectory,
  isRegular,
  isSymlink,
  rootIno,
  splitPath,
  toByteString,
  toText,
} from "@smfs/core";
import type { Conflicts } from "../conflicts.ts";
import type { StoreContext } from "../context.ts";
import type { ConflictView } from "../port.ts";
import type { GeneratedNode, GeneratedNodes, Listed } from "./nodes.ts";
import type { Answers, VersionNote } from "./questions.ts";

/** Milliseconds that an answer is used again. */
const statusFreshMs = 1000;
const searchFreshMs = 10_000;
const historyFreshMs = 5000;
const versionFreshMs = 600_000;
/** Conflict versions listed. */
const conflictsMax = 1000;
/** From `.smfs/search/<question>/` and `.smfs/conflicts/` to the root. */
const upFromSearch = "../../../";
const upFromConflicts = "../../";

export class ControlDirectory {
  readonly #context: StoreContext;
  readonly #nodes: GeneratedNodes;
  readonly #answers: Answers;
  readonly #conflicts: Pick<Conflicts, "list">;

  constructor(
    context: StoreContext,
    nodes: GeneratedNodes,
    answers: Answers,
    conflicts: Pick<Conflicts, "list">,
  ) {
    this.#context = context;
    this.#nodes = nodes;
    this.#answers = answers;
    this.#conflicts = conflicts;
  }

  root(): GeneratedNode {
    const names: Readonly<Record<string, () => GeneratedNode>> = {
      "status.json": () => this.#status(),
      search: () => this.#search(),
      history: () => this.#history(rootIno, ""),
      conflicts: () => this.#conflictList(),
    };
    return this.#directory(
      "smfs",
      (name) => (Object.hasOwn(names, name) ? names[name]?.() : undefined),
      () => Object.entries(names).map(([name, node]) => ({ name, node: node() })),
    );
  }

  #directory(
    key: string,
    find: (name: string) => GeneratedNode | undefined,
    list: () => readonly Listed[],
  ): GeneratedNode {
    return this.#nodes.node(key, { kind: "directory", find, list });
  }

  #status(): GeneratedNode {
    const content = () => {
      const answer = this.#answers.get({ kind: "status" }, statusFreshMs);
      return encoder.encode(answer.kind === "text" ? answer.text : "");
    };
    return this.#nodes.node("status", { kind: "file", content });
  }

  /** Every question is a directory: nothing is asked before somebody looks into it. */
  #search(): GeneratedNode {
    return this.#directory(
      "search",
      (name) => this.#question(name),
      () => [],
    );
  }

  #question(name: string): GeneratedNode | undefined {
    const query = toText(name);
    if (query === undefined) return undefined;
    const list = () => this.#found(query);
    return this.#directory(
      `search ${name}`,
      (found) => list().find((listed) => listed.name === found)?.node,
      list,
    );
  }

  #found(query: string): Listed[] {
    const answer = this.#answers.get({ kind: "search", query }, searchFreshMs);
    const paths = answer.kind === "paths" ? answer.paths : [];
    const digits = String(paths.length).length;
    return paths.map((path, index) => {
      const rank = String(index + 1).padStart(digits, "0");
      const names = splitPath(path).map(toByteString);
      const target = upFromSearch + names.join("/");
      return {
        name: `${rank}-${names.at(-1) ?? ""}`.slice(0, 255),
        node: this.#nodes.node(`found ${target}`, { kind: "symlink", target }, 0),
      };
    });
  }

  /** A directory for each directory, and for each file one with its versions. */
  #history(ino: number, path: string): GeneratedNode {
    const { entries } = this.#context;
    return this.#directory(
      `history ${ino}`,
      (name) => {
        const entry = entries.find(ino, name);
        return entry === undefined ? undefined : this.#past(entry.ino, entry, `${path}/${name}`);
      },
      () => {
        const listed: Listed[] = [];
        for (let after = 0; ; ) {
          const page = entries.children(ino, after, 512);
          for (const entry of page) {
            const node = this.#past(entry.ino, entry, `${path}/${entry.name}`);
            if (node !== undefined) listed.push({ name: entry.name, node });
          }
          const last = page.at(-1);
          if (last === undefined) return listed;
          after = last.id;
        }
      },
    );
  }

  #past(
    ino: number,
    entry: { readonly doc_id: string | null; readonly name: string },
    path: string,
  ): GeneratedNode | undefined {
    const { mode } = this.#context.inodes.get(ino);
    if (isDirectory(mode)) return this.#history(ino, path);
    if (entry.doc_id === null || !(isRegular(mode) || isSymlink(mode))) return undefined;
    return this.#versions(entry.doc_id, extensionOf(entry.name));
  }

  #versions(docId: string, extension: string): GeneratedNode {
    const list = () => {
      const answer = this.#answers.get({ kind: "versions", docId }, historyFreshMs);
      const versions = answer.kind === "versions" ? answer.versions : [];
      return versions.map((version) => ({
        name: versionName(version, extension),
        node: this.#version(docId, version),
      }));
    };
    return this.#directory(
      `versions ${docId}`,
      (name) => list().find((listed) => listed.name === name)?.node,
      list,
    );
  }

  #version(docId: string, { rev, size, atMs }: VersionNote): GeneratedNode {
    const content = () => {
      const answer = this.#answers.get({ kind: "version", docId, rev }, versionFreshMs);
      if (answer.kind !== "bytes") throw new FsError("EIO", `version ${rev} of ${docId}`);
      return answer.bytes;
    };
    return this.#nodes.node(`version ${docId} ${rev}`, { kind: "file", content, size }, atMs);
  }

  /** Each kept version as a link to it, named as it is. */
  #conflictList(): GeneratedNode {
    const list = () => {
      const taken = new Set<string>();
      return this.#conflicts.list(conflictsMax).map((conflict) => this.#conflict(conflict, taken));
    };
    return this.#directory(
      "conflicts",
      (name) => list().find((listed) => listed.name === name)?.node,
      list,
    );
  }

  #conflict({ versionPath, atMs }: ConflictView, taken: Set<string>): Listed {
    const target = upFromConflicts + versionPath.slice(1);
    const base = versionPath.slice(versionPath.lastIndexOf("/") + 1);
    let name = base;
    for (let n = 2; taken.has(name); n += 1) name = `${base.slice(0, 240)} (${n})`;
    taken.add(name);
    return {
      name,
      node: this.#nodes.node(`conflict ${target}`, { kind: "symlink", target }, atMs),
    };
  }
}

const encoder = new TextEncoder();

function extensionOf(name: string): string {
  return /^.+(\.[^.]{1,16})$/.exec(name)?.[1] ?? "";
}

/** The newest has the highest number; the time is UTC. */
function versionName({ rev, atMs }: VersionNote, extension: string): string {
  const time = timeText.format(atMs).replace(" ", "T").replaceAll(":", "-");
  return `${String(rev).padStart(6, "0")}-${time}Z${extension}`;
}

const timeText = new Intl.DateTimeFormat("sv-SE", {
  dateStyle: "short",
  timeStyle: "medium",
  timeZone: "UTC",
});
