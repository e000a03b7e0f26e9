// Random sequences of calls, made on a mount and on tmpfs side by side: every answer and the whole tree must be the
// same. A failure is shrunk by fast-check, and printed as a shell script.
import {
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  statSync,
} from "node:fs";
import { join } from "node:path";
import fc from "fast-check";
import {
  AT_FDCWD,
  AT_SYMLINK_NOFOLLOW,
  O_APPEND,
  O_CREAT,
  O_EXCL,
  O_RDONLY,
  O_RDWR,
  O_TRUNC,
  RENAME_EXCHANGE,
  RENAME_NOREPLACE,
  type Result,
  sys,
  timespecs,
} from "./syscalls.ts";

/** What a sequence works with: a directory, and descriptors that stay open across calls. */
export interface Side {
  readonly dir: string;
  readonly fds: (number | undefined)[];
}

/** One call: done on a side, and told as an expression of Python (replay.py has what is not its own). */
export interface Step {
  run(side: Side): unknown;
  toString(): string;
}

const slots = 4;
const names = ["a", "b", "c"] as const;

const path = fc.oneof(
  { weight: 3, arbitrary: fc.constantFrom(...names) },
  { weight: 3, arbitrary: fc.tuple(fc.constantFrom("d", "e"), fc.constantFrom(...names)) },
  { weight: 2, arbitrary: fc.constantFrom("d", "e", "d/d", "d/e", "d/d/a", "e/d/b") },
);
const anyPath = path.map((p) => (typeof p === "string" ? p : p.join("/")));
const offset = fc.oneof(
  fc.integer({ min: 0, max: 20 }),
  fc.constantFrom(4095, 4096, 10_000, 131_072, 5_000_000_000),
);
const size = fc.oneof(fc.integer({ min: 0, max: 20 }), fc.constantFrom(4096, 9000, 140_000));
const slot = fc.integer({ min: 0, max: slots - 1 });
const mode = fc.constantFrom(0o644, 0o600, 0o755, 0o700, 0o4755, 0o2770, 0o1777);

const at = (side: Side, name: string): string => join(side.dir, name);

function step(python: string, run: (side: Side) => unknown): Step {
  return { run, toString: () => python };
}

function octal(value: number): string {
  return `0o${value.toString(8)}`;
}

/** The Python for `fill`. */
function filled(count: number, seed: number): string {
  return `b"${String.fromCharCode(97 + (seed % 26))}" * ${count}`;
}

function fill(count: number, seed: number): Buffer {
  return Buffer.alloc(count, 97 + (seed % 26));
}

/** What a call through an open descriptor answers; nothing when the slot is empty. */
function through(side: Side, index: number, call: (fd: number) => unknown): unknown {
  const fd = side.fds[index];
  return fd === undefined ? "closed" : call(fd);
}

function close(side: Side, index: number): Result | undefined {
  const fd = side.fds[index];
  side.fds[index] = undefined;
  return fd === undefined ? undefined : sys.close(fd);
}

function open(side: Side, index: number, name: string, flags: number): string {
  close(side, index);
  const fd = sys.open(at(side, name), flags, 0o644);
  side.fds[index] = typeof fd === "number" ? fd : undefined;
  return typeof fd === "number" ? "opened" : fd;
}

function pread(fd: number, count: number, from: number): string {
  const into = Buffer.alloc(count);
  const read = sys.pread(fd, into, count, from);
  return typeof read === "number" ? into.toString("latin1", 0, read) : read;
}

const O_NONBLOCK = 0o4000;
const openFlags = fc.constantFrom(
  O_RDONLY,
  O_RDWR,
  O_RDWR | O_CREAT,
  O_RDWR | O_CREAT | O_EXCL,
  O_RDWR | O_CREAT | O_TRUNC,
  O_RDWR | O_CREAT | O_APPEND,
);

