import {
  type Attr,
  type DirEntry,
  FsError,
  isDirectory,
  isSymlink,
  O_CREAT,
  O_RDWR,
  rootIno,
} from "@smfs/core";
import { lookup } from "@smfs/core/testing";
import SqliteDatabase from "better-sqlite3";
import fc from "fast-check";
import { expect, test } from "vitest";
import { check } from "./check.ts";
import { Database } from "./database.ts";
import { MemoryByteStore, type MemoryImage } from "./memory-byte-store.ts";
import type { Store } from "./store.ts";
import {
  describe as describeNode,
  ModelFileSystem,
  type ModelNode,
} from "./testing/model-filesystem.ts";
import { StoreFixture, user } from "./testing/store-fixture.ts";

interface Open {
  readonly fh: number;
  readonly node: ModelNode;
}

class Run {
  readonly fixture = new StoreFixture();
  readonly model = new ModelFileSystem();
  readonly open: Open[] = [];
  /** What a step of two calls leaves after the first. */
  between: string[] | undefined;

  /** The same on both sides, with the same outcome. */
  both(name: string, onStore: () => void, onModel: () => void): void {
    const outcome = (action: () => void) => {
      try {
        action();
      } catch (error) {
        if (error instanceof FsError) return error.code;
        throw error;
      }
      return "ok";
    };
    const expected = outcome(onModel);
    expect(`${name}: ${outcome(onStore)}`).toBe(`${name}: ${expected}`);
  }

  kindOf(path: string): ModelNode["kind"] | undefined {
    try {
      return this.model.find(path).kind;
    } catch (error) {
      if (error instanceof FsError) return undefined;
      throw error;
    }
  }

  verify(): void {
    expect(check(this.fixture.store.context, { deep: true })).toEqual([]);
    expect(list(this.fixture.store, this.fixture.bytes)).toEqual(this.model.list());
  }
}

/** What `ModelFileSystem.list` says, of a store. */
function list(store: Store, bytes: MemoryByteStore): string[] {
  const lines: string[] = [];
  const walk = (ino: number, path: string) => {
    const fh = store.opendir(ino);
    const found: DirEntry[] = [];
    store.readdir(fh, 0, (entry) => found.push(entry) > 0);
    store.releasedir(fh);
    for (const { name, ino: child } of found.slice(2)) {
      const attr = lookup(store, ino, name);
      expect(attr.ino).toBe(child);
      lines.push(`${path}/${name} ${describeNode(toNode(store, bytes, attr))}`);
      if (isDirectory(attr.mode)) walk(child, `${path}/${name}`);
    }
  };
  walk(rootIno, "");
  return lines.sort();
}

function toNode(
  store: Store,
  bytes: MemoryByteStore,
  attr: Attr,
): Pick<ModelNode, "kind" | "mode" | "nlink" | "bytes"> {
  const { ino, nlink, size } = attr;
  const mode = attr.mode & 0o7777;
  if (isDirectory(attr.mode)) return { kind: "dir", mode, nlink, bytes: new Uint8Array(0) };
  if (isSymlink(attr.mode)) {
    return { kind: "symlink", mode, nlink, bytes: utf8.encode(store.readlink(ino)) };
  }
  const content = new Uint8Array(size);
  const fd = bytes.openWork(ino, "read");
  expect(bytes.read(fd, content, 0)).toBe(size);
  expect(bytes.stat(fd).size).toBe(size);
  bytes.close(fd);
  return { kind: "file", mode, nlink, bytes: content };
}

const name = fc.constantFrom("a", "b", "c");
const path = fc.array(name, { minLength: 1, maxLength: 3 }).map((names) => `/${names.join("/")}`);
const shortText = fc.string({ maxLength: 8, unit: fc.constantFrom("x", "y", "z", "\n") });

