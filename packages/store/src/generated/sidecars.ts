/**
 * What stands beside a file without being one: the text that the server drew from it, and what the server said when it
 * refused it. A sidecar is named after its file, so it follows it in every rename and is gone with it; it is never sent.
 */
import { nameBytesMax, toDisplay, toText } from "@smfs/core";
import type { StoreContext } from "../context.ts";
import type { GeneratedNode, GeneratedNodes, Listed } from "./nodes.ts";
import { type ExtractKind, extractKinds } from "./questions.ts";

const errorSuffix = ".smfs-error.txt";
const extractSuffix = new RegExp(`^(.+)\\.(${extractKinds.join("|")})-transcription\\.md$`, "s");
/** Shortest name that can be a sidecar's. */
const nameLengthMin = errorSuffix.length + 1;
/** Refused files whose sidecars are followed; of more, the names appear when the kernel asks anew. */
const refusedMax = 10_000;
/** Milliseconds that a sidecar can still be removed after its file: `rm -r` names both. */
const lingerMs = 10_000;
const lingerMax = 10_000;

const encoder = new TextEncoder();

interface ExtractRow {
  readonly fid: string;
  readonly name: string;
  readonly kind: ExtractKind;
  readonly text: string;
  readonly at_ms: number;
}

interface RefusedRow {
  readonly fid: string;
  readonly parent: number;
  readonly name: string;
  readonly rejected_ver: number;
  readonly rejected_why: string | null;
}

export class Sidecars {
  readonly #context: StoreContext;
  readonly #nodes: GeneratedNodes;
  readonly #extractOf;
  readonly #extractsIn;
  readonly #noted;
  readonly #put;
  readonly #anyExtract;
  readonly #refused;
  readonly #refusedIn;
  #hasExtracts: boolean;
  /** Where the sidecars of refused files were shown when last looked at, by fid. */
  #shown = new Map<string, { readonly parent: number; readonly name: string }>();
  /** Removed by hand: not shown again before there is something else to show. */
  readonly #dismissed = new Set<string>();
  /** Sidecars of files that are gone, by directory and name, and until when. */
  readonly #lingering = new Map<
    string,
    { readonly node: GeneratedNode; readonly untilMs: number }
  >();