/** Steps on names. */
const nameSteps: fc.Arbitrary<Step>[] = [
  fc
    .tuple(anyPath, mode)
    .map(([p, m]) => step(`os.mkdir("${p}", ${octal(m)})`, (s) => sys.mkdir(at(s, p), m))),
  anyPath.map((p) => step(`os.rmdir("${p}")`, (s) => sys.rmdir(at(s, p)))),
  anyPath.map((p) => step(`os.unlink("${p}")`, (s) => sys.unlink(at(s, p)))),
  fc
    .tuple(anyPath, anyPath)
    .map(([a, b]) => step(`os.rename("${a}", "${b}")`, (s) => sys.rename(at(s, a), at(s, b)))),
  fc
    .tuple(anyPath, anyPath, fc.constantFrom(RENAME_NOREPLACE, RENAME_EXCHANGE))
    .map(([a, b, flags]) =>
      step(`renameat2("${a}", "${b}", ${flags})`, (s) =>
        sys.renameat2(AT_FDCWD, at(s, a), AT_FDCWD, at(s, b), flags),
      ),
    ),
  fc
    .tuple(anyPath, anyPath)
    .map(([a, b]) => step(`os.link("${a}", "${b}")`, (s) => sys.link(at(s, a), at(s, b)))),
  fc
    .tuple(anyPath, anyPath)
    .map(([target, p]) =>
      step(`os.symlink("${target}", "${p}")`, (s) => sys.symlink(target, at(s, p))),
    ),
  anyPath.map((p) => step(`os.mknod("${p}", 0o010644)`, (s) => sys.mknod(at(s, p), 0o010644, 0))),
  anyPath.map((p) => step(`sorted(os.listdir("${p}"))`, (s) => list(at(s, p)))),
];

/** Whether truncating to the size that is there moves the times, tmpfs decides by whether it has pages. */
function truncate(target: string, to: number): Result {
  return isOfSize(target, to) ? "has that size" : sys.truncate(target, to);
}

function isOfSize(target: string, size: number): boolean {
  try {
    const stat = statSync(target);
    return stat.isFile() && stat.size === size;
  } catch {
    return false;
  }
}

const PUNCH_HOLE_KEEP_SIZE = 3;

/** Steps on bytes. */
const dataSteps: fc.Arbitrary<Step>[] = [
  fc.tuple(slot, anyPath, openFlags).map(([n, p, flags]) =>
    // A fifo would wait for its other end.
    step(`open_(${n}, "${p}", ${octal(flags | O_NONBLOCK)})`, (s) =>
      open(s, n, p, flags | O_NONBLOCK),
    ),
  ),
  slot.map((n) => step(`close(${n})`, (s) => close(s, n) ?? "closed")),
  fc
    .tuple(slot, offset, size, fc.nat(25))
    .map(([n, o, c, seed]) =>
      step(`os.pwrite(fd(${n}), ${filled(c, seed)}, ${o})`, (s) =>
        through(s, n, (fd) => sys.pwrite(fd, fill(c, seed), c, o)),
      ),
    ),
  fc
    .tuple(slot, size, fc.nat(25))
    .map(([n, c, seed]) =>
      step(`os.write(fd(${n}), ${filled(c, seed)})`, (s) =>
        through(s, n, (fd) => sys.write(fd, fill(c, seed), c)),
      ),
    ),
  fc
    .tuple(slot, offset, size)
    .map(([n, o, c]) =>
      step(`runs(os.pread(fd(${n}), ${c}, ${o}))`, (s) =>
        through(s, n, (fd) => toRuns(pread(fd, c, o))),
      ),
    ),
  fc
    .tuple(slot, offset)
    .map(([n, o]) =>
      step(`os.ftruncate(fd(${n}), ${o})`, (s) => through(s, n, (fd) => sys.ftruncate(fd, o))),
    ),
  fc
    .tuple(anyPath, offset)
    .map(([p, o]) => step(`truncate("${p}", ${o})`, (s) => truncate(at(s, p), o))),
  fc
    .tuple(slot, offset, size)
    .map(([n, o, c]) =>
      step(`fallocate(fd(${n}), ${PUNCH_HOLE_KEEP_SIZE}, ${o}, ${c + 1})`, (s) =>
        through(s, n, (fd) => sys.fallocate(fd, PUNCH_HOLE_KEEP_SIZE, o, c + 1)),
      ),
    ),
  fc
    .tuple(slot, offset, size, fc.constantFrom(0, 1))
    // Not far out: the disk would really have to give it.
    .map(([n, o, c, flags]) => [n, Math.min(o, 10_000), c + 1, flags] as const)
    .map(([n, o, c, flags]) =>
      step(`fallocate(fd(${n}), ${flags}, ${o}, ${c})`, (s) =>
        through(s, n, (fd) => sys.fallocate(fd, flags, o, c)),
      ),
    ),
  fc
    .tuple(slot, slot, offset, size)
    .map(([from, to, o, c]) =>
      step(`os.copy_file_range(fd(${from}), fd(${to}), ${c}, 0, ${o})`, (s) =>
        through(s, from, (a) => through(s, to, (b) => sys.copyFileRange(a, [0], b, [o], c, 0))),
      ),
    ),
  slot.map((n) => step(`os.fsync(fd(${n}))`, (s) => through(s, n, (fd) => sys.fsync(fd)))),
];

