import {
  copyFileSync,
  existsSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { afterEach, expect, test } from "vitest";
import { Database } from "./database.ts";
import { RedoReader, RedoWriter } from "./redo-codec.ts";
import { StoreFixture } from "./testing/store-fixture.ts";

const dirs: string[] = [];
const open: Database[] = [];
afterEach(() => {
  for (const db of open.splice(0)) if (db.sql.open) db.close();
  for (const dir of dirs.splice(0)) rmSync(dir, { recursive: true });
});

function folder(): string {
  const dir = mkdtempSync(join(tmpdir(), "smfs-redo-"));
  dirs.push(dir);
  return dir;
}

function database(dir: string): Database {
  const db = new Database(join(dir, "store.db"));
  open.push(db);
  return db;
}

const parts = ["store.db", "store.db-wal", "store.db-redo"];

/** What the process would leave if it were killed now: its files as they are. */
function killed(from: string, only: readonly string[] = parts, to: string = folder()): string {
  for (const part of only) {
    if (existsSync(join(from, part))) copyFileSync(join(from, part), join(to, part));
  }
  return to;
}

/** Where the records of a log end: behind them it has room for more, or what is left of an earlier use. */
function endOf(path: string): number {
  const bytes = readFileSync(path);
  let end = 0;
  for (let last: number | undefined; end + 16 <= bytes.length; ) {
    const length = bytes.readUInt32LE(end);
    const seq = bytes.readDoubleLE(end + 8);
    if (length === 0 || (last !== undefined && seq !== last + 1)) break;
    last = seq;
    end += 8 + length;
  }
  return end;
}

/** Every row of every table, but for what is of the log itself. */
function rows(db: Database): Record<string, unknown[]> {
  const tables = db.sql
    .prepare<[], string>("SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name")
    .pluck()
    .all();
  return Object.fromEntries(
    tables.map((table) => [
      table,
      db.sql
        .prepare<[], { k?: string }>(`SELECT * FROM "${table}" ORDER BY 1, 2`)
        .all()
        .filter(({ k }) => k !== "redo_seq"),
    ]),
  );
}

function rowsAfterStart(dir: string): Record<string, unknown[]> {
  const db = database(dir);
  const found = rows(db);
  db.close();
  return found;
}

const put = (db: Database, key: string, value: unknown = "v"): unknown =>
  db.sql.prepare("INSERT OR REPLACE INTO cursor VALUES (?, ?)").run(key, value);

test("[REDO-1] values come back as they were given", () => {
  const value = fc.oneof(
    fc.integer(),
    fc.double({ noNaN: true }).filter((number) => !Object.is(number, -0)),
    fc.constant(null),
    fc.string({ unit: "binary" }),
    fc.string({ unit: fc.nat(0xffff).map((code) => String.fromCharCode(code)) }),
    fc.uint8Array({ maxLength: 300 }).map((bytes) => Buffer.from(bytes)),
    fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }),
    fc.record({ 1: fc.string(), name: fc.integer() }),
  );
  const call = fc.tuple(fc.constantFrom("SELECT 1", "ö ☃", "x".repeat(70_000)), fc.array(value));
  fc.assert(
    fc.property(fc.array(call, { maxLength: 20 }), fc.nat(20), (calls, undoneFrom) => {
      const writer = new RedoWriter(4);
      const marks = calls.map(([text, values]) => {
        const { length } = writer;
        writer.call(text, values);
        return length;
      });
      const mark = marks[undoneFrom];
      if (mark !== undefined) writer.undo(mark);
      const kept = calls.slice(0, undoneFrom);
      for (const [text, values] of kept) writer.call(text, values);
      const read: unknown[] = [];
      const { record } = writer;
      new RedoReader(record).read(4, record.length, (text, values) => read.push([text, values]));
      expect(read).toEqual([...kept, ...kept]);
    }),
    { numRuns: 100 },
  );
});

const letters = fc.constantFrom("a", "b", "c", "d");
const step = fc.oneof(
  fc.record({ do: fc.constant("write" as const), name: letters, text: fc.string() }),
  fc.record({ do: fc.constant("rename" as const), name: letters, to: letters }),
  fc.record({ do: fc.constant("unlink" as const), name: letters }),
  fc.record({ do: fc.constantFrom("mkdir" as const, "settle" as const, "checkpoint" as const) }),
  fc.record({ do: fc.constantFrom("fail" as const, "fail inside" as const) }),
);

