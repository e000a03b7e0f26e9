// Every call on every kind of target: what it answers. The oracle's answers are the expectation.
import {
  AT_FDCWD,
  O_CREAT,
  O_DIRECTORY,
  O_EXCL,
  O_NOFOLLOW,
  O_RDONLY,
  O_RDWR,
  O_TMPFILE,
  O_TRUNC,
  O_WRONLY,
  RENAME_EXCHANGE,
  RENAME_NOREPLACE,
  type Result,
  sys,
} from "./syscalls.ts";
import type { Case, World } from "./world.ts";

const S_IFIFO = 0o010000;
const S_IFREG = 0o100000;
const long = "x".repeat(256);

/** Each makes something and returns a path to it. */
const targets: Readonly<Record<string, (world: World) => string>> = {
  absent: (w) => w.path("absent"),
  file: (w) => w.file("file", "bytes"),
  "read-only file": (w) => w.file("ro", "bytes", 0o444),
  directory: (w) => w.directory("dir"),
  "full directory": (w) => {
    w.directory("full");
    w.file("full/inner");
    return w.path("full");
  },
  symlink: (w) => {
    w.file("to");
    sys.symlink("to", w.path("link"));
    return w.path("link");
  },
  "symlink to a directory": (w) => {
    w.directory("todir");
    sys.symlink("todir", w.path("dirlink"));
    return w.path("dirlink");
  },
  "dangling symlink": (w) => {
    sys.symlink("nowhere", w.path("dangling"));
    return w.path("dangling");
  },
  "symlink loop": (w) => {
    sys.symlink("loop", w.path("loop"));
    return w.path("loop");
  },
  fifo: (w) => {
    sys.mknod(w.path("fifo"), S_IFIFO | 0o644, 0);
    return w.path("fifo");
  },
  "below a file": (w) => `${w.file("notdir")}/inner`,
  "below nothing": (w) => w.path("nothing/inner"),
  "below a dangling symlink": (w) => {
    sys.symlink("nowhere", w.path("dangling2"));
    return w.path("dangling2/inner");
  },
  "a file with a slash": (w) => `${w.file("slashed")}/`,
  "a directory with a slash": (w) => `${w.directory("slasheddir")}/`,
  "an absent name with a slash": (w) => `${w.path("absent2")}/`,
  "name of 255": (w) => w.path(long.slice(1)),
  "name of 256": (w) => w.path(long),
  "dot of a directory": (w) => `${w.directory("dotted")}/.`,
  "dot dot of a directory": (w) => `${w.directory("dotdotted")}/..`,
  empty: () => "",
};

function closing(fd: Result): Result {
  if (typeof fd === "number") sys.close(fd);
  return typeof fd === "number" ? "opened" : fd;
}

/** Non-blocking, because a fifo would wait for its other end. */
const O_NONBLOCK = 0o4000;

