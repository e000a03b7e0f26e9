/** Carries user actions out at a device, and tells the oracle what was acknowledged. */
import { FsError, Parked, seededRandom } from "@smfs/core";
import type { SimConfig } from "./config.ts";
import type { Coverage } from "./coverage.ts";
import type { Desk, Device, EntryState } from "./device.ts";
import { ignorePath } from "./ignoring.ts";
import { anyLine, lastLineStart } from "./lines.ts";
import type { Oracle } from "./oracle.ts";
import type { UserAction, UserDeed } from "./script.ts";
import { patternLine } from "./tokens.ts";
import { Violation } from "./violation.ts";

interface Held {
  readonly handle: number;
  readonly path: string;
}

interface Mapped {
  /** Where it was mapped: that process may be dead. */
  readonly desk: Desk;
  readonly mapping: number;
  readonly path: string;
}

/** One user at one device. */
export class User {
  readonly device: Device;
  /** Files he keeps open, by number. A crash closes them. */
  readonly held: Held[] = [];
  readonly mapped: Mapped[] = [];
  readonly #oracle: Oracle;
  readonly #config: SimConfig;
  readonly #coverage: Coverage;
  readonly #now: () => number;
  readonly #guard: (check: () => void) => void;
  #tempCount = 0;

  /** @param guard keeps a violation until the event is over: the product must not see it */
  constructor(
    device: Device,
    oracle: Oracle,
    config: SimConfig,
    coverage: Coverage,
    now: () => number,
    guard: (check: () => void) => void,
  ) {
    this.device = device;
    this.#oracle = oracle;
    this.#config = config;
    this.#coverage = coverage;
    this.#now = now;
    this.#guard = guard;
  }

  /** Does one action. What a system call refuses is not acknowledged and changes nothing; a parked one throws. */
  act(action: UserAction): void {
    const { desk } = this.device;
    if (desk === undefined) return;
    try {
      this.#do(desk, action);
      this.#coverage.add(`deed ${action.deed}`);
    } catch (error) {
      if (!(error instanceof FsError)) throw error;
      this.#coverage.add(`errno ${error.code}`);
    }
  }

  /** The process died: open files are gone, and who had mapped one ends, too. */
  forget(): void {
    this.held.length = 0;
    for (const one of this.mapped.splice(0)) one.desk.unmap(one.mapping);
  }

  /** Closes everything, so that the run can come to rest. */
  closeAll(): void {
    const { desk } = this.device;
    if (desk === undefined) return;
    for (const one of this.mapped.splice(0)) desk.unmap(one.mapping);
    for (const one of this.held.splice(0)) desk.close(one.handle);
  }

  #do(desk: Desk, action: UserAction): void {
    const path = this.#file(action.path);
    switch (action.deed) {
      case "save":
        this.#save(desk, path, action);
        return;
      case "double":
        this.#save(desk, path, action);
        this.#save(desk, path, action);
        return;
      case "atomicSave":
        this.#saveAtomically(desk, path, action);
        return;
      case "append":
        this.#append(desk, path, action);
        return;
      case "edit":
        this.#edit(desk, path, action);
        return;
      case "extend":
        this.#extend(desk, path, action);
        return;
      case "empty":
        this.#empty(desk, path);
        return;
      case "unlink":
        this.#unlink(desk, this.#existing(action.path) ?? path);
        return;
      case "recreate":
        this.#unlink(desk, path);
        this.#save(desk, path, action);
        return;
      case "rename":
        this.#rename(desk, this.#existing(action.path) ?? path, this.#file(action.other));
        return;
      case "exchange":
        desk.exchange(path, this.#file(action.other));
        return;
      case "mkdir":
        desk.mkdir(this.#directory(action.path));
        return;
      case "rmdir":
        desk.rmdir(this.#directory(action.path));
        return;
      case "moveDirectory":
        this.#moveDirectory(desk, action);
        return;
      case "link":
        desk.link(path, `${this.#file(action.other)}~`);
        return;
      case "symlink":
        desk.symlink(`${path}.link`, `#to ${path}`);
        return;
      case "burst":
        this.#burst(desk, path, action);
        return;
      case "flurry":
        this.#flurry(desk, action);
        return;
      case "ignore":
        this.#ignore(desk, action);
        return;
      case "chmod":
        desk.chmod(path, action.other % 2 === 0 ? 0o600 : 0o755);
        return;
      default:
        this.#useOpenFiles(desk, path, action);
        return;
    }
  }

  #file(index: number): string {
    const { files } = this.#config;
    return files[index % files.length] ?? "/a";
  }

  #directory(index: number): string {
    const { directories } = this.#config;
    return directories[index % directories.length] ?? "/d";
  }

