import {
  copyFileSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import SqliteDatabase from "better-sqlite3";
import { afterEach, describe, expect, test } from "vitest";
import { Database, redoPath, StoreOpenError } from "./database.ts";
import { RedoLog } from "./redo-log.ts";
import { StoreFixture } from "./testing/store-fixture.ts";

const dirs: string[] = [];
afterEach(() => {
  for (const dir of dirs.splice(0)) rmSync(dir, { recursive: true });
});

function file(): string {
  const dir = mkdtempSync(join(tmpdir(), "smfs-database-"));
  dirs.push(dir);
  return join(dir, "store.db");
}

const migrationsDir = new URL("./migrations/", import.meta.url);
const migrations = readdirSync(migrationsDir).sort();

/** A database as the first `count` migrations left it, with what they could hold. */
function oldDatabase(path: string, count: number): void {
  const sql = new SqliteDatabase(path);
  for (const name of migrations.slice(0, count)) {
    sql.exec(readFileSync(new URL(name, migrationsDir), "utf8"));
    sql.pragma(`user_version = ${Number(name.slice(0, 4))}`);
  }
  sql.exec(
    `INSERT INTO inode (ino, mode, uid, gid, nlink, size, atime_s, atime_ns, mtime_s, mtime_ns, ctime_s, ctime_ns)
       VALUES (7, 33188, 1, 1, 1, 0, 1, 2, 3, 4, 5, 6);
     INSERT INTO entry (fid, cid, ino, parent, name, local_ver)
       VALUES ('00112233445566778899aabbccddeeff', 'n_aaeseoqw', 7, 1, 'kept', 1);
     INSERT INTO store (k, v) VALUES ('epoch', 'abc'), ('seq_reserved', '100'), ('boot_id', 'boot 1');`,
  );
  sql.close();
}

describe.each(migrations.map((name, index) => [name, index + 1] as const))(
  "schema %s",
  (_name, count) => {
    test("[SCHEMA-1] opens, with all it holds and every invariant", () => {
      const path = file();
      oldDatabase(path, count);
      const f = new StoreFixture({ database: new Database(path) });
      f.bytes.close(f.bytes.openWork(7, "create"));
      expect(f.list("/")).toEqual(["kept"]);
      expect(f.store.getattr(7)).toMatchObject({ mtimeS: 3, mtimeNs: 4, atimeNs: 2, ctimeS: 5 });
      expect(f.store.context.versions.epoch).toBe("abc");
      f.write("/new", "x");
      expect(f.ino("/new")).toBeGreaterThan(7);
      expect(f.entry("/new").local_ver).toBeGreaterThan(100);
      f.settle();
      expect(f.check()).toEqual([]);
      f.store.close();
    });
  },
);

test("[SCHEMA-1] what a killed daemon of an earlier schema left in its redo log is there", () => {
  const path = file();
  oldDatabase(path, 3);
  // As that daemon wrote it: its statements know the columns of their day.
  const log = new RedoLog(redoPath(path));
  log.open(0, () => undefined);
  const sql = `INSERT INTO inode (ino, mode, uid, gid, nlink, atime_s, atime_ns, mtime_s, mtime_ns, ctime_s, ctime_ns)
    VALUES (?, 33188, 1, 1, 1, 1, 2, 3, 4, 5, 6)`;
  log.note(sql, [8]);
  log.write();
  log.close();
  const db = new Database(path);
  const found = db.sql.prepare("SELECT ino, mtime_s, birth_us FROM inode ORDER BY ino").all();
  expect(found).toContainEqual({ ino: 8, mtime_s: 3, birth_us: null });
  expect(db.sql.pragma("user_version", { simple: true })).toBe(migrations.length);
  db.close();
});

test("[SCHEMA-1] a later schema is refused with a reason, and not touched", () => {
  const path = file();
  const sql = new SqliteDatabase(path);
  sql.pragma("user_version = 9999");
  sql.close();
  expect(() => new Database(path)).toThrow(StoreOpenError);
  expect(() => new Database(path)).toThrow("schema 9999");
  expect(new SqliteDatabase(path).pragma("user_version", { simple: true })).toBe(9999);
});

test("[SCHEMA-1] a store in use is refused", () => {
  const path = file();
  const first = new Database(path);
  expect(() => new Database(path)).toThrow("in use by another daemon");
  first.close();
  new Database(path).close();
});

test("[SCHEMA-1] a damaged store is refused with a reason", () => {
  const path = file();
  writeFileSync(path, Buffer.alloc(8192, 0x55));
  expect(() => new Database(path)).toThrow(/database is damaged/);
  const whole = file();
  const db = new Database(whole);
  db.close();
  copyFileSync(whole, path);
  const bytes = readFileSync(path);
  bytes.fill(0xff, 100, 2048);
  writeFileSync(path, bytes);
  expect(() => new Database(path)).toThrow(StoreOpenError);
});

test("[FSYNC-1] without a redo log a full transaction commits with FULL, a plain one with NORMAL", () => {
  const db = new Database(new SqliteDatabase(file()));
  const level = () => db.sql.pragma("synchronous", { simple: true });
  expect(db.transaction(level)).toBe(1);
  expect(db.transaction(level, "power")).toBe(2);
  expect(level()).toBe(1);
  expect(db.sql.pragma("journal_mode", { simple: true })).toBe("wal");
  db.close();
});

test("[STORE-1] a transaction within another is a part of it", () => {
  const db = new Database(":memory:");
  const insert = (key: string) => db.sql.prepare("INSERT INTO cursor VALUES (?, 'v')").run(key);
  expect(() =>
    db.transaction(() => {
      db.transaction(() => insert("inner"));
      throw new Error("outer fails");
    }),
  ).toThrow("outer fails");
  expect(db.sql.prepare("SELECT count(*) FROM cursor").pluck().get()).toBe(0);
});

test("[STORE-5] what is to follow a commit follows it, in order, and not a rollback", () => {
  const db = new Database(":memory:");
  const done: string[] = [];
  db.transaction(() => {
    db.afterCommit(() => done.push(`1 ${db.isOpen}`));
    db.afterCommit(() => done.push("2"));
    expect(() =>
      db.savepoint(() => {
        db.afterCommit(() => done.push("of the unit that failed"));
        throw new Error("unit");
      }),
    ).toThrow("unit");
  });
  expect(done).toEqual(["1 false", "2"]);
  expect(() =>
    db.transaction(() => {
      db.afterCommit(() => done.push("never"));
      throw new Error("rolled back");
    }),
  ).toThrow("rolled back");
  expect(done).toEqual(["1 false", "2"]);
});