/** Steps on attributes. */
const attributeSteps: fc.Arbitrary<Step>[] = [
  fc
    .tuple(anyPath, mode)
    .map(([p, m]) => step(`os.chmod("${p}", ${octal(m)})`, (s) => sys.chmod(at(s, p), m))),
  fc.tuple(anyPath, fc.integer({ min: -9, max: 9 })).map(([p, t]) =>
    step(`os.utime("${p}", ns=(${t * 1e9 + 1}, ${t * 1e9 + 2}), follow_symlinks=False)`, (s) => {
      const time = timespecs({ s: t, ns: 1 }, { s: t, ns: 2 });
      return sys.utimensat(AT_FDCWD, at(s, p), time, AT_SYMLINK_NOFOLLOW);
    }),
  ),
  fc
    .tuple(anyPath, fc.constantFrom("user.x", "user.y"), fc.nat(30))
    .map(([p, name, c]) =>
      step(`os.setxattr("${p}", "${name}", ${filled(c, c)})`, (s) =>
        sys.setxattr(at(s, p), name, fill(c, c), c, 0),
      ),
    ),
  fc
    .tuple(anyPath, fc.constantFrom("user.x", "user.y"))
    .map(([p, name]) =>
      step(`os.removexattr("${p}", "${name}")`, (s) => sys.removexattr(at(s, p), name)),
    ),
  anyPath.map((p) => step(`describe("${p}")`, (s) => describe(at(s, p)))),
];

/** Any step; those on bytes are the most. */
export const steps: fc.Arbitrary<Step> = fc.oneof(
  { weight: 3, arbitrary: fc.oneof(...nameSteps) },
  { weight: 4, arbitrary: fc.oneof(...dataSteps) },
  { weight: 1, arbitrary: fc.oneof(...attributeSteps) },
);

function list(dir: string): unknown {
  try {
    return readdirSync(dir, "latin1").sort();
  } catch (error) {
    return (error as { code?: unknown }).code;
  }
}

/** Everything that can be compared between two file systems. */
function describe(target: string): unknown {
  try {
    const stat = lstatSync(target, { bigint: true });
    const isDirectory = stat.isDirectory();
    return {
      mode: stat.mode.toString(8),
      nlink: Number(stat.nlink),
      owner: `${stat.uid}:${stat.gid}`,
      size: isDirectory ? undefined : Number(stat.size),
      // Times near 1970 were set by us; others are when it happened. Reading moves the access time of tmpfs (it
      // is mounted relatime); the kernel does that for no FUSE file system.
      // What goes through a FIFO never reaches a FUSE file system.
      mtimeNs:
        stat.mtimeNs < 1_000_000_000_000n && !stat.isFIFO() ? String(stat.mtimeNs) : undefined,
      xattrs: ["user.x", "user.y"].map((name) => {
        const into = Buffer.alloc(64);
        const count = sys.getxattr(target, name, into, 64);
        return typeof count === "number" ? into.toString("latin1", 0, count) : count;
      }),
    };
  } catch (error) {
    return (error as { code?: unknown }).code;
  }
}