/** Calls on one path. */
const calls: Readonly<Record<string, (path: string, world: World) => Result>> = {
  "open O_RDONLY": (p) => closing(sys.open(p, O_RDONLY | O_NONBLOCK, 0)),
  "open O_WRONLY": (p) => closing(sys.open(p, O_WRONLY | O_NONBLOCK, 0)),
  "open O_RDWR": (p) => closing(sys.open(p, O_RDWR | O_NONBLOCK, 0)),
  "open O_CREAT": (p) => closing(sys.open(p, O_CREAT | O_WRONLY | O_NONBLOCK, 0o644)),
  "open O_CREAT O_EXCL": (p) => closing(sys.open(p, O_CREAT | O_EXCL | O_RDWR, 0o644)),
  "open O_TRUNC": (p) => closing(sys.open(p, O_TRUNC | O_RDWR | O_NONBLOCK, 0)),
  "open O_DIRECTORY": (p) => closing(sys.open(p, O_DIRECTORY, 0)),
  "open O_NOFOLLOW": (p) => closing(sys.open(p, O_NOFOLLOW | O_NONBLOCK, 0)),
  "open O_CREAT O_DIRECTORY": (p) => closing(sys.open(p, O_CREAT | O_DIRECTORY, 0o755)),
  "open O_TMPFILE": (p) => closing(sys.open(p, O_TMPFILE | O_RDWR, 0o600)),
  mkdir: (p) => sys.mkdir(p, 0o755),
  rmdir: (p) => sys.rmdir(p),
  unlink: (p) => sys.unlink(p),
  mknod: (p) => sys.mknod(p, S_IFREG | 0o644, 0),
  mkfifo: (p) => sys.mknod(p, S_IFIFO | 0o644, 0),
  symlink: (p) => sys.symlink("target", p),
  "symlink to nothing": (p, w) => sys.symlink("", w.path("s")) || sys.symlink(p, w.path("t")),
  "link from": (p, w) => sys.link(p, w.path("new")),
  "link to": (p, w) => sys.link(w.file("linked"), p),
  "rename to a new name": (p, w) => sys.rename(p, w.path("renamed")),
  "rename over a file": (p, w) => sys.rename(p, w.file("over")),
  "rename over a directory": (p, w) => sys.rename(p, w.directory("overdir")),
  "rename a file over": (p, w) => sys.rename(w.file("mover"), p),
  "rename a directory over": (p, w) => sys.rename(w.directory("moverdir"), p),
  "rename into itself": (p) => sys.rename(p, `${p}/inside`),
  "rename onto itself": (p) => sys.rename(p, p),
  "rename no-replace": (p, w) =>
    sys.renameat2(AT_FDCWD, w.file("nr"), AT_FDCWD, p, RENAME_NOREPLACE),
  "rename exchange": (p, w) => sys.renameat2(AT_FDCWD, w.file("ex"), AT_FDCWD, p, RENAME_EXCHANGE),
  "rename exchange with a directory": (p, w) =>
    sys.renameat2(AT_FDCWD, w.directory("exd"), AT_FDCWD, p, RENAME_EXCHANGE),
  "rename both flags": (p, w) => sys.renameat2(AT_FDCWD, w.file("both"), AT_FDCWD, p, 3),
  "rename unknown flag": (p, w) => sys.renameat2(AT_FDCWD, w.file("unknown"), AT_FDCWD, p, 64),
  chmod: (p) => sys.chmod(p, 0o600),
  chown: (p) => sys.chown(p, 0xffff_ffff, 0xffff_ffff),
  lchown: (p) => sys.lchown(p, 0xffff_ffff, 0xffff_ffff),
  truncate: (p) => sys.truncate(p, 3),
  "truncate below 0": (p) => sys.truncate(p, -1),
  "access exists": (p) => sys.access(p, 0),
  "access all": (p) => sys.access(p, 7),
  utimensat: (p) => sys.utimensat(AT_FDCWD, p, null, 0),
  getxattr: (p) => sys.getxattr(p, "user.none", Buffer.alloc(9), 9),
  "setxattr of no namespace": (p) => sys.setxattr(p, "plain", Buffer.alloc(1), 1, 0),
  removexattr: (p) => sys.removexattr(p, "user.none"),
  listxattr: (p) => sys.listxattr(p, Buffer.alloc(99), 99),
};

/** One case for each call: it goes over all targets, each in a directory of its own. */
export const errorCases: Readonly<Record<string, Case>> = Object.fromEntries(
  Object.entries(calls).map(([callName, call]) => [
    callName,
    (world: World) => {
      let n = 0;
      for (const [targetName, target] of Object.entries(targets)) {
        n += 1;
        const inner = innerWorld(world, `t${n}`);
        const path = target(inner);
        world.see(`${callName} on ${targetName}`, call(path, inner));
        world.see(
          `  leaves`,
          inner.list().map((name) => `${short(name)} ${inner.stat(name)}`),
        );
        inner.end();
      }
    },
  ]),
);

function innerWorld(world: World, name: string): World {
  world.directory(name);
  return new (world.constructor as new (dir: string) => World)(world.path(name));
}

function short(name: string): string {
  return name.length > 40 ? `${name.slice(0, 3)}…${name.length}` : name;
}