/** The start of `steps` on a store whose rows are on a disk; calls `after` after each. */
function play(
  f: StoreFixture,
  steps: readonly (typeof step extends fc.Arbitrary<infer T> ? T : never)[],
  after: () => void,
): void {
  const { db } = f;
  steps.forEach((one, index) => {
    const names = f.list("/");
    if (one.do === "write") f.write(`/${one.name}`, one.text);
    else if (one.do === "rename" && names.includes(one.name))
      f.rename(`/${one.name}`, `/${one.to}`);
    else if (one.do === "unlink" && names.includes(one.name)) f.unlink(`/${one.name}`);
    else if (one.do === "mkdir") f.mkdir(`/dir${index}`);
    else if (one.do === "settle") f.settle();
    else if (one.do === "checkpoint") db.checkpoint();
    else if (one.do === "fail") {
      expect(() =>
        db.transaction(() => {
          put(db, "never");
          throw new Error("given up");
        }),
      ).toThrow("given up");
    } else if (one.do === "fail inside") {
      db.transaction(() => {
        put(db, `outside ${index}`);
        expect(() =>
          db.savepoint(() => {
            put(db, "never");
            throw new Error("given up");
          }),
        ).toThrow("given up");
        put(db, `after ${index}`);
      });
    }
    after();
  });
}

test("[REDO-1] a statement that changed no row is in no record", () => {
  const dir = folder();
  const db = database(dir);
  const log = join(dir, "store.db-redo");
  db.transaction(() => put(db, "a"));
  const gone = db.sql.prepare("DELETE FROM cursor WHERE k = ?");
  const before = endOf(log);
  db.transaction(() => gone.run("absent"));
  expect(endOf(log)).toBe(before);
  db.transaction(() => gone.run("a"));
  expect(endOf(log)).toBeGreaterThan(before);
  const wanted = rows(db);
  expect(rowsAfterStart(killed(dir))).toEqual(wanted);
});

test("[REDO-2] whenever the process is killed, every row is as it was", {
  timeout: 120_000,
}, () => {
  fc.assert(
    fc.property(fc.array(step, { minLength: 1, maxLength: 15 }), (steps) => {
      const dir = folder();
      const f = new StoreFixture({ database: database(dir) });
      play(f, steps, () => expect(rowsAfterStart(killed(dir))).toEqual(rows(f.db)));
      // Killed again right after the start, and after it went on.
      const image = killed(dir);
      const again = database(image);
      again.transaction(() => put(again, "later"));
      expect(rowsAfterStart(killed(image))).toEqual(rows(again));
      f.db.close();
    }),
    { numRuns: 15 },
  );
});

test("[REDO-3] of a log that breaks off the whole records count, in order", {
  timeout: 120_000,
}, () => {
  fc.assert(
    fc.property(fc.array(step, { minLength: 1, maxLength: 12 }), fc.nat(), (steps, cutAt) => {
      const dir = folder();
      const f = new StoreFixture({ database: database(dir) });
      f.db.checkpoint();
      const base = killed(dir, ["store.db", "store.db-wal"]);
      const states = [rows(f.db)];
      f.db.beforeCommit(() => states.push(rows(f.db)));
      // What settles has a checkpoint in the end.
      const without = steps.filter(({ do: what }) => what !== "checkpoint" && what !== "settle");
      play(f, without, () => undefined);
      const image = killed(dir, ["store.db-redo"], base);
      const log = join(image, "store.db-redo");
      const size = endOf(log);
      const whole = rows(f.db);
      expect(rowsAfterStart(killed(image))).toEqual(whole);
      truncateSync(log, cutAt % (size + 1));
      const db = database(image);
      const found = rows(db);
      expect(states).toContainEqual(found);
      expect(db.sql.pragma("integrity_check", { simple: true })).toBe("ok");
      if (cutAt % (size + 1) === size) expect(found).toEqual(whole);
      db.close();
      f.db.close();
    }),
    { numRuns: 25 },
  );
});

test("[REDO-3] a record that is damaged ends the log, and what comes after it", () => {
  const dir = folder();
  const db = database(dir);
  db.checkpoint();
  const base = killed(dir, ["store.db", "store.db-wal"]);
  const ends: number[] = [];
  for (let index = 0; index < 5; index += 1) {
    db.transaction(() => put(db, `k${index}`));
    ends.push(endOf(join(dir, "store.db-redo")));
  }
  killed(dir, ["store.db-redo"], base);
  const log = join(base, "store.db-redo");
  const torn = database(killed(base));
  expect(torn.sql.prepare("SELECT count(*) FROM cursor").pluck().get()).toBe(5);
  torn.close();
  truncateSync(log, (ends[2] ?? 0) - 1);
  truncateSync(log, ends[4] ?? 0);
  const found = database(base);
  expect(found.sql.prepare("SELECT k FROM cursor ORDER BY k").pluck().all()).toEqual(["k0", "k1"]);
  // What is written next is found, though older records lie behind it.
  found.transaction(() => put(found, "next"));
  const last = database(killed(base));
  expect(last.sql.prepare("SELECT k FROM cursor ORDER BY k").pluck().all()).toEqual([
    "k0",
    "k1",
    "next",
  ]);
});

