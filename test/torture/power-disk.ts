/**
 * A disk that follows a log, and what a power loss leaves of it: every effect since the last sync of its file, or of
 * the directory that a name is in, is kept, lost or torn, each for itself. One order is kept, as every journal keeps
 * it: when the cutting of a file is lost, so is whatever was done to that file, or to its name, later.
 */
import { closeSync, ftruncateSync, mkdirSync, openSync, writeSync } from "node:fs";
import { dirname, join } from "node:path";
import type { Random } from "@smfs/core";
import { type Content, type FileEffect, MemoryFile } from "../../packages/store/src/memory-file.ts";
import type { LogRecord } from "./power-log.ts";

/** A name that was made, moved or removed since its directory was synced. */
interface NameEffect {
  readonly at: number;
  readonly from: string | undefined;
  readonly to: string | undefined;
  readonly file: MemoryFile;
}

const keepSize = 1;
const punchHole = 2;
const zeroRange = 0x10;
const seekData = 3;
const seekHole = 4;
const never = { mtime: { s: 0, ns: 0 }, changed: { s: 0, ns: 0 }, ctime: "" };

export class PowerDisk {
  readonly #names = new Map<string, MemoryFile>();
  readonly #durable = new Map<string, MemoryFile>();
  #effects: NameEffect[] = [];
  /** Files by inode. A number that is given again means the new file. */
  readonly #files = new Map<number, MemoryFile>();
  /** When the last change of a file's name was made that is durable: what was cut before that is cut. */
  readonly #namedAt = new Map<MemoryFile, number>();
  /** When each effect was made that may be lost. */
  readonly #at = new Map<FileEffect, number>();
  #now = 0;

  apply(record: LogRecord): void {
    this.#now += 1;
    switch (record.kind) {
      case "create": {
        const file = new MemoryFile(never);
        this.#files.set(record.inode, file);
        this.#name(undefined, record.path, file);
        break;
      }
      case "write":
      case "truncate":
        this.#change(this.#file(record.inode), record);
        break;
      case "allocate":
        this.#allocate(record);
        break;
      case "sync": {
        const file = this.#file(record.inode);
        for (const effect of file.effects) this.#at.delete(effect);
        file.sync();
        break;
      }
      case "rename":
        this.#name(record.from, record.to, this.#named(record.from));
        break;
      case "unlink":
        this.#name(record.path, undefined, this.#named(record.path));
        break;
      case "sync-names":
        this.#syncNames(record.path);
        break;
      default:
      // A mark is no effect.
    }
  }

  /** The files after a power loss now, as luck has it. */
  powerLoss(random: Random): Map<string, Content> {
    const survivors = new Map(this.#durable);
    // How much is lost differs from one time to the next: all of it, none of it, some.
    const shares = { names: random.next(), bytes: random.next(), torn: random.next() };
    const lostFrom = new Map<MemoryFile, number>();
    const fromOf = (file: MemoryFile): number => {
      const from = lostFrom.get(file) ?? this.#firstCutLost(file, random, shares.bytes);
      lostFrom.set(file, from);
      return from;
    };
    for (const effect of this.#effects) {
      if (effect.at < fromOf(effect.file) && random.next() < shares.names)
        rename(survivors, effect);
    }
    const left = new Map<MemoryFile, Content>();
    const found = new Map<string, Content>();
    for (const [path, file] of survivors) {
      const content = left.get(file) ?? this.#leftOf(file, random, shares, fromOf(file));
      left.set(file, content);
      found.set(path, content);
    }
    return found;
  }

  /** When the first cutting of a file was made that is lost. */
  #firstCutLost(file: MemoryFile, random: Random, kept: number): number {
    const durable = this.#namedAt.get(file) ?? 0;
    const cut = file.effects.find((effect) => {
      const isSure = effect.kind !== "truncate" || this.#when(effect) < durable;
      return !isSure && random.next() >= kept;
    });
    return cut === undefined ? Number.POSITIVE_INFINITY : this.#when(cut);
  }

  #leftOf(
    file: MemoryFile,
    random: Random,
    shares: { readonly bytes: number; readonly torn: number },
    lostFrom: number,
  ): Content {
    const content = file.durable.copy();
    for (const effect of file.effects) {
      if (this.#when(effect) >= lostFrom) break;
      if (effect.kind === "truncate") content.apply(effect);
      else if (random.next() >= shares.bytes) continue;
      else if (effect.kind === "write" && random.next() < shares.torn) {
        content.applyTorn(effect.offset, effect.bytes, () => random.next() < 0.5);
      } else content.apply(effect);
    }
    return content;
  }

  #when(effect: FileEffect): number {
    return this.#at.get(effect) ?? 0;
  }

  #change(file: MemoryFile, effect: FileEffect): void {
    file.apply(effect, never);
    this.#at.set(effect, this.#now);
  }

  #file(inode: number): MemoryFile {
    const file = this.#files.get(inode);
    if (file === undefined)
      throw new Error(`the log changes inode ${inode}, which it has not made`);
    return file;
  }

  #named(path: string): MemoryFile {
    const file = this.#names.get(path);
    if (file === undefined) throw new Error(`the log moves ${path}, which it has not made`);
    return file;
  }

  #name(from: string | undefined, to: string | undefined, file: MemoryFile): void {
    const effect = { at: this.#now, from, to, file };
    rename(this.#names, effect);
    this.#effects.push(effect);
  }

  /** Of a rename between two directories a journal keeps both sides or neither. */
  #syncNames(directory: string): void {
    const isIn = (path: string | undefined) => path !== undefined && dirname(path) === directory;
    const isSynced = ({ from, to }: NameEffect) => isIn(from) || isIn(to);
    for (const effect of this.#effects) {
      if (!isSynced(effect)) continue;
      rename(this.#durable, effect);
      this.#namedAt.set(effect.file, effect.at);
    }
    this.#effects = this.#effects.filter((effect) => !isSynced(effect));
  }

  #allocate(record: LogRecord & { kind: "allocate" }): void {
    const { inode, mode, offset, length } = record;
    const file = this.#file(inode);
    const size = (mode & keepSize) === 0 ? offset + length : 0;
    if ((mode & punchHole) !== 0) this.#change(file, { kind: "punch", offset, length });
    else if ((mode & zeroRange) !== 0) this.#change(file, { kind: "zero", offset, length, size });
    else this.#change(file, { kind: "allocate", offset, length, size });
  }
}

function rename(names: Map<string, MemoryFile>, { from, to, file }: NameEffect): void {
  if (from !== undefined && names.get(from) === file) names.delete(from);
  if (to !== undefined) names.set(to, file);
}

/** Puts files where a store can be opened. Holes stay holes. */
export function writeFiles(files: ReadonlyMap<string, Content>, dir: string): void {
  for (const [path, content] of files) {
    mkdirSync(dirname(join(dir, path)), { recursive: true });
    const fd = openSync(join(dir, path), "w");
    try {
      ftruncateSync(fd, content.size);
      for (let at = next(content, 0, seekData); at < content.size; ) {
        const end = next(content, at, seekHole);
        const bytes = new Uint8Array(end - at);
        content.read(bytes, at);
        writeSync(fd, bytes, 0, bytes.length, at);
        at = next(content, end, seekData);
      }
    } finally {
      closeSync(fd);
    }
  }
}

function next(content: Content, from: number, whence: number): number {
  try {
    return content.seek(from, whence);
  } catch {
    // Nothing but a hole is left, or nothing at all.
    return content.size;
  }
}