/** Bytes of a large sparse file that are compared: its ends, where the steps write. */
const headBytes = 300_000;

function content(target: string): unknown {
  const fd = sys.open(target, O_RDONLY, 0);
  if (typeof fd !== "number") return fd;
  try {
    const end = Number(sys.lseek(fd, 0, 2));
    const last = end > headBytes ? pread(fd, headBytes, end - headBytes) : "";
    return [toRuns(pread(fd, headBytes, 0)), toRuns(last)];
  } finally {
    sys.close(fd);
  }
}

/** The whole tree: every name, what it is, and its content. */
export function tree(dir: string, below = ""): Record<string, unknown> {
  const seen: Record<string, unknown> = {};
  for (const name of readdirSync(join(dir, below), "latin1").sort()) {
    const relative = join(below, name);
    const target = join(dir, relative);
    const stat = lstatSync(target);
    seen[relative] = [
      describe(target),
      stat.isFile() ? content(target) : undefined,
      stat.isSymbolicLink() ? readlinkSync(target) : undefined,
    ];
    if (stat.isDirectory()) Object.assign(seen, tree(dir, relative));
  }
  return seen;
}

/** Bytes for people: `aaa\0\0` is `a×3 0×2`. All that the steps write is long runs of one letter. */
function toRuns(text: string): string {
  return text.replace(/(.)\1*/gs, (run, letter: string) => {
    return `${letter === "\0" ? "0" : letter}×${run.length} `;
  });
}

let runs = 0;

/**
 * Runs a sequence on both file systems, in fresh directories.
 * @throws with the script when an answer or the trees differ
 */
export function compare(sequence: readonly Step[], subject: string, oracle: string): void {
  runs += 1;
  const sides = [subject, oracle].map((below): Side => {
    const dir = join(below, `run${runs}`);
    mkdirSync(dir);
    return { dir, fds: new Array<number | undefined>(slots).fill(undefined) };
  });
  const done: string[] = [];
  const check = (what: string, results: readonly unknown[]): void => {
    const [mine = "", theirs = ""] = results.map((result) => JSON.stringify(result) ?? "");
    if (mine === theirs) return;
    const told = [mine, theirs].map((text) => aroundDifference(text, mine, theirs));
    throw new Error(`${what}\n  mount: ${told[0]}\n  tmpfs: ${told[1]}\n\n${script(done)}`);
  };
  try {
    for (const next of sequence) {
      done.push(String(next));
      check(
        String(next),
        sides.map((side) => next.run(side)),
      );
    }
    check(
      "the trees",
      sides.map(({ dir }) => tree(dir)),
    );
  } finally {
    for (const side of sides) {
      for (let index = 0; index < slots; index += 1) close(side, index);
      rmSync(side.dir, { recursive: true, force: true });
    }
  }
}

/** Characters before and after the first difference that are told. */
const contextBefore = 200;
const contextAfter = 200;

function aroundDifference(text: string, mine: string, theirs: string): string {
  let at = 0;
  while (at < mine.length && mine[at] === theirs[at]) at += 1;
  return text.slice(Math.max(0, at - contextBefore), at + contextAfter);
}

const prelude = readFileSync(new URL("./replay.py", import.meta.url), "utf8");

/** The sequence for a shell: run in an empty directory of each file system, what it prints shows where they differ. */
export function script(lines: readonly string[]): string {
  const calls = lines.map((line) => `call(lambda: ${line})`);
  return ["#!/bin/bash", "python3 - <<'END'", prelude.trimEnd(), ...calls, "tree()", "END"].join(
    "\n",
  );
}
