// Times, extended attributes, special files, and the numbers of the whole file system.
import { lstatSync, statfsSync } from "node:fs";
import {
  AT_FDCWD,
  AT_SYMLINK_NOFOLLOW,
  O_RDONLY,
  sys,
  timespecs,
  UTIME_NOW,
  UTIME_OMIT,
} from "./syscalls.ts";
import type { Case, World } from "./world.ts";

const XATTR_CREATE = 1;
const XATTR_REPLACE = 2;

function times(w: World, name: string): { atimeNs: bigint; mtimeNs: bigint; ctimeNs: bigint } {
  return lstatSync(w.path(name), { bigint: true });
}

/** Whether a change of the kind moves modification and status time: `m`, `c`, both or none. */
function moves(w: World, name: string, change: () => void): string {
  const before = times(w, name);
  // Clocks of file systems move every few milliseconds.
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 12);
  change();
  const after = times(w, name);
  const m = after.mtimeNs === before.mtimeNs ? "" : "m";
  return `${m}${after.ctimeNs === before.ctimeNs ? "" : "c"}` || "none";
}

export const attributeCases: Readonly<Record<string, Case>> = {
  "which changes move which times": (w) => {
    w.file("a", "x");
    w.directory("d");
    const fd = w.open("a");
    const inDirectory = (change: () => void) => moves(w, "d", change);
    w.see(
      "write",
      moves(w, "a", () => w.write(fd, "y")),
    );
    w.see(
      "truncate to the same",
      moves(w, "a", () => sys.ftruncate(fd, 1)),
    );
    w.see(
      "truncate",
      moves(w, "a", () => sys.ftruncate(fd, 5)),
    );
    w.see(
      "truncate by path",
      moves(w, "a", () => sys.truncate(w.path("a"), 6)),
    );
    w.see(
      "read",
      moves(w, "a", () => w.pread(fd, 1, 0)),
    );
    w.see(
      "chmod",
      moves(w, "a", () => sys.chmod(w.path("a"), 0o600)),
    );
    w.see(
      "link",
      moves(w, "a", () => sys.link(w.path("a"), w.path("b"))),
    );
    w.see(
      "unlink",
      moves(w, "a", () => sys.unlink(w.path("b"))),
    );
    w.see(
      "open O_TRUNC",
      moves(w, "a", () => w.close(w.open("a", 0o1001))),
    );
    w.see(
      "setxattr",
      moves(w, "a", () => sys.setxattr(w.path("a"), "user.x", Buffer.alloc(1), 1, 0)),
    );
    w.see(
      "create in d",
      inDirectory(() => w.file("d/f")),
    );
    w.see(
      "write to a file in d",
      inDirectory(() => w.pwrite(w.open("d/f"), "x", 0)),
    );
    w.see(
      "chmod in d",
      inDirectory(() => sys.chmod(w.path("d/f"), 0o600)),
    );
    w.see(
      "rename in d",
      inDirectory(() => sys.rename(w.path("d/f"), w.path("d/g"))),
    );
    w.see(
      "unlink in d",
      inDirectory(() => sys.unlink(w.path("d/g"))),
    );
    w.see(
      "mkdir in d",
      inDirectory(() => w.directory("d/e")),
    );
    w.see(
      "create in d/e",
      inDirectory(() => w.file("d/e/f")),
    );
    w.see(
      "list d",
      inDirectory(() => w.list("d")),
    );
  },
  "utimensat: nanoseconds, now, omit, before 1970 and after 2038": (w) => {
    w.file("a", "x");
    const set = (a: { s: number; ns: number }, m: { s: number; ns: number }, name = "a") => {
      const result = sys.utimensat(AT_FDCWD, w.path(name), timespecs(a, m), AT_SYMLINK_NOFOLLOW);
      const { atimeNs, mtimeNs } = times(w, name);
      return [result, String(atimeNs), String(mtimeNs)];
    };
    w.see("both", set({ s: 1, ns: 123_456_789 }, { s: 2, ns: 987_654_321 }));
    w.see("omit", set({ s: 5, ns: UTIME_OMIT }, { s: 3, ns: 1 }));
    w.see("omit", set({ s: 4, ns: 2 }, { s: 5, ns: UTIME_OMIT }));
    w.see("omit both", set({ s: 9, ns: UTIME_OMIT }, { s: 9, ns: UTIME_OMIT }));
    w.see("before 1970", set({ s: -5, ns: 7 }, { s: -1, ns: 999_999_999 }));
    w.see("after 2038", set({ s: 2 ** 32, ns: 0 }, { s: 2 ** 33, ns: 1 }));
    w.see("bad nanoseconds", set({ s: 1, ns: 1_000_000_000 }, { s: 1, ns: 0 })[0] as number);
    set({ s: 1, ns: 0 }, { s: 1, ns: UTIME_NOW });
    w.see("now", Math.abs(Number(times(w, "a").mtimeNs / 1_000_000n) - Date.now()) < 5000);
    sys.symlink("a", w.path("l"));
    w.see("a symlink's own", set({ s: 11, ns: 0 }, { s: 12, ns: 0 }, "l"));
    w.see("status time", moves(w, "a", () => set({ s: 1, ns: 0 }, { s: 1, ns: 0 })).includes("c"));
  },
  "extended attributes": (w) => {
    w.file("a");
    const path = w.path("a");
    const set = (name: string, value: string, flags = 0) =>
      sys.setxattr(path, name, Buffer.from(value), value.length, flags);
    const get = (name: string, room = 100) => {
      const into = Buffer.alloc(room);
      const count = sys.getxattr(path, name, into, room);
      return typeof count === "number" ? into.toString("latin1", 0, Math.min(count, room)) : count;
    };
    w.see("set", set("user.a", "one"));
    w.see("get", get("user.a"));
    w.see("size", sys.getxattr(path, "user.a", null, 0));
    w.see("small room", get("user.a", 2));
    w.see("create again", set("user.a", "two", XATTR_CREATE));
    w.see("replace", set("user.a", "three", XATTR_REPLACE));
    w.see("replace what is not there", set("user.b", "x", XATTR_REPLACE));
    w.see("create", set("user.b", "", XATTR_CREATE));
    w.see("empty", [get("user.b"), sys.getxattr(path, "user.b", null, 0)]);
    const list = Buffer.alloc(999);
    const count = sys.listxattr(path, list, 999);
    const names = list.toString("latin1", 0, Number(count)).split("\0");
    w.see("list", names.filter((name) => name.startsWith("user.")).sort());
    w.see("remove", sys.removexattr(path, "user.a"));
    w.see("again", sys.removexattr(path, "user.a"));
    w.see("gone", get("user.a"));
    w.see("long name", set(`user.${"n".repeat(250)}`, "x"));
    w.see("too long a name", set(`user.${"n".repeat(251)}`, "x"));
    w.see("too large", sys.setxattr(path, "user.big", Buffer.alloc(65_537), 65_537, 0));
    w.see("no namespace", set("none", "x"));
    w.see("an empty name", set("", "x"));
    sys.rename(path, w.path("b"));
    w.see("after a rename", sys.getxattr(w.path("b"), "user.b", null, 0));
  },
  "special files": (w) => {
    const S = { fifo: 0o010000, socket: 0o140000, file: 0o100000, directory: 0o040000 };
    for (const [name, type] of Object.entries(S)) {
      w.see(`mknod ${name}`, sys.mknod(w.path(name), type | 0o640, 0));
      w.see(name, w.stat(name));
    }
    w.see("no type", [sys.mknod(w.path("none"), 0o600, 0), w.stat("none")]);
    w.see("a fifo is no data", sys.open(w.path("fifo"), 0o4001, 0));
    const reader = w.open("fifo", 0o4000);
    const writer = w.open("fifo", 0o4001);
    w.see("through the fifo", [w.write(writer, "bytes"), sys.read(reader, Buffer.alloc(9), 9)]);
    w.see("a socket cannot be opened", sys.open(w.path("socket"), O_RDONLY, 0));
    w.see("rename", sys.rename(w.path("fifo"), w.path("f2")));
    w.see("link", sys.link(w.path("f2"), w.path("f3")));
    w.see("f3", w.stat("f3"));
  },
  umask: (w) => {
    const before = sys.umask(0o027);
    w.file("a", "", 0o777);
    w.directory("d", 0o777);
    sys.mknod(w.path("n"), 0o100666, 0);
    sys.umask(before as number);
    w.see("modes", [w.stat("a"), w.stat("d"), w.stat("n")]);
  },
  "the numbers of the file system": (w) => {
    const before = statfsSync(w.dir);
    w.see("free is at most all", before.bfree <= before.blocks && before.ffree <= before.files);
    w.see("something is free", before.bavail > 0);
    w.see("names", before.bsize > 0);
  },
  "inode numbers tell files apart": (w) => {
    const ino = (name: string) => lstatSync(w.path(name)).ino;
    for (const name of ["a", "b"]) w.file(name);
    sys.link(w.path("a"), w.path("c"));
    w.see("same and other", [ino("a") === ino("c"), ino("a") === ino("b")]);
    const a = ino("a");
    sys.rename(w.path("a"), w.path("d"));
    w.see("after a rename", ino("d") === a);
    w.see("one device", lstatSync(w.path("b")).dev === lstatSync(w.dir).dev);
  },
};
