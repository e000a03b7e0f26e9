/**
 * Sets a damaged store aside, and lists in a tree of its own what the server may not have: each file with an unsent
 * change under its path, and each whose row cannot be read under its number. Nothing is removed and nothing copied: the
 * tree's files are further names of those in the store.
 */
import { existsSync, linkSync, mkdirSync, readdirSync, renameSync, statSync } from "node:fs";
import { join } from "node:path";
import { isRegular, type Logger, rootIno, S_IFMT } from "@smfs/core";
import type { Database } from "../database.ts";
import { blobFile, openImage, workFile } from "./store-image.ts";

export interface Salvaged {
  /** The store as it was. */
  readonly storeDir: string;
  /** What the server may not have; undefined when there is nothing. */
  readonly filesDir: string | undefined;
  readonly files: number;
  /** Of them, those whose path is not known. */
  readonly withoutPath: number;
}

/** Rows asked for at one time; where a page is damaged, fewer. */
const pageRows = 1024;
const ownerDirectory = 0o700;

interface EntryRow {
  readonly id: number;
  readonly ino: number;
  readonly parent: number;
  readonly name: string;
  readonly state: string;
  readonly isDirty: number;
}

interface Found {
  readonly entries: readonly EntryRow[];
  /** Inodes whose row was read: what it says of the bytes. */
  readonly inodes: ReadonlyMap<number, { readonly mode: number; readonly stub: number }>;
}

/**
 * @param dir the store; nobody has it open
 * @param aside an empty name in a directory of the same file system: the store is moved there
 */
export function salvageStore(dir: string, aside: string, log: Logger): Salvaged {
  mkdirSync(aside, { recursive: true, mode: ownerDirectory });
  const storeDir = join(aside, "store");
  renameSync(dir, storeDir);
  const found = readRows(storeDir, log);
  const filesDir = join(aside, "files");
  const kept = new Keeper(storeDir, filesDir);
  const pathOf = paths(found.entries);
  const named = new Set<number>();
  for (const entry of found.entries) {
    if (entry.state !== "live") continue;
    const inode = found.inodes.get(entry.ino);
    if (inode === undefined || inode.stub === 1 || !isRegular(inode.mode)) continue;
    named.add(entry.ino);
    if (entry.isDirty === 1) kept.keep(entry.ino, pathOf(entry));
  }
  let withoutPath = 0;
  for (const ino of workingFiles(storeDir)) {
    // Empty ones are kept for new files to take.
    if (named.has(ino) || isStub(found, ino) || statSync(workFile(storeDir, ino)).size === 0)
      continue;
    if (kept.keep(ino, ["without-a-name", String(ino)])) withoutPath += 1;
  }
  return {
    storeDir,
    filesDir: kept.count > 0 ? filesDir : undefined,
    files: kept.count,
    withoutPath,
  };
}

/** A stub has no bytes of its own. */
function isStub({ inodes }: Found, ino: number): boolean {
  return inodes.get(ino)?.stub === 1;
}

class Keeper {
  readonly #storeDir: string;
  readonly #filesDir: string;
  count = 0;

  constructor(storeDir: string, filesDir: string) {
    this.#storeDir = storeDir;
    this.#filesDir = filesDir;
  }

  /** Gives a working file a name in the tree. Answers whether it is there. */
  keep(ino: number, names: readonly string[]): boolean {
    const from = workFile(this.#storeDir, ino);
    if (!existsSync(from)) return false;
    const raw = names.map((name) => Buffer.from(name, "latin1"));
    const slash = Buffer.from("/");
    let at = Buffer.from(this.#filesDir);
    mkdirSync(at, { recursive: true, mode: ownerDirectory });
    for (const name of raw.slice(0, -1)) {
      at = Buffer.concat([at, slash, name]);
      if (!existsSync(at)) mkdirSync(at, { mode: ownerDirectory });
    }
    const last = raw.at(-1) ?? Buffer.from(String(ino));
    let to = Buffer.concat([at, slash, last]);
    for (let n = 2; existsSync(to); n += 1)
      to = Buffer.concat([at, slash, last, Buffer.from(` (${n})`)]);
    linkSync(from, to);
    this.count += 1;
    return true;
  }
}

/** Names from the root to an entry; what lies in no known directory is below `lost`. */
function paths(entries: readonly EntryRow[]): (entry: EntryRow) => string[] {
  const directories = new Map<number, EntryRow>();
  for (const entry of entries) if (entry.state === "live") directories.set(entry.ino, entry);
  return (entry) => {
    const names = [entry.name];
    const seen = new Set<number>();
    for (let at = entry.parent; at !== rootIno; ) {
      const above = directories.get(at);
      if (above === undefined || seen.has(at)) return ["lost", String(at), ...names];
      seen.add(at);
      names.unshift(above.name);
      at = above.parent;
    }
    return names;
  };
}

function workingFiles(storeDir: string): number[] {
  const dir = join(storeDir, "work");
  if (!existsSync(dir)) return [];
  return readdirSync(dir)
    .filter((name) => /^\d+$/.test(name))
    .map(Number);
}

/** Every row that can be read; none when the database is no database any more. */
function readRows(storeDir: string, log: Logger): Found {
  const inodes = new Map<number, { mode: number; stub: number }>();
  try {
    const { sql } = openImage(storeDir, log);
    try {
      const entries = readTable<EntryRow>(
        sql,
        "entry",
        "id",
        "id, ino, parent, name, state, local_ver <> base_ver AS isDirty",
      );
      const rows = readTable<{ ino: number; mode: number; stub: number; fill: string | null }>(
        sql,
        "inode",
        "ino",
        `ino, mode & ${S_IFMT} AS mode, stub, fill`,
      );
      for (const { ino, mode, stub, fill } of rows) {
        // Bytes that had arrived and are not in place came from the server.
        const isArrived = fill !== null && existsSync(blobFile(storeDir, fill));
        inodes.set(ino, { mode, stub: isArrived ? 1 : stub });
      }
      return { entries, inodes };
    } finally {
      sql.close();
    }
  } catch (error) {
    log.log("warn", "nothing of the damaged database can be read", { reason: String(error) });
    return { entries: [], inodes };
  }
}

/** Rows by their number, in pages; where one cannot be read, each row by itself. */
function readTable<Row>(sql: Database["sql"], table: string, key: string, columns: string): Row[] {
  const page = sql.prepare<[number, number], Row>(
    `SELECT ${columns} FROM ${table} NOT INDEXED WHERE ${key} >= ? AND ${key} < ?`,
  );
  const rows: Row[] = [];
  const top = highest(sql, table, key);
  let failures = 0;
  const read = (from: number, to: number): void => {
    if (failures === failuresMax) return;
    try {
      rows.push(...page.all(from, to));
    } catch {
      failures += 1;
      if (to - from <= 1) return;
      const middle = Math.floor((from + to) / 2);
      read(from, middle);
      read(middle, to);
    }
  };
  for (let from = 0; from <= top; from += pageRows) read(from, from + pageRows);
  return rows;
}

function highest(sql: Database["sql"], table: string, key: string): number {
  try {
    return sql.prepare<[], number>(`SELECT max(${key}) FROM ${table}`).pluck().get() ?? 0;
  } catch {
    return highestGuess;
  }
}

/** Rows looked for where the last one cannot be read. */
const highestGuess = 4_000_000;
/** Reads that fail before the rest counts as unreadable: its files are then kept under their numbers. */
const failuresMax = 5000;