test("[REDO-4] what was durable needs nothing that SQLite wrote since its last checkpoint", () => {
  const dir = folder();
  const db = database(dir);
  db.transaction(() => put(db, "before"));
  db.checkpoint();
  const base = killed(dir, ["store.db", "store.db-wal"]);
  // Enough for SQLite to commit in between, which a power loss takes.
  for (let index = 0; index < 1100; index += 1) db.transaction(() => put(db, `k${index}`));
  db.transaction(() => put(db, "synced"), "power");
  expect(db.durableCount).toBe(db.commitCount);
  const wanted = rows(db);
  killed(dir, ["store.db-redo"], base);
  expect(rowsAfterStart(base)).toEqual(wanted);
});

test("[REDO-4] a log that was used again from its start holds nothing of its earlier use", () => {
  const dir = folder();
  const db = database(dir);
  for (let index = 0; index < 50; index += 1) db.transaction(() => put(db, `k${index}`));
  db.checkpoint();
  db.transaction(() => db.sql.exec("DELETE FROM cursor; INSERT INTO cursor VALUES ('one', '1')"));
  const wanted = rows(db);
  expect(rowsAfterStart(killed(dir))).toEqual(wanted);
  const { size } = statSync(join(dir, "store.db-redo"));
  db.close();
  const after = database(dir);
  expect(rows(after)).toEqual(wanted);
  expect(statSync(join(dir, "store.db-redo")).size).toBe(size);
});

test("[REDO-4] the log has room ahead of its records, so that a sync need not note that it grew", () => {
  const dir = folder();
  const db = database(dir);
  const log = join(dir, "store.db-redo");
  db.transaction(() => put(db, "first"), "power");
  const { size, blocks } = statSync(log);
  for (let index = 0; index < 100; index += 1) {
    db.transaction(() => put(db, `k${index}`), "power");
  }
  expect(statSync(log)).toMatchObject({ size, blocks });
  expect(endOf(log)).toBeLessThan(size);
  // Longer than the room at once, and than what it grows by.
  db.transaction(() => put(db, "x".repeat(1 << 20)), "power");
  db.transaction(() => put(db, "last"), "power");
  const wanted = rows(db);
  expect(rowsAfterStart(killed(dir))).toEqual(wanted);
});

test("[REDO-5] the log of another database is refused with a reason, and neither is touched", () => {
  const dir = folder();
  const db = database(dir);
  const old = killed(dir, ["store.db", "store.db-wal"]);
  for (let index = 0; index < 5; index += 1) db.transaction(() => put(db, `k${index}`));
  db.checkpoint();
  db.transaction(() => put(db, "newer"));
  killed(dir, ["store.db-redo"], old);
  expect(() => database(old)).toThrow(/redo log/);
  expect(() => database(old)).toThrow(/redo log/);
});

test("[REDO-6] when SQLite gives up what it has not committed, nothing acknowledged is lost", () => {
  const dir = folder();
  const db = database(dir);
  db.transaction(() => put(db, "first"));
  const pages = db.sql.pragma("page_count", { simple: true }) as number;
  db.sql.pragma(`max_page_count = ${pages}`);
  const fill = (): void => {
    for (let index = 0; index < 1000; index += 1) {
      db.transaction(() => put(db, `k${index}`, "x".repeat(1500)));
    }
  };
  expect(fill).toThrow(/full/);
  const kept = rows(db);
  expect(kept.cursor).toContainEqual({ k: "first", v: "v" });
  expect(rowsAfterStart(killed(dir))).toEqual(kept);
  db.sql.pragma("max_page_count = 1000000");
  db.transaction(() => put(db, "room again"));
  db.checkpoint();
  expect(rowsAfterStart(killed(dir))).toEqual(rows(db));
});

test("[REDO-6] a transaction that fails takes nothing of those before it along, whenever SQLite committed last", () => {
  const dir = folder();
  const db = database(dir);
  const fail = (write: () => void): void => {
    const before = rows(db);
    const failing = (): void =>
      db.transaction(() => {
        write();
        throw new Error("given up");
      });
    expect(failing).toThrow("given up");
    expect(rows(db)).toEqual(before);
  };
  for (const round of ["first", "second"]) {
    db.transaction(() => put(db, round));
    fail(() => undefined);
    // The first that has written is taken back by running the records again, those after it by a savepoint.
    fail(() => put(db, "never"));
    db.transaction(() => put(db, `${round} between`));
    fail(() => put(db, "never either"));
    db.transaction(() => put(db, `${round} after`));
    expect(rowsAfterStart(killed(dir))).toEqual(rows(db));
    db.checkpoint();
  }
  expect(rows(db).cursor).toHaveLength(6);
});

test("[REDO-6] a write outside of a transaction is one of its own", () => {
  const dir = folder();
  const db = database(dir);
  put(db, "alone");
  db.sql.exec("INSERT INTO cursor VALUES ('as text', '1')");
  expect(() => db.sql.exec("INSERT INTO cursor VALUES ('as text', '2')")).toThrow(/UNIQUE/);
  expect(rowsAfterStart(killed(dir))).toEqual(rows(db));
});
