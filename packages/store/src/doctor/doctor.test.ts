import {
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  type Caller,
  FsError,
  O_CREAT,
  O_RDWR,
  rootIno,
  silentLogger,
  systemClock,
  systemRandom,
} from "@smfs/core";
import { lookup } from "@smfs/core/testing";
import SqliteDatabase from "better-sqlite3";
import { expect, onTestFinished, test } from "vitest";
import { Database, StoreOpenError } from "../database.ts";
import { byteFolders, RealByteStore } from "../real-byte-store.ts";
import { Store, type StoreOptions } from "../store.ts";
import { DamagedStore } from "./damaged-store.ts";
import { inspectStore } from "./inspect-store.ts";
import { canMend, markForComparison } from "./mend.ts";
import { salvageStore } from "./salvage.ts";
import { openImage } from "./store-image.ts";

const caller: Caller = { uid: 0, gid: 0, pid: 1, umask: 0o022 };
const log = silentLogger;
const look = { deep: true, log };

function scratch(): string {
  const dir = mkdtempSync(join(tmpdir(), "smfs-doctor-"));
  onTestFinished(() => rmSync(dir, { recursive: true, force: true }));
  return dir;
}

function openStore(dir: string, options: Partial<StoreOptions> = {}): Store {
  return Store.open({
    database: join(dir, "store.db"),
    bytes: new RealByteStore(dir),
    clock: systemClock,
    random: systemRandom,
    logger: log,
    owner: { uid: 0, gid: 0 },
    emit: () => undefined,
    ...options,
  });
}

function write(store: Store, parent: number, name: string, text: string): number {
  const { attr, file } = store.create(parent, name, 0o644, O_CREAT | O_RDWR, caller);
  store.write(file.fh, Buffer.from(text), 0);
  store.release(file.fh);
  return attr.ino;
}

/** As if the server held a file as it is. */
function makeClean(store: Store, name: string): void {
  const { db, entries, inodes, bytes, writers } = store.context as never as {
    db: Database;
    entries: Store["context"]["entries"];
    inodes: Store["context"]["inodes"];
    bytes: RealByteStore;
    writers: { settleAll(): void };
  };
  writers.settleAll();
  const entry = entries.find(rootIno, name);
  if (entry === undefined) throw new Error(name);
  const inode = inodes.get(entry.ino);
  const fd = bytes.openWork(entry.ino, "read");
  const content = new Uint8Array(inode.size);
  bytes.read(fd, content, 0);
  bytes.close(fd);
  db.transaction(() =>
    entries.update(entry.fid, {
      doc_id: `doc-${name}`,
      sent: 1,
      base_ver: entry.local_ver,
      base_hash: bytes.digest(content),
      base_path: `/${name}`,
    }),
  );
}

/** A store in a directory: `count` files in the root, the first half on the server, and one in a directory. */
function filled(count = 4): string {
  const dir = join(scratch(), "store");
  const store = openStore(dir, { program: "1.2.3" });
  for (let n = 0; n < count; n += 1) write(store, rootIno, `f${n}`, `content of ${n}`);
  for (let n = 0; n < count / 2; n += 1) makeClean(store, `f${n}`);
  const d = store.mkdir(rootIno, "d", 0o755, caller).ino;
  write(store, d, "deep", "below");
  store.symlink(rootIno, "link", "f0", caller);
  store.setxattr(lookup(store, rootIno, "f0").ino, "user.a", Buffer.from("x"), 0);
  store.close();
  return dir;
}

/** Overwrites a page of a table, or of an index. `leaf` 0 is the root page. */
function ruin(dir: string, name: string): void {
  const path = join(dir, "store.db");
  const db = new SqliteDatabase(path);
  db.pragma("wal_checkpoint(TRUNCATE)");
  const pageSize = db.pragma("page_size", { simple: true }) as number;
  const root = db
    .prepare<[string], number>("SELECT rootpage FROM sqlite_schema WHERE name = ?")
    .pluck()
    .get(name);
  db.close();
  const bytes = readFileSync(path);
  bytes.fill(0x77, ((root ?? 1) - 1) * pageSize, (root ?? 1) * pageSize);
  writeFileSync(path, bytes);
}

function read(fs: DamagedStore, ino: number): string {
  const { fh } = fs.open(ino, 0);
  const into = new Uint8Array(fs.getattr(ino).size);
  const count = fs.read(fh, into, 0);
  fs.release(fh);
  return Buffer.from(into.subarray(0, count)).toString();
}

