import {
  copyFileSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { silentLogger, systemClock, systemRandom } from "@smfs/core";
import Sqlite from "better-sqlite3";
import { afterEach, beforeEach, expect, test } from "vitest";
import { serverVersion } from "../../server-context.ts";
import { backUp } from "./backup.ts";
import { DataLockedError, lockData } from "./data-lock.ts";
import { migrate, NewerDataError, openDatabase, transaction } from "./database.ts";
import { openKeyStore } from "./key-store.ts";
import { databaseName, openSqliteStorage } from "./sqlite-storage.ts";

const migrations = new URL("../migrations/", import.meta.url);
let dir: string;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), "smfs-migrate-"));
});
afterEach(() => rmSync(dir, { recursive: true, force: true }));

/** The first `count` migrations in a directory of their own. */
function firstMigrations(count: number): URL {
  const target = join(dir, `first-${count}`);
  mkdirSync(target);
  for (const name of readdirSync(migrations).sort().slice(0, count)) {
    copyFileSync(new URL(name, migrations), join(target, name));
  }
  return pathToFileURL(`${target}/`);
}

test("[SERVER-135] data of every earlier schema is brought up to date, whole", async () => {
  const newest = readdirSync(migrations).length;
  for (let version = 1; version <= newest; version += 1) {
    const dataDir = join(dir, `data-${version}`);
    mkdirSync(dataDir);
    const old = new Sqlite(join(dataDir, databaseName));
    migrate(old, firstMigrations(version));
    expect(old.pragma("user_version", { simple: true })).toBe(version);
    // As the first schema wrote it: one document in one container.
    old.exec(`
      INSERT INTO setting VALUES ('epoch', '0123456789abcdef');
      UPDATE counter SET seq = 1, at = 1790000000000, document = 1, content = 1;
      INSERT INTO content VALUES (1, unhex('2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824'), 5, CAST('hello' AS BLOB));
      INSERT INTO tag VALUES (1, 'work', 'work', NULL, NULL, '[]', 1, 1, 0);
      INSERT INTO document VALUES (1, 'idididididididididid12', 'n_1', '["work"]', '/a', NULL, 'hello', NULL, 'text',
        'text/plain', 1, 1, '{"k":"v"}', 'superrag', 'done', 'done', NULL, 1, 1, 1, 1790000000000, 1790000000000,
        'create', NULL, NULL, NULL);
      INSERT INTO document_tag VALUES (1, 1, '/a', 'n_1', 1);
    `);
    old.close();
    const storage = await openSqliteStorage({
      dataDir,
      clock: systemClock,
      random: systemRandom,
      logger: silentLogger,
    });
    const document = await storage.documentByPath("work", "/a");
    expect(document).toMatchObject({ customId: "n_1", metadata: { k: "v" } });
    expect(Buffer.from(await storage.readContent(document!.content)).toString()).toBe("hello");
    expect(await storage.epoch()).toBe("0123456789abcdef");
    expect(await storage.check()).toEqual([]);
    await storage.close();
  }
});

test("[SERVER-136] data of a newer program is refused, and left as it is; what to install is told", async () => {
  const options = {
    dataDir: dir,
    clock: systemClock,
    random: systemRandom,
    logger: silentLogger,
  };
  await (await openSqliteStorage(options)).close();
  const file = join(dir, databaseName);
  const newer = new Sqlite(file);
  const writer = newer.prepare("SELECT v FROM setting WHERE k = 'schema-writer'").pluck();
  expect(writer.get()).toBe(serverVersion);
  newer.exec("UPDATE setting SET v = '3.2.1' WHERE k = 'schema-writer'");
  newer.pragma("user_version = 99");
  newer.close();
  const before = readFileSync(file);
  const hint = "install smfs 3.2.1 or a newer one; this one has changed nothing";
  await expect(openSqliteStorage(options)).rejects.toMatchObject({ name: "NewerDataError", hint });
  expect(() => openKeyStore(dir)).toThrow(NewerDataError);
  await expect(backUp(dir, join(dir, "copy"))).rejects.toMatchObject({ hint });
  expect(readFileSync(file).equals(before)).toBe(true);
  const strange = join(dir, "strange.sqlite");
  const other = new Sqlite(strange);
  other.pragma("user_version = 99");
  other.close();
  expect(() => openDatabase(strange)).toThrow("was written by a newer smfs");
});

test("[SERVER-203] data of an older schema is not brought up to date below a server that runs on it", () => {
  const file = join(dir, databaseName);
  const old = new Sqlite(file);
  migrate(old, firstMigrations(1));
  const lock = lockData(dir);
  expect(() => openKeyStore(dir)).toThrow(DataLockedError);
  expect(old.pragma("user_version", { simple: true })).toBe(1);
  lock.close();
  openKeyStore(dir).close();
  expect(old.pragma("user_version", { simple: true })).toBeGreaterThan(1);
  old.close();
});

test("a migration that fails leaves the schema as it was", () => {
  const broken = join(dir, "broken");
  mkdirSync(broken);
  writeFileSync(join(broken, "0001-good.sql"), "CREATE TABLE a (x);");
  writeFileSync(join(broken, "0002-bad.sql"), "CREATE TABLE b (x); CREATE TABLE b (x);");
  const db = new Sqlite(":memory:");
  expect(() => migrate(db, pathToFileURL(`${broken}/`))).toThrow("already exists");
  expect(db.pragma("user_version", { simple: true })).toBe(1);
  expect(db.prepare("SELECT name FROM sqlite_schema").pluck().all()).toEqual(["a"]);
  db.close();
});

test("work in a transaction is synchronous, and is undone when it throws", () => {
  const db = new Sqlite(":memory:");
  db.exec("CREATE TABLE a (x)");
  expect(() =>
    transaction(db, () => {
      db.exec("INSERT INTO a VALUES (1)");
      throw new Error("no");
    }),
  ).toThrow("no");
  expect(() => transaction(db, async () => db.exec("INSERT INTO a VALUES (2)"))).toThrow(
    "synchronous",
  );
  expect(db.prepare("SELECT count(*) FROM a").pluck().get()).toBe(0);
  db.close();
});