const step = fc.oneof(
  fc.record({ do: fc.constant("mkdir" as const), path }),
  fc.record({ do: fc.constant("rmdir" as const), path }),
  fc.record({ do: fc.constant("unlink" as const), path }),
  fc.record({
    do: fc.constant("write" as const),
    path,
    text: shortText,
    offset: fc.nat(12),
    keepOpen: fc.boolean(),
  }),
  fc.record({ do: fc.constant("write-open" as const), which: fc.nat(), text: shortText }),
  fc.record({ do: fc.constant("close" as const), which: fc.nat() }),
  fc.record({ do: fc.constant("truncate" as const), path, size: fc.nat(9) }),
  fc.record({
    do: fc.constant("chmod" as const),
    path,
    mode: fc.constantFrom(0o600, 0o644, 0o755),
  }),
  fc.record({ do: fc.constant("symlink" as const), path, target: fc.constantFrom("a", "../b") }),
  fc.record({ do: fc.constant("link" as const), path, to: path }),
  fc.record({
    do: fc.constant("rename" as const),
    path,
    to: path,
    flags: fc.constantFrom(0, 0, 0, 1, 2),
  }),
  fc.record({ do: fc.constant("settle" as const) }),
  fc.record({ do: fc.constant("clean" as const), path }),
  fc.record({ do: fc.constant("forget" as const), path }),
);
type Step = typeof step extends fc.Arbitrary<infer T> ? T : never;

const utf8 = new TextEncoder();

const handlers: { [K in Step["do"]]: (run: Run, one: Extract<Step, { do: K }>) => void } = {
  mkdir: (run, { path }) =>
    run.both(
      "mkdir",
      () => run.fixture.mkdir(path),
      () => run.model.mkdir(path),
    ),
  rmdir: (run, { path }) =>
    run.both(
      "rmdir",
      () => run.fixture.store.rmdir(...run.fixture.at(path), user),
      () => run.model.rmdir(path),
    ),
  unlink: (run, { path }) =>
    run.both(
      "unlink",
      () => run.fixture.unlink(path),
      () => run.model.unlink(path),
    ),
  write: (run, { path, text, offset, keepOpen }) => {
    const { fixture: f, model } = run;
    let fh = 0;
    run.both(
      "write",
      () => {
        fh = f.store.create(...f.at(path), 0o644, O_CREAT | O_RDWR, user).file.fh;
        f.store.write(fh, utf8.encode(text), offset);
      },
      () => {
        const file = model.create(path);
        run.between = model.list();
        model.write(file, utf8.encode(text), offset);
      },
    );
    if (fh === 0) return;
    if (keepOpen) run.open.push({ fh, node: model.find(path) });
    else f.store.release(fh);
  },
  "write-open": (run, { which, text }) => {
    const open = run.open[which % run.open.length];
    if (open === undefined) return;
    const { store } = run.fixture;
    store.write(open.fh, utf8.encode(text), 1);
    run.model.write(open.node, utf8.encode(text), 1);
    const into = new Uint8Array(open.node.bytes.length);
    expect(store.read(open.fh, into, 0)).toBe(into.length);
    expect(into).toEqual(open.node.bytes);
  },
  close: (run, { which }) => {
    const [open] = run.open.splice(which % Math.max(1, run.open.length), 1);
    if (open !== undefined) run.fixture.store.release(open.fh);
  },
  truncate: (run, { path, size }) =>
    run.both(
      "truncate",
      () => run.fixture.store.setattr(run.fixture.ino(path), { size }, user),
      () => run.model.truncate(path, size),
    ),
  chmod: (run, { path, mode }) =>
    run.both(
      "chmod",
      () => run.fixture.store.setattr(run.fixture.ino(path), { mode }, user),
      () => run.model.chmod(path, mode),
    ),
  symlink: (run, { path, target }) =>
    run.both(
      "symlink",
      () => run.fixture.store.symlink(...run.fixture.at(path), target, user),
      () => run.model.symlink(path, target),
    ),
  link: (run, { path, to }) =>
    run.both(
      "link",
      () => run.fixture.store.link(run.fixture.ino(path), ...run.fixture.at(to), user),
      () => run.model.link(path, to),
    ),
  rename: (run, { path, to, flags }) =>
    run.both(
      "rename",
      () => run.fixture.rename(path, to, flags),
      () => run.model.rename(path, to, flags),
    ),
  settle: (run) => run.fixture.settle(),
  clean: (run, { path }) => {
    if (run.kindOf(path) !== "file") return;
    run.fixture.settle();
    if (run.fixture.inode(path).writers === 0) run.fixture.makeClean(path);
  },
  forget: (run, { path }) => {
    if (run.kindOf(path) === undefined) return;
    run.fixture.store.hold(run.fixture.ino(path));
    run.fixture.store.forget(run.fixture.ino(path));
  },
};