function names(fs: DamagedStore, ino: number): string[] {
  const fh = fs.opendir(ino);
  const found: string[] = [];
  fs.readdir(fh, 0, ({ name }) => found.push(name) > 0);
  fs.releasedir(fh);
  return found.slice(2).sort();
}

test("[DAMAGE-1] a store with a damaged page is refused, and can be read as far as it is whole", () => {
  const dir = filled();
  ruin(dir, "store");
  expect(() => openStore(dir)).toThrow(/malformed|damaged/);
  const image = openImage(dir, log);
  expect(image.damage).toContain("cannot be read");
  const fs = new DamagedStore(image);
  onTestFinished(() => fs.close());
  expect(names(fs, rootIno)).toEqual(["d", "f0", "f1", "f2", "f3", "link"]);
  expect(read(fs, lookup(fs, rootIno, "f3").ino)).toBe("content of 3");
  expect(read(fs, lookup(fs, lookup(fs, rootIno, "d").ino, "deep").ino)).toBe("below");
  expect(fs.readlink(lookup(fs, rootIno, "link").ino)).toBe("f0");
  expect(fs.listxattr(lookup(fs, rootIno, "f0").ino)).toEqual(["user.a"]);
  expect(fs.getxattr(lookup(fs, rootIno, "f0").ino, "user.a")).toEqual(Buffer.from("x"));
  expect(fs.statfs().blocks).toBeGreaterThan(0);
});

test("[DAMAGE-1] what cannot be read is an error of that file, and a change is refused", () => {
  const dir = filled();
  const before = readFileSync(join(dir, "store.db"));
  const fs = new DamagedStore(openImage(dir, log));
  onTestFinished(() => fs.close());
  const f1 = lookup(fs, rootIno, "f1").ino;
  rmSync(join(dir, "work", String(f1)));
  expect(() => fs.open(f1, 0)).toThrow(FsError);
  expect(() => lookup(fs, rootIno, "none")).toThrow("none");
  expect(() => fs.opendir(f1)).toThrow(FsError);
  expect(() => fs.open(rootIno, 0)).toThrow(FsError);
  expect(() => fs.open(f1, O_RDWR)).toThrow("damaged");
  const changes = [
    "setattr",
    "symlink",
    "mknod",
    "mkdir",
    "unlink",
    "rmdir",
    "rename",
    "link",
    "create",
    "tmpfile",
    "write",
    "fallocate",
    "copyFileRange",
    "setxattr",
    "removexattr",
  ] as const;
  for (const change of changes) expect(() => fs[change](), change).toThrow("only read");
  expect(readFileSync(join(dir, "store.db")).equals(before)).toBe(true);
});

test("[DAMAGE-1] what was acknowledged and is in the redo log only is read too", () => {
  const dir = join(scratch(), "store");
  const store = openStore(dir);
  write(store, rootIno, "a", "not committed by SQLite");
  // As after kill -9: the files are as they are now.
  const copy = `${dir}-copy`;
  onTestFinished(() => rmSync(copy, { recursive: true, force: true }));
  copyTree(dir, copy);
  store.close();
  const fs = new DamagedStore(openImage(copy, log));
  onTestFinished(() => fs.close());
  expect(read(fs, lookup(fs, rootIno, "a").ino)).toBe("not committed by SQLite");
});

test("[DAMAGE-2] a look at a store tells what is damaged, what is not sent, and changes nothing", () => {
  const dir = filled();
  const before = readFileSync(join(dir, "store.db"));
  expect(inspectStore(dir, look)).toMatchObject({
    damage: undefined,
    breaches: [],
    wasStopped: true,
    program: "1.2.3",
    entries: 7,
    unsent: 5,
  });
  expect(readFileSync(join(dir, "store.db")).equals(before)).toBe(true);
  truncateSync(join(dir, "work", "2"), 3);
  const { breaches } = inspectStore(dir, look);
  expect(breaches.map(({ invariant }) => invariant)).toContain("row-knows-size");
  expect(breaches.every(canMend)).toBe(true);
  ruin(dir, "entry_cid");
  expect(inspectStore(dir, look).damage).toBeDefined();
  writeFileSync(join(dir, "store.db"), Buffer.alloc(8192, 0x55));
  expect(inspectStore(dir, look).damage).toContain("not a database");
  rmSync(join(dir, "store.db"));
  expect(inspectStore(dir, look).damage).toContain("no database");
});