  /** Any file there is, also one that sync made. */
  #existing(index: number): string | undefined {
    const files = this.#entries().filter((entry) => entry.kind === "file");
    return files[index % Math.max(1, files.length)]?.path;
  }

  #entries(): readonly EntryState[] {
    return this.device.view.entries();
  }

  #linesAt(path: string): readonly number[] {
    return this.#oracle.linesAt(this.device, path);
  }

  /** Directories on the way that are missing are made: users work where they can. */
  #makeParents(desk: Desk, path: string): void {
    const names = path.split("/").slice(1, -1);
    let dir = "";
    for (const name of names) {
      dir += `/${name}`;
      if (!this.#entries().some((entry) => entry.path === dir)) desk.mkdir(dir);
    }
  }

  /** A content of one fresh token after `kept` lines, and the token. */
  #compose(
    kept: readonly number[],
    replaced: Iterable<number>,
    path: string,
    isBinary: boolean,
    more = "",
  ) {
    const { tokens } = this.#oracle;
    const info = { device: this.device.name, at: this.#now(), path };
    const token = tokens.make(replaced, info);
    const text = [...kept, token].map((line) => tokens.line(line)).join("");
    const bytes = Buffer.from((isBinary ? "\xff" : "") + text + more, "latin1");
    this.#oracle.announce(bytes);
    return { token, bytes: new Uint8Array(bytes) };
  }

  /** Has the oracle look at what is there: between two writes of one action. */
  #check(): void {
    this.#guard(() => this.#oracle.check(this.device.name));
  }

  #acknowledge(token: number): void {
    this.#oracle.acknowledge(this.device.name, token);
    this.#oracle.ignoring.written(this.device, token);
  }

  /** Runs a call that takes `lines` away: they are gone when it succeeds, and may be when the process dies in it. */
  #displacing(lines: readonly number[], call: () => void): void {
    try {
      call();
    } catch (error) {
      if (!this.device.isUp) this.#oracle.remove(lines);
      throw error;
    }
    this.#oracle.remove(lines);
  }

  /** The pattern comes, is written again with other lines beside it, and goes. */
  #ignore(desk: Desk, action: UserAction): void {
    const what = action.other % 4;
    if (what === 0) this.#unlink(desk, ignorePath);
    else this.#save(desk, ignorePath, action, what === 1 ? "" : patternLine);
  }

  /** @param more what follows the lines, and is no line */
  #save(desk: Desk, path: string, action: UserAction, more = ""): void {
    this.#makeParents(desk, path);
    const before = this.#linesAt(path);
    const keepsSome = before.length > 0 && action.other % 3 === 0;
    const kept = keepsSome ? before.slice(0, before.length - 1) : [];
    const gone = before.filter((line) => !kept.includes(line));
    const isBinary = action.isBinary === true && path !== ignorePath;
    const { token, bytes } = this.#compose(kept, gone, path, isBinary, more);
    let opened = false;
    try {
      const handle = desk.open(path, { create: true, truncate: true });
      opened = true;
      desk.write(handle, bytes, 0);
      this.#acknowledge(token);
      desk.close(handle);
    } catch (error) {
      // The file may be empty now; nobody promised otherwise.
      if (opened || !this.device.isUp) this.#oracle.remove(before);
      throw error;
    }
  }

  #saveAtomically(desk: Desk, path: string, action: UserAction): void {
    this.#makeParents(desk, path);
    this.#tempCount += 1;
    const temp = `${path}.tmp${this.#tempCount % 3}`;
    const before = this.#linesAt(path);
    const { token, bytes } = this.#compose([], before, path, action.isBinary === true);
    let handle = 0;
    this.#displacing(this.#linesAt(temp), () => {
      handle = desk.open(temp, { create: true, truncate: true });
    });
    desk.write(handle, bytes, 0);
    this.#acknowledge(token);
    if (action.other % 4 === 0) desk.fsync(handle);
    desk.close(handle);
    this.#rename(desk, temp, path);
  }

  /** What stands at `to` is replaced by somebody who chose to. */
  #rename(desk: Desk, from: string, to: string): void {
    if (from === to) return;
    this.#makeParents(desk, to);
    const entries = this.#entries();
    const source = entries.find((entry) => entry.path === from);
    const target = entries.find((entry) => entry.path === to);
    if (source === undefined || source.kind === "dir" || target === undefined) {
      desk.rename(from, to);
      return;
    }
    const covered = this.#oracle.coversOf(this.device, source);
    const replaced = this.#oracle.linesOf(this.device, target);
    const unseen = replaced.filter((line) => !covered.has(line));
    this.#displacing(unseen, () => desk.rename(from, to));
  }

  #append(desk: Desk, path: string, action: UserAction): void {
    this.#makeParents(desk, path);
    const handle = desk.open(path, { create: true, append: true });
    this.#writeLine(path, {
      look: () => desk.look(handle),
      write: (bytes, offset) => desk.write(handle, bytes, offset),
      offset: desk.look(handle).bytes.length,
    });
    if (action.other % 8 === 0) desk.fsync(handle);
    desk.close(handle);
  }

  /** INV-1: what is open can be read, whatever has become of its name. */
  #look(desk: Desk, { handle, path }: Held): ReturnType<Desk["look"]> {
    try {
      return desk.look(handle);
    } catch (error) {
      if (error instanceof FsError && goneErrors.has(error.code))
        this.#guard(() => {
          const what = `${path}, which ${this.device.name} has open`;
          throw new Violation("INV-1", `the bytes of ${what}, are gone: ${error.code}`);
        });
      throw error;
    }
  }

  /** Leaves a hole of some bytes before a fresh line. */
  #extend(desk: Desk, path: string, action: UserAction): void {
    this.#makeParents(desk, path);
    const handle = desk.open(path, { create: true });
    this.#writeLine(path, {
      look: () => desk.look(handle),
      write: (bytes, offset) => desk.write(handle, bytes, offset),
      offset: desk.look(handle).bytes.length + 1 + (action.other % 7),
    });
    desk.close(handle);
  }

  /** Replaces the last line in place. */
  #edit(desk: Desk, path: string, action: UserAction): void {
    if (this.#linesAt(path).length === 0) {
      this.#save(desk, path, action);
      return;
    }
    const handle = desk.open(path, {});
    this.#writeLine(path, {
      look: () => desk.look(handle),
      write: (bytes, offset) => desk.write(handle, bytes, offset),
      offset: lastLineStart(desk.look(handle).bytes),
    });
    desk.close(handle);
  }

  /** Many lines through one handle: each behind the last one or over any other. */
  #burst(desk: Desk, path: string, action: UserAction): void {
    this.#makeParents(desk, path);
    const handle = desk.open(path, { create: true });
    this.#writeMany(desk, { handle, path }, action);
    desk.close(handle);
  }

  #writeMany(desk: Desk, { handle, path }: Held, { other, many }: UserAction): void {
    const random = seededRandom(many?.seed ?? other);
    for (let left = many?.count ?? 1; left > 0; left -= 1) {
      const looked = this.#look(desk, { handle, path });
      this.#writeLine(path, {
        look: () => looked,
        write: (bytes, offset) => desk.write(handle, bytes, offset),
        offset: anyLine(looked.bytes, random.next()),
      });
      if (random.next() < fsyncShare) desk.fsync(handle);
      this.#check();
    }
  }

  /** Short calls on one file after another. What one of them is refused does not keep the user from the next one. */
  #flurry(desk: Desk, { other, many, isBinary }: UserAction): void {
    const random = seededRandom(many?.seed ?? other);
    const below = (count: number): number => Math.floor(random.next() * count);
    const count = many?.count ?? 1;
    for (let done = 0; done < count; done += 1) {
      const deed = flurryDeeds[below(flurryDeeds.length)] ?? "save";
      try {
        this.#do(desk, { deed, path: below(64), other: below(64), isBinary: isBinary === true });
      } catch (error) {
        // One that waits for bytes is made again when they are here; what went before it is done.
        if (error instanceof Parked && done > 0) return;
        if (!(error instanceof FsError)) throw error;
        this.#coverage.add(`errno ${error.code}`);
      }
      this.#check();
    }
  }

  /** Writes one fresh line over what is at an offset of an open or mapped file. */
  #writeLine(path: string, at: Writable): void {
    const { bytes, isNamed } = at.look();
    const { tokens } = this.#oracle;
    const end = at.offset + tokens.line(0).length;
    const replaced = this.#oracle.linesIn(bytes.slice(at.offset, end));
    const token = tokens.make(replaced, { device: this.device.name, at: this.#now(), path });
    const line = new Uint8Array(Buffer.from(tokens.line(token), "latin1"));
    const hole = new Uint8Array(Math.max(0, at.offset - bytes.length));
    const after = Buffer.concat([bytes.subarray(0, at.offset), hole, line, bytes.subarray(end)]);
    this.#oracle.announce(new Uint8Array(after));
    at.write(line, at.offset);
    // A write to a file without a name is gone with the file.
    if (isNamed) this.#acknowledge(token);
    else this.#oracle.remove([token]);
  }

  #empty(desk: Desk, path: string): void {
    this.#makeParents(desk, path);
    this.#displacing(this.#linesAt(path), () => {
      desk.close(desk.open(path, { create: true, truncate: true }));
    });
  }

  #unlink(desk: Desk, path: string): void {
    if (!this.#entries().some((entry) => entry.path === path)) return;
    this.#displacing(this.#linesAt(path), () => desk.unlink(path));
  }

  #moveDirectory(desk: Desk, action: UserAction): void {
    const from = this.#directory(action.path);
    const to = `${this.#directory(action.other)}2`;
    if (this.#entries().some((entry) => entry.path === to)) desk.rename(to, from);
    else desk.rename(from, to);
  }

  #useOpenFiles(desk: Desk, path: string, action: UserAction): void {
    const one = this.held[action.other % Math.max(1, this.held.length)];
    const mapped = this.mapped[action.other % Math.max(1, this.mapped.length)];
    switch (action.deed) {
      case "open":
        if (this.held.length >= 2) return;
        this.#makeParents(desk, path);
        this.held.push({ handle: desk.open(path, { create: true }), path });
        return;
      case "writeOpen":
        if (one !== undefined) this.#writeOpen(desk, one, action);
        return;
      case "burstOpen":
        if (one !== undefined) this.#writeMany(desk, one, action);
        return;
      case "close":
        if (one === undefined) return;
        this.held.splice(this.held.indexOf(one), 1);
        desk.close(one.handle);
        return;
      case "map":
        if (one !== undefined)
          this.mapped.push({ desk, path: one.path, mapping: desk.map(one.handle) });
        return;
      case "storeMapped":
        if (mapped !== undefined) this.#storeMapped(desk, mapped);
        return;
      case "unmap":
        if (mapped === undefined) return;
        this.mapped.splice(this.mapped.indexOf(mapped), 1);
        desk.unmap(mapped.mapping);
        return;
      default:
        throw new Error(`no such deed: ${action.deed}`);
    }
  }

  #writeOpen(desk: Desk, { handle, path }: Held, action: UserAction): void {
    const { bytes } = this.#look(desk, { handle, path });
    const offset = action.other % 2 === 0 ? bytes.length : lastLineStart(bytes);
    this.#writeLine(path, {
      look: () => desk.look(handle),
      write: (line, at) => desk.write(handle, line, at),
      offset,
    });
  }

  /** A mapping cannot make a file longer: it changes the last line. */
  #storeMapped(desk: Desk, { mapping, path }: Mapped): void {
    const { bytes } = desk.lookMapped(mapping);
    if (bytes.length === 0) return;
    this.#writeLine(path, {
      look: () => desk.lookMapped(mapping),
      write: (line, at) => desk.store(mapping, line.subarray(0, bytes.length - at), at),
      offset: lastLineStart(bytes),
    });
  }
}

/** Where one line is to be written. */
interface Writable {
  readonly look: () => { readonly bytes: Uint8Array; readonly isNamed: boolean };
  readonly write: (bytes: Uint8Array, offset: number) => void;
  readonly offset: number;
}

/** What reading an open file is never answered with. */
const goneErrors: ReadonlySet<string> = new Set(["ENOENT", "EBADF", "ESTALE"]);
/** What a flurry is made of. */
const flurryDeeds: readonly UserDeed[] = ["save", "append", "append", "edit", "edit", "atomicSave"];
/** Share of a burst's writes that are synced. */
const fsyncShare = 0.05;