function take(run: Run, one: Step): void {
  const handle = handlers[one.do] as (run: Run, one: Step) => void;
  run.between = undefined;
  handle(run, one);
}

test("[STORE-1] the store does what a tree of objects does, and every invariant holds after each operation", {
  timeout: 120_000,
}, () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
      const run = new Run();
      for (const one of steps) {
        take(run, one);
        run.verify();
      }
      for (const { fh } of run.open.splice(0)) run.fixture.store.release(fh);
      run.fixture.settle();
      run.verify();
      expect(run.fixture.bytes.openCount).toBe(0);
      const inUse = run.fixture.store.context.db.sql
        .prepare(
          "SELECT count(*) FROM inode WHERE nlink = 0 AND ino NOT IN (SELECT ino FROM entry)",
        )
        .pluck()
        .get();
      expect(inUse).toBe(0);
      run.fixture.store.close();
    }),
    { numRuns: 150 },
  );
});

/** What a process leaves that is killed at one moment. */
interface Crash {
  readonly rows: Buffer;
  readonly bytes: MemoryImage;
}

/** Notes every state that a kill could leave: before each change of bytes, and after each commit. */
function noteCrashes(run: Run): { readonly crashes: Crash[]; readonly stop: () => void } {
  const { bytes, db } = run.fixture;
  const crashes: Crash[] = [];
  let committed = db.sql.serialize();
  const note = () => crashes.push({ rows: committed, bytes: bytes.snapshot() });
  let isOn = true;
  db.atBegin(() =>
    db.afterCommit(() => {
      if (!isOn) return;
      committed = db.sql.serialize();
      note();
    }),
  );
  bytes.fault = () => {
    if (isOn) note();
  };
  return { crashes, stop: () => (isOn = false) };
}

function reopen(run: Run, crash: Crash): { store: Store; bytes: MemoryByteStore } {
  const bytes = new MemoryByteStore(run.fixture.clock);
  bytes.restore(crash.bytes);
  const store = run.fixture.open({ database: new Database(new SqliteDatabase(crash.rows)), bytes });
  return { store, bytes };
}

test("[RECOVER-1] whenever the process is killed, the store opens with every acknowledged operation and no broken invariant", {
  timeout: 120_000,
}, () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 25 }), fc.nat(), (steps, last) => {
      const run = new Run();
      const at = steps.length === 0 ? 0 : last % steps.length;
      for (const one of steps.slice(0, at)) take(run, one);
      const one = steps[at];
      if (one === undefined) return;
      const before = run.model.list();
      const { crashes, stop } = noteCrashes(run);
      take(run, one);
      stop();
      const allowed = [
        before,
        run.model.list(),
        ...(run.between === undefined ? [] : [run.between]),
      ];
      for (const crash of crashes) {
        const { store, bytes } = reopen(run, crash);
        expect(allowed).toContainEqual(list(store, bytes));
        for (let round = 0; store.nextTickMs() >= 0 && round < 100; round += 1) {
          run.fixture.clock.advance(store.nextTickMs());
          store.tick();
        }
        expect(check(store.context, { deep: true })).toEqual([]);
        expect(allowed).toContainEqual(list(store, bytes));
        expect(bytes.listWork().length).toBe(regularFiles(store));
        store.close();
      }
    }),
    { numRuns: 200 },
  );
});

function regularFiles(store: Store): number {
  const count = store.context.db.sql.prepare<[], number>(
    "SELECT count(*) FROM inode WHERE nlink > 0 AND (mode & 61440) = 32768 AND stub = 0",
  );
  return count.pluck().get() ?? 0;
}