  constructor(context: StoreContext, nodes: GeneratedNodes) {
    this.#context = context;
    this.#nodes = nodes;
    const { sql } = context.db;
    const extracts =
      "SELECT entry.fid, entry.name, kind, text, at_ms FROM entry JOIN extract ON extract.fid = entry.fid";
    this.#extractOf = sql.prepare<[number, string], ExtractRow>(
      `${extracts} WHERE parent = ? AND name = ? AND state = 'live' AND text IS NOT NULL`,
    );
    this.#extractsIn = sql.prepare<[number], ExtractRow>(
      `${extracts} WHERE parent = ? AND state = 'live' AND text IS NOT NULL ORDER BY entry.id`,
    );
    this.#noted = sql
      .prepare<[string], string>("SELECT of_hash FROM extract WHERE fid = ?")
      .pluck();
    this.#put = sql.prepare(
      `INSERT INTO extract (fid, of_hash, kind, text, at_ms) VALUES (?, ?, ?, ?, ?)
       ON CONFLICT (fid) DO UPDATE SET of_hash = excluded.of_hash, kind = excluded.kind, text = excluded.text, at_ms = excluded.at_ms`,
    );
    this.#anyExtract = sql
      .prepare<[], number>("SELECT EXISTS (SELECT 1 FROM extract WHERE text IS NOT NULL)")
      .pluck();
    const refused =
      "SELECT fid, parent, name, rejected_ver, rejected_why FROM entry WHERE rejected_ver IS NOT NULL AND state = 'live'";
    this.#refused = sql.prepare<[number], RefusedRow>(`${refused} LIMIT ? + 0`);
    this.#refusedIn = sql.prepare<[number], RefusedRow>(`${refused} AND parent = ? ORDER BY id`);
    this.#hasExtracts = this.#anyExtract.get() === 1;
    this.refresh();
  }

  /** Whether there is any sidecar. */
  get any(): boolean {
    return this.#hasExtracts || this.#shown.size > 0 || this.#lingering.size > 0;
  }

  /** Whether a name looks like a sidecar's. */
  static isName(name: string): boolean {
    if (name.length < nameLengthMin) return false;
    return name.endsWith(errorSuffix) || name.endsWith("-transcription.md");
  }

  /** The sidecar with this name; only asked where there is no file of that name. */
  find(parent: number, name: string): GeneratedNode | undefined {
    if (!this.any || !Sidecars.isName(name)) return undefined;
    return this.#current(parent, name) ?? this.#lingers(parent, name);
  }

  #current(parent: number, name: string): GeneratedNode | undefined {
    if (name.endsWith(errorSuffix)) {
      const of = name.slice(0, -errorSuffix.length);
      const row = this.#refusedIn.all(parent).find((refused) => refused.name === of);
      return row === undefined ? undefined : this.#errorNode(row);
    }
    const [, of, kind] = extractSuffix.exec(name) ?? [];
    if (of === undefined) return undefined;
    const row = this.#extractOf.get(parent, of);
    return row === undefined || row.kind !== kind ? undefined : this.#extractNode(row);
  }

  /** The sidecars in a directory. */
  list(parent: number): Listed[] {
    if (!this.any) return [];
    const listed: Listed[] = [];
    const add = (name: string, node: GeneratedNode | undefined): void => {
      if (node === undefined || name.length > nameBytesMax) return;
      if (this.#context.entries.inoOf(parent, name) === undefined) listed.push({ name, node });
    };
    if (this.#hasExtracts) {
      for (const row of this.#extractsIn.all(parent)) add(extractName(row), this.#extractNode(row));
    }
    if (this.#shown.size > 0) {
      for (const row of this.#refusedIn.all(parent)) add(errorName(row), this.#errorNode(row));
    }
    return listed;
  }

  #extractNode({ fid, kind, text, at_ms }: ExtractRow): GeneratedNode | undefined {
    const key = `extract ${fid} ${kind} ${at_ms}`;
    if (this.#dismissed.has(key)) return undefined;
    const bytes = encoder.encode(text);
    return this.#nodes.node(key, { kind: "file", content: () => bytes, size: bytes.length }, at_ms);
  }

  #errorNode(row: RefusedRow): GeneratedNode | undefined {
    const key = `error ${row.fid} ${row.rejected_ver}`;
    if (this.#dismissed.has(key)) return undefined;
    const bytes = encoder.encode(errorText(row));
    const known = this.#nodes.keyed(key);
    const atMs = known?.changedMs ?? this.#context.clock.now();
    return this.#nodes.node(key, { kind: "file", content: () => bytes, size: bytes.length }, atMs);
  }

  /** Names of the sidecars of one file. */
  namesOf(parent: number, name: string): Listed[] {
    if (!this.any) return [];
    return this.list(parent).filter((listed) => isOf(listed.name, name));
  }

  /** Removed by hand. Answers whether there was such a sidecar. */
  dismiss(parent: number, name: string): boolean {
    const node = this.find(parent, name);
    if (node === undefined) return false;
    this.#lingering.delete(lingerKey(parent, name));
    this.#dismissed.add(node.key);
    this.#context.invalidate({ kind: "inode", ino: parent });
    return true;
  }

  /** A file is gone: what stood beside it can be removed for a moment still. */
  linger(parent: number, sidecars: readonly Listed[]): void {
    if (this.#lingering.size >= lingerMax) this.#lingering.clear();
    const untilMs = this.#context.clock.monotonic() + lingerMs;
    for (const { name, node } of sidecars) {
      this.#lingering.set(lingerKey(parent, name), { node, untilMs });
    }
  }

  #lingers(parent: number, name: string): GeneratedNode | undefined {
    const now = this.#context.clock.monotonic();
    for (const [key, { untilMs }] of this.#lingering) {
      if (untilMs > now) break;
      this.#lingering.delete(key);
    }
    return this.#lingering.get(lingerKey(parent, name))?.node;
  }

  /** Whether the text of these bytes was asked for before. */
  isKnown(fid: string, hash: string): boolean {
    return this.#noted.get(fid) === hash;
  }

  /** The server has drawn this text from a file's bytes, or none. */
  putExtract(fid: string, hash: string, kind: ExtractKind, text: string | null): void {
    const { db, clock, entries } = this.#context;
    const entry = entries.byFid(fid);
    if (entry === undefined) return;
    const before = this.#extractOf.get(entry.parent, entry.name);
    db.transaction(() => this.#put.run(fid, hash, kind, text, Math.round(clock.now())));
    this.#hasExtracts = this.#anyExtract.get() === 1;
    const after = this.#extractOf.get(entry.parent, entry.name);
    for (const row of [before, after]) {
      if (row !== undefined) this.#changed(entry.parent, extractName(row));
    }
  }

  /** Looks which files are refused now, and tells the kernel of those that are new or gone. */
  refresh(): void {
    const now = new Map<string, { parent: number; name: string }>();
    for (const row of this.#refused.all(refusedMax)) {
      const { parent } = row;
      const name = errorName(row);
      now.set(row.fid, { parent, name });
      const before = this.#shown.get(row.fid);
      if (before?.parent === parent && before.name === name) continue;
      this.#changed(parent, name);
    }
    for (const [fid, { parent, name }] of this.#shown) {
      if (!now.has(fid)) this.#changed(parent, name);
    }
    this.#shown = now;
  }

  #changed(parent: number, name: string): void {
    if (name.length <= nameBytesMax) this.#context.invalidate({ kind: "entry", parent, name });
  }
}

function lingerKey(parent: number, name: string): string {
  return `${parent} ${name}`;
}

function errorName({ name }: { readonly name: string }): string {
  return `${name}${errorSuffix}`;
}

function extractName({ name, kind }: ExtractRow): string {
  return `${name}.${kind}-transcription.md`;
}

function isOf(sidecar: string, name: string): boolean {
  return sidecar === errorName({ name }) || extractSuffix.exec(sidecar)?.[1] === name;
}

function errorText({ name, rejected_why }: RefusedRow): string {
  const shown = toText(name) ?? toDisplay(name);
  return [
    `The server has not taken this version of ${shown}:`,
    "",
    `  ${rejected_why ?? "it gave no reason"}`,
    "",
    "The file is whole on this machine and stays as it is. It is sent again when it is next changed.",
    "This note is on this machine only, and goes when a version is taken.",
    "",
  ].join("\n");
}
