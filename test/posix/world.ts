// A directory to make things in, and the words that cases describe what they see with.
import { lstatSync, readdirSync, readFileSync, readlinkSync } from "node:fs";
import { join } from "node:path";
import { O_CREAT, O_RDWR, type Result, sys } from "./syscalls.ts";

export class World {
  readonly dir: string;
  readonly #seen: string[] = [];
  readonly #open: number[] = [];

  constructor(dir: string) {
    this.dir = dir;
  }

  /** The lines of what was seen, to be compared with those of another file system. */
  get seen(): readonly string[] {
    return this.#seen;
  }

  /** Notes what was seen. */
  see(what: string, result: unknown): void {
    this.#seen.push(`${what}: ${typeof result === "string" ? result : JSON.stringify(result)}`);
  }

  path(name: string): string {
    return join(this.dir, name);
  }

  /** Opens, and closes at the end. @throws when it fails: a case sees failures with `sys.open` */
  open(name: string, flags: number = O_RDWR | O_CREAT, mode = 0o644): number {
    const fd = sys.open(this.path(name), flags, mode);
    if (typeof fd !== "number") throw new Error(`open ${name}: ${fd}`);
    this.#open.push(fd);
    return fd;
  }

  /** A file with this content. */
  file(name: string, content = "", mode = 0o644): string {
    const fd = this.open(name, O_RDWR | O_CREAT, mode);
    if (content !== "") sys.write(fd, Buffer.from(content, "latin1"), content.length);
    this.close(fd);
    return this.path(name);
  }

  directory(name: string, mode = 0o755): string {
    const made = sys.mkdir(this.path(name), mode);
    if (made !== 0) throw new Error(`mkdir ${name}: ${made}`);
    return this.path(name);
  }

  close(fd: number): void {
    sys.close(fd);
    this.#open.splice(this.#open.indexOf(fd), 1);
  }

  content(name: string): string {
    return readFileSync(this.path(name), "latin1");
  }

  /** Type, permissions, links, owner and size, such as `file 644 1 0:0 5`. */
  stat(name: string): string {
    try {
      const { mode, nlink, uid, gid, size } = lstatSync(this.path(name));
      const type = types[(mode >> 12) & 15] ?? "?";
      const bytes = type === "file" || type === "symlink" ? ` ${size}` : "";
      return `${type} ${(mode & 0o7777).toString(8)} ${nlink} ${uid}:${gid}${bytes}`;
    } catch (error) {
      return String((error as { code?: unknown }).code);
    }
  }

  /** Names in a directory, sorted: their order is nobody's promise. */
  list(name = "."): string[] {
    return readdirSync(this.path(name), "latin1").sort();
  }

  readlink(name: string): string {
    return readlinkSync(this.path(name), "latin1");
  }

  /** Reads from an open file. */
  pread(fd: number, size: number, offset: number): string {
    const into = Buffer.alloc(size);
    const count = sys.pread(fd, into, size, offset);
    return typeof count === "number" ? into.toString("latin1", 0, count) : count;
  }

  write(fd: number, text: string): Result {
    return sys.write(fd, Buffer.from(text, "latin1"), text.length);
  }

  pwrite(fd: number, text: string, offset: number): Result {
    return sys.pwrite(fd, Buffer.from(text, "latin1"), text.length, offset);
  }

  /** Closes what the case left open. */
  end(): void {
    for (const fd of this.#open.splice(0)) sys.close(fd);
  }
}

const types: Readonly<Record<number, string>> = {
  1: "fifo",
  2: "char",
  4: "directory",
  6: "block",
  8: "file",
  10: "symlink",
  12: "socket",
};

/** Does things in a world, and says what it sees. */
export type Case = (world: World) => void;
