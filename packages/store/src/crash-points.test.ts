// kill -9 at every point of a store on a disk: what its folder is before each change of bytes and after each commit is
// opened by the next start, redo log, write-ahead log and all.
import { cpSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  type DirEntry,
  isDirectory,
  isRegular,
  isSymlink,
  O_CREAT,
  O_RDWR,
  O_TRUNC,
  rootIno,
  S_IFIFO,
  seededRandom,
  silentLogger,
} from "@smfs/core";
import { lookup } from "@smfs/core/testing";
import { afterEach, expect, test } from "vitest";
import type { ByteStore } from "./byte-store.ts";
import { check } from "./check.ts";
import { RealByteStore } from "./real-byte-store.ts";
import { Store } from "./store.ts";
import { ManualClock } from "./testing/manual-clock.ts";

const caller = { uid: 5, gid: 6, pid: 1, umask: 0 };
const bytes = (text: string) => new TextEncoder().encode(text);
const dirs: string[] = [];

afterEach(() => {
  for (const dir of dirs.splice(0)) rmSync(dir, { recursive: true, force: true });
});

function folder(): string {
  const dir = mkdtempSync(join(tmpdir(), "smfs-crash-"));
  dirs.push(dir);
  return dir;
}

function open(dir: string, clock: ManualClock, real: ByteStore = new RealByteStore(dir)): Store {
  return Store.open({
    database: join(dir, "store.db"),
    bytes: real,
    clock,
    random: seededRandom(7),
    logger: silentLogger,
    owner: { uid: 5, gid: 6 },
    emit: () => undefined,
  });
}

/** Every name with what it is and has, sorted. */
function list(store: Store, real: ByteStore): string[] {
  const lines: string[] = [];
  const walk = (ino: number, path: string): void => {
    const fh = store.opendir(ino);
    const found: DirEntry[] = [];
    store.readdir(fh, 0, (entry) => found.push(entry) > 0);
    store.releasedir(fh);
    for (const { name } of found.slice(2)) {
      const { ino: child, mode, nlink, size } = lookup(store, ino, name);
      const content = isRegular(mode) ? textOf(real, child, size) : "";
      const target = isSymlink(mode) ? store.readlink(child) : "";
      lines.push(`${path}/${name} ${mode.toString(8)} ${nlink} ${content}${target}`);
      if (isDirectory(mode)) walk(child, `${path}/${name}`);
    }
  };
  walk(rootIno, "");
  return lines.sort();
}

function textOf(real: ByteStore, ino: number, size: number): string {
  const fd = real.openWork(ino, "read");
  try {
    const into = new Uint8Array(size);
    expect(real.stat(fd).size).toBe(size);
    real.read(fd, into, 0);
    return Buffer.from(into).toString("latin1");
  } finally {
    real.close(fd);
  }
}

/** Methods of the byte layer that change nothing. */
const looks = /^(?:read|stat|has|list|open(?:Blob)?$|path|statfs|seek|close)/;

/** The byte layer, with `note` called before each change. */
function noting(real: RealByteStore, note: () => void): ByteStore {
  return new Proxy(real, {
    get(target, key) {
      const value: unknown = Reflect.get(target, key, target);
      if (typeof value !== "function") return value;
      return (...args: unknown[]): unknown => {
        if (!looks.test(String(key))) note();
        return (value as (...args: unknown[]) => unknown).apply(target, args);
      };
    },
  });
}

