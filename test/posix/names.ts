// Names: links, renames, directories and their streams, files without a name.
import { closeSync, opendirSync, readdirSync, readFileSync } from "node:fs";
import {
  AT_FDCWD,
  AT_SYMLINK_FOLLOW,
  O_RDWR,
  O_TMPFILE,
  RENAME_EXCHANGE,
  RENAME_NOREPLACE,
  sys,
} from "./syscalls.ts";
import type { Case } from "./world.ts";

export const nameCases: Readonly<Record<string, Case>> = {
  "a hard link is the same file": (w) => {
    w.file("a", "one");
    w.see("link", sys.link(w.path("a"), w.path("b")));
    w.see("a", w.stat("a"));
    w.see("b", w.stat("b"));
    const fd = w.open("b");
    w.pwrite(fd, "two!", 0);
    w.see("a has", w.content("a"));
    w.see("unlink a", sys.unlink(w.path("a")));
    w.see("b", w.stat("b"));
    w.see("b has", w.content("b"));
  },
  "a rename between two names of one file does nothing": (w) => {
    w.file("a", "x");
    sys.link(w.path("a"), w.path("b"));
    w.see("rename", sys.rename(w.path("a"), w.path("b")));
    w.see("names", w.list());
    w.see(
      "no-replace",
      sys.renameat2(AT_FDCWD, w.path("a"), AT_FDCWD, w.path("b"), RENAME_NOREPLACE),
    );
  },
  "an unlinked file lives while it is open": (w) => {
    const fd = w.open("a");
    w.write(fd, "bytes");
    w.see("unlink", sys.unlink(w.path("a")));
    w.see("names", w.list());
    w.see("write", w.write(fd, " more"));
    w.see("read", w.pread(fd, 99, 0));
    w.see("truncate", sys.ftruncate(fd, 3));
    w.see("read", w.pread(fd, 99, 0));
    w.see("chmod", sys.fchmod(fd, 0o600));
    w.see("a new one", w.stat("a"));
    w.file("a", "new");
    w.see("the old", w.pread(fd, 99, 0));
    w.see("fsync", sys.fsync(fd));
  },
  "a file that is renamed over lives while it is open": (w) => {
    const fd = w.open("a");
    w.write(fd, "old");
    w.file("b", "new");
    w.see("rename", sys.rename(w.path("b"), w.path("a")));
    w.see("path", w.content("a"));
    w.see("handle", w.pread(fd, 9, 0));
    w.see("names", w.list());
  },
  "a file that is renamed while it is open is the same file": (w) => {
    const fd = w.open("a");
    w.write(fd, "one");
    w.directory("d");
    w.see("rename", sys.rename(w.path("a"), w.path("d/b")));
    w.see("write", w.write(fd, " two"));
    w.see("d/b", w.content("d/b"));
    w.file("a", "another");
    w.see("write", w.write(fd, " three"));
    w.see("a", w.content("a"));
    w.see("d/b", w.content("d/b"));
  },
  "exchange swaps files and directories": (w) => {
    w.file("a", "A");
    w.directory("d");
    w.file("d/inner", "I");
    const swap = () => sys.renameat2(AT_FDCWD, w.path("a"), AT_FDCWD, w.path("d"), RENAME_EXCHANGE);
    w.see("exchange", swap());
    w.see("a", w.stat("a"));
    w.see("a/inner", w.content("a/inner"));
    w.see("d", w.content("d"));
    w.see("back", swap());
    w.see("d/inner", w.content("d/inner"));
    const below = sys.renameat2(
      AT_FDCWD,
      w.path("d"),
      AT_FDCWD,
      w.path("d/inner"),
      RENAME_EXCHANGE,
    );
    w.see("with what is below", below);
  },
  "a directory moved elsewhere has a new parent, and link counts follow": (w) => {
    for (const name of ["a", "b", "a/d", "a/d/e"]) w.directory(name);
    w.see("a", w.stat("a"));
    w.see("rename", sys.rename(w.path("a/d"), w.path("b/d")));
    w.see("a", w.stat("a"));
    w.see("b", w.stat("b"));
    w.see("d's parent", w.list("b/d/../d"));
    w.see("below itself", sys.rename(w.path("b"), w.path("b/d/e/f")));
    w.see("rmdir full", sys.rmdir(w.path("b")));
    w.see("rmdir", sys.rmdir(w.path("b/d/e")));
    w.see("b/d", w.stat("b/d"));
  },
  "a removed directory that somebody is in": (w) => {
    const before = process.cwd();
    w.directory("d");
    sys.chdir(w.path("d"));
    try {
      w.see("rmdir", sys.rmdir(w.path("d")));
      w.see("create in it", sys.open("inner", 0o102, 0o644));
      w.see("mkdir in it", sys.mkdir("inner", 0o755));
      w.see("look around", sys.open("inner", 0, 0));
      w.see("up", sys.access("..", 0));
    } finally {
      process.chdir(before);
    }
  },
  "O_TMPFILE: no name, then one": (w) => {
    const fd = w.open(".", O_TMPFILE | O_RDWR, 0o640);
    w.see("names", w.list());
    w.write(fd, "bytes");
    const from = `/proc/self/fd/${fd}`;
    const link = () => sys.linkat(AT_FDCWD, from, AT_FDCWD, w.path("named"), AT_SYMLINK_FOLLOW);
    w.see("link", link());
    w.see("again", link());
    w.see("named", w.stat("named"));
    w.see("content", w.content("named"));
    const exclusive = w.open(".", O_TMPFILE | O_RDWR | 0o200, 0o640);
    const fromExclusive = `/proc/self/fd/${exclusive}`;
    w.see(
      "link of an exclusive one",
      sys.linkat(AT_FDCWD, fromExclusive, AT_FDCWD, w.path("never"), AT_SYMLINK_FOLLOW),
    );
  },
  "names are bytes": (w) => {
    const names = ["caf\u00e9", "日本語", "e\u0301", " lead", "trail ", "new\nline", "-rf", "a\\b"];
    for (const name of names) w.file(name, name);
    w.see("names", readdirSync(w.dir, "utf8").sort());
    const raw = Buffer.concat([Buffer.from(w.path("")), Buffer.from([0x2f, 0xff, 0xfe, 0xc3])]);
    const opening = Buffer.concat([raw, Buffer.from([0])]);
    w.see("open of no UTF-8", typeof sys.open(opening.toString("latin1"), 0, 0));
    w.see("upper and lower", w.file("Case") === w.file("case"));
    w.see("count", w.list().length);
  },
  "the longest name and the longest path": (w) => {
    const name = "n".repeat(255);
    w.see("mkdir", sys.mkdir(w.path(name), 0o755));
    w.see("as a file in it", typeof sys.open(w.path(`${name}/${name}`), 0o102, 0o644));
    w.see("one more", sys.mkdir(w.path(`${name}x`), 0o755));
    const deep = `${"d/".repeat(30)}`;
    let at = "";
    for (let i = 0; i < 30; i += 1) {
      at = `${at}d/`;
      sys.mkdir(w.path(at), 0o755);
    }
    w.see("deep", w.stat(deep));
    w.see("too long a path", sys.mkdir(`${w.dir}/${"a/".repeat(2100)}`, 0o755));
  },
  "symlinks hold any target": (w) => {
    for (const [name, target] of [
      ["rel", "a/../b"],
      ["abs", "/no/where"],
      ["odd", " \n\t"],
      ["long", "t".repeat(4095)],
    ] as const) {
      w.see(`symlink ${name}`, sys.symlink(target, w.path(name)));
      w.see(name, w.readlink(name) === target);
      w.see(`size of ${name}`, w.stat(name).split(" ").at(-1));
    }
    w.see("too long", sys.symlink("t".repeat(4096), w.path("longer")));
    w.see("rename", sys.rename(w.path("rel"), w.path("moved")));
    w.see("link to a symlink", sys.link(w.path("moved"), w.path("hard")));
    w.see("hard", w.stat("hard"));
  },
  "a directory stream shows what stays, once, whatever comes and goes": (w) => {
    for (let i = 0; i < 500; i += 1) w.file(`keep${i}`);
    for (let i = 0; i < 500; i += 1) w.file(`gone${i}`);
    const stream = opendirSync(w.dir, { bufferSize: 8 });
    const seen: string[] = [];
    for (let n = 0; ; n += 1) {
      const entry = stream.readSync();
      if (entry === null) break;
      seen.push(entry.name);
      if (n < 500) {
        sys.unlink(w.path(`gone${n}`));
        w.file(`new${n}`);
      }
    }
    stream.closeSync();
    const kept = seen.filter((name) => name.startsWith("keep"));
    w.see("kept, once", [kept.length, new Set(kept).size]);
    w.see("none twice", new Set(seen).size === seen.length);
  },
  "deleting while listing deletes all": (w) => {
    for (let i = 0; i < 2000; i += 1) w.file(`f${i}`);
    const stream = opendirSync(w.dir, { bufferSize: 32 });
    for (let entry = stream.readSync(); entry !== null; entry = stream.readSync()) {
      sys.unlink(w.path(entry.name));
    }
    stream.closeSync();
    w.see("left", w.list());
  },
  "10,000 entries": (w) => {
    for (let i = 0; i < 10_000; i += 1) closeSync(w.open(`f${i}`) as number);
    w.see("count", w.list().length);
    w.see("one", w.stat("f9999"));
    w.see("absent", w.stat("f10000"));
  },
  "a file made where one was removed is a new one": (w) => {
    w.file("a", "first", 0o600);
    sys.unlink(w.path("a"));
    w.file("a", "second");
    w.see("a", w.stat("a"));
    w.see("content", w.content("a"));
    sys.unlink(w.path("a"));
    w.directory("a");
    w.see("a", w.stat("a"));
    w.see("as a file", sys.unlink(w.path("a")));
  },
  "what /proc says of an open file": (w) => {
    const fd = w.open("a");
    w.write(fd, "bytes");
    w.see("through /proc", readFileSync(`/proc/self/fd/${fd}`, "utf8"));
    sys.rename(w.path("a"), w.path("b"));
    w.see("after a rename", readFileSync(`/proc/self/fd/${fd}`, "utf8"));
  },
};