test("[DAMAGE-2] a store in use, or of a later program, is not looked into", () => {
  const dir = filled();
  const store = openStore(dir);
  expect(() => inspectStore(dir, look)).toThrow(StoreOpenError);
  store.close();
  const sql = new SqliteDatabase(join(dir, "store.db"));
  sql.pragma("user_version = 9999");
  sql.prepare("UPDATE store SET v = '9.8.7' WHERE k = 'program'").run();
  sql.close();
  expect(() => inspectStore(dir, look)).toThrow("schema 9999");
  try {
    new Database(join(dir, "store.db"));
  } catch (error) {
    expect((error as StoreOpenError).hint).toBe("install smfs 9.8.7 or newer");
    expect((error as StoreOpenError).isDamage).toBe(false);
  }
});

test("[DAMAGE-3] a damaged store is set aside whole, with what the server may not have under its paths", () => {
  const dir = filled();
  ruin(dir, "entry_name");
  const aside = join(dir, "../aside");
  const saved = salvageStore(dir, aside, log);
  expect(saved).toMatchObject({ files: 3, withoutPath: 0, filesDir: join(aside, "files") });
  expect(existsSync(dir)).toBe(false);
  expect(readdirSync(join(aside, "files")).sort()).toEqual(["d", "f2", "f3"]);
  expect(readFileSync(join(aside, "files/d/deep"), "utf8")).toBe("below");
  expect(readFileSync(join(aside, "files/f3"), "utf8")).toBe("content of 3");
  expect(existsSync(join(aside, "store/store.db"))).toBe(true);
  expect(statSync(aside).mode & 0o077).toBe(0);
});

test("[DAMAGE-3] what has no readable row is kept under its number, also when nothing can be read", () => {
  const dir = filled();
  ruin(dir, "entry");
  const saved = salvageStore(dir, join(dir, "../aside"), log);
  expect(saved).toMatchObject({ files: 5, withoutPath: 5 });
  const all = readdirSync(join(dir, "../aside/files/without-a-name"));
  expect(all).toHaveLength(5);

  const other = filled();
  writeFileSync(join(other, "store.db"), Buffer.alloc(8192, 0x55));
  expect(salvageStore(other, join(other, "../aside"), log)).toMatchObject({ withoutPath: 5 });
});

test("[DAMAGE-3] large tables are read around their damaged pages", () => {
  const dir = filled(300);
  const path = join(dir, "store.db");
  const bytes = readFileSync(path);
  // Some page in the middle; whichever it is, no file is lost.
  bytes.fill(
    0x77,
    2048 * Math.floor(bytes.length / 4096),
    2048 * Math.floor(bytes.length / 4096) + 2048,
  );
  writeFileSync(path, bytes);
  const saved = salvageStore(dir, join(dir, "../aside"), log);
  const work = readdirSync(join(saved.storeDir, "work")).length;
  expect(saved.files).toBeGreaterThanOrEqual(151);
  expect(saved.files).toBeLessThanOrEqual(work);
});

test("[DAMAGE-3] a store with nothing unsent leaves no tree behind", () => {
  const dir = join(scratch(), "store");
  const store = openStore(dir);
  write(store, rootIno, "a", "x");
  makeClean(store, "a");
  store.close();
  const saved = salvageStore(dir, join(dir, "../aside"), log);
  expect(saved).toMatchObject({ files: 0, filesDir: undefined });
});

test("[DAMAGE-4] bytes that are damaged where the rows are whole are fetched again by the next mount", () => {
  const dir = filled();
  const probe = openStore(dir);
  const ino = lookup(probe, rootIno, "f0").ino;
  probe.close();
  const work = join(dir, "work", String(ino));
  writeFileSync(work, "X".repeat(statSync(work).size));
  expect(inspectStore(dir, look).breaches).toEqual([
    expect.objectContaining({ invariant: "clean-is-base" }),
  ]);
  markForComparison(dir);
  const store = openStore(dir);
  for (let round = 0; round < 1000 && store.nextTickMs() === 0; round += 1) store.tick();
  expect(store.context.inodes.get(ino).stub).toBe(1);
  const trashed = store.context.db.sql.prepare("SELECT path, why FROM trash").all();
  expect(trashed).toEqual([{ path: "/f0", why: "damaged on disk" }]);
  store.close();
  expect(inspectStore(dir, look).breaches).toEqual([]);
});

function copyTree(from: string, to: string): void {
  byteFolders(to);
  for (const name of readdirSync(from)) {
    if (statSync(join(from, name)).isFile())
      writeFileSync(join(to, name), readFileSync(join(from, name)));
  }
  for (const name of readdirSync(join(from, "work")))
    writeFileSync(join(to, "work", name), readFileSync(join(from, "work", name)));
}