/** Calls, each one operation: what a program does with files for a while. */
function* calls(store: Store, tick: () => void): Generator<() => void> {
  const ino = (name: string, parent = rootIno): number => lookup(store, parent, name).ino;
  const handles = new Map<string, number>();
  let nameless = 0;
  const create =
    (name: string, parent = rootIno) =>
    () => {
      const { file } = store.create(parent, name, 0o640, O_CREAT | O_RDWR, caller);
      handles.set(name, file.fh);
    };
  const write = (name: string, text: string, at: number) => () => {
    store.write(handles.get(name) ?? 0, bytes(text), at);
  };
  const release = (name: string) => () => store.release(handles.get(name) ?? 0);
  const rename = (fromName: string, toName: string, flags = 0, toParent = rootIno) => {
    return () => store.rename({ fromParent: rootIno, fromName, toParent, toName, flags }, caller);
  };
  yield create("a");
  yield write("a", "first", 0);
  yield write("a", "more", 5);
  yield release("a");
  yield tick;
  yield () => store.mkdir(rootIno, "d", 0o755, caller);
  yield create("b", ino("d"));
  yield write("b", "below", 0);
  yield () => store.fsync(handles.get("b") ?? 0, false, caller);
  yield rename("a", "c", 0, ino("d"));
  yield () => store.link(ino("c", ino("d")), rootIno, "linked", caller);
  yield () => store.setattr(ino("linked"), { size: 3 }, caller);
  yield () => store.setattr(ino("linked"), { size: 0 }, caller);
  yield create("e");
  yield write("e", "an editor's new version", 0);
  yield release("e");
  yield rename("e", "linked");
  yield () => store.symlink(rootIno, "s", "d/c", caller);
  yield () => store.mknod(rootIno, "fifo", S_IFIFO | 0o644, 0, caller);
  yield rename("linked", "s", 2);
  yield rename("d", "moved");
  yield tick;
  yield () => store.unlink(ino("moved"), "b", caller);
  yield write("b", "written after the name was gone", 0);
  yield release("b");
  yield tick;
  yield create("f");
  yield write("f", "uses what was freed", 0);
  yield () => {
    const { fh } = store.open(ino("f"), O_RDWR | O_TRUNC, caller);
    handles.set("again", fh);
  };
  yield write("again", "x", 70_000);
  yield release("again");
  yield release("f");
  yield () => store.setxattr(ino("f"), "user.x", bytes("v"), 0);
  yield () => {
    const { attr, file } = store.tmpfile(rootIno, 0o600, O_RDWR, caller);
    handles.set("nameless", file.fh);
    nameless = attr.ino;
  };
  yield () => store.link(nameless, rootIno, "named", caller);
  yield release("nameless");
  yield () => store.unlink(ino("moved"), "c", caller);
  yield () => store.rmdir(rootIno, "moved", caller);
  yield () => store.context.db.checkpoint();
  yield () => store.unlink(rootIno, "s", caller);
  yield tick;
}

test("[RECOVER-1] [CHECK-1] a store on a disk, killed at every commit and before every change of bytes, opens whole", () => {
  const clock = new ManualClock();
  const dir = folder();
  const crashes: { readonly dir: string; readonly after: number }[] = [];
  let done = 0;
  const note = (): void => {
    const copy = folder();
    cpSync(dir, copy, { recursive: true });
    crashes.push({ dir: copy, after: done });
  };
  let isNoting = false;
  const real = new RealByteStore(dir);
  const store = open(
    dir,
    clock,
    noting(real, () => isNoting && note()),
  );
  store.context.db.atBegin(() => store.context.db.afterCommit(note));
  const states = [list(store, real)];
  const tick = (): void => {
    for (let round = 0; store.nextTickMs() >= 0 && round < 20; round += 1) {
      clock.advance(store.nextTickMs());
      store.tick();
    }
  };
  for (const call of calls(store, tick)) {
    isNoting = true;
    call();
    isNoting = false;
    done += 1;
    states.push(list(store, real));
  }
  expect(crashes.length).toBeGreaterThan(60);
  for (const crash of crashes) {
    const bytesThen = new RealByteStore(crash.dir);
    const then = open(crash.dir, clock, bytesThen);
    // The call that was under way has happened, or not; all before it have.
    const allowed = states.slice(crash.after, crash.after + 2);
    expect(allowed).toContainEqual(list(then, bytesThen));
    expect(check(then.context, { deep: true })).toEqual([]);
    then.close();
    rmSync(crash.dir, { recursive: true });
  }
  store.close();
});
