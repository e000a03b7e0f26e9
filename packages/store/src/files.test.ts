import {
  O_APPEND,
  O_CREAT,
  O_DSYNC,
  O_RDONLY,
  O_RDWR,
  O_TRUNC,
  O_WRONLY,
  Parked,
  rootIno,
} from "@smfs/core";
import { lookup } from "@smfs/core/testing";
import SqliteDatabase from "better-sqlite3";
import { expect, test } from "vitest";
import { Database } from "./database.ts";
import { Fills } from "./fills.ts";
import { StoreFixture, user } from "./testing/store-fixture.ts";

const bytes = (text: string) => new TextEncoder().encode(text);
const text = (content: Uint8Array) => new TextDecoder().decode(content);

/** Runs `work` and tells which of its commits survive a power loss, as the rows that do. */
function rowsAfterPowerLoss(f: StoreFixture, work: () => void): Buffer | undefined {
  let durable: Buffer | undefined;
  f.db.atBegin(() => {
    const isFull = f.db.sql.pragma("synchronous", { simple: true }) === 2;
    if (isFull) {
      f.db.afterCommit(() => {
        durable = f.db.sql.serialize();
      });
    }
  });
  work();
  return durable;
}

/** A stub of `size` bytes with this digest, as a pull makes it. */
function stub(f: StoreFixture, path: string, content: string): { ino: number; digest: string } {
  const ino = f.write(path, content);
  f.makeClean(path);
  const digest = f.bytes.digest(bytes(content));
  f.db.transaction(() => f.store.context.inodes.update(ino, { stub: 1 }));
  f.bytes.removeWork(ino);
  return { ino, digest };
}

/** Answers the ticket that an action is parked with. */
function parked(action: () => unknown): number {
  try {
    action();
  } catch (error) {
    if (error instanceof Parked) return error.ticket;
    throw error;
  }
  throw new Error("was not parked");
}

test("[STORE-8] opening for reading, reading, flushing and closing change no row", () => {
  const f = new StoreFixture();
  const ino = f.write("/a", "text");
  f.settle();
  const rows = f.db.sql.serialize();
  f.events.length = 0;
  const { fh } = f.store.open(ino, O_RDONLY, user);
  const into = new Uint8Array(10);
  expect(f.store.read(fh, into, 0)).toBe(4);
  f.store.flush(fh);
  f.store.release(fh);
  lookup(f.store, rootIno, "a");
  f.list("/");
  f.settle();
  expect(f.db.sql.serialize().equals(rows)).toBe(true);
  expect(f.events).toEqual([]);
});

test("[STORE-3] the intent commits before the bytes change", () => {
  const f = new StoreFixture();
  f.write("/a", "old");
  f.makeClean("/a");
  for (const change of [
    () => f.store.open(f.ino("/a"), O_RDWR | O_TRUNC, user),
    () => f.store.setattr(f.ino("/a"), { size: 1 }, user),
    () => f.store.create(rootIno, "new", 0o600, O_CREAT | O_RDWR, user),
  ]) {
    const seen: string[] = [];
    f.bytes.fault = (call) => {
      const entries = f.store.context.entries;
      const entry = call === "create" ? entries.find(rootIno, "new") : entries.find(rootIno, "a");
      const isDirty = entry !== undefined && entry.local_ver !== entry.base_ver;
      if (call !== "putBlob") seen.push(`${call} ${isDirty} ${f.db.isOpen}`);
    };
    change();
    f.bytes.fault = undefined;
    for (const line of seen) expect(line).toMatch(/^\w+ true false$/);
    expect(seen.length).toBeGreaterThan(0);
    f.settle();
  }
});

test("[STORE-1] handles read, write and append; a handle for reading cannot write", () => {
  const f = new StoreFixture();
  const ino = f.write("/a", "0123");
  const append = f.store.open(ino, O_WRONLY | O_APPEND, user);
  f.store.write(append.fh, bytes("45"), 0);
  f.store.write(append.fh, bytes("x"), 0, { isExact: true });
  expect(f.read("/a")).toBe("x12345");
  const reader = f.store.open(ino, O_RDONLY, user);
  expect(() => f.store.write(reader.fh, bytes("y"), 0)).toThrow("EBADF");
  expect(() => f.store.fallocate(reader.fh, 0, 0, 1)).toThrow("EBADF");
  expect(() => f.store.read(99, new Uint8Array(1), 0)).toThrow("EBADF");
  expect(() => f.store.open(f.mkdir("/d"), O_RDONLY, user)).toThrow("EISDIR");
  expect(() => f.store.open(f.ino("/d"), O_RDWR, user)).toThrow("EISDIR");
});

test("[STORE-1] ranges: seek, allocate, punch, copy", () => {
  const f = new StoreFixture();
  const ino = f.write("/a", "head");
  const { fh } = f.store.open(ino, O_RDWR, user);
  f.store.write(fh, bytes("tail"), 100_000);
  expect(f.store.lseek(fh, 0, 4)).toBe(4096);
  expect(f.store.lseek(fh, 4096, 3)).toBe(98_304);
  expect(() => f.store.lseek(fh, 200_000, 3)).toThrow("ENXIO");
  expect(() => f.store.lseek(fh, 0, 0)).toThrow("EINVAL");
  expect(() => f.store.lseek(fh, -1, 3)).toThrow("ENXIO");
  f.store.fallocate(fh, 0, 0, 200_000);
  expect(f.store.getattr(ino)).toMatchObject({ size: 200_000 });
  f.store.fallocate(fh, 3, 0, 4096);
  expect(f.read("/a").startsWith("\0\0\0\0")).toBe(true);
  expect(() => f.store.fallocate(fh, 0, 0, 0)).toThrow("EINVAL");
  expect(() => f.store.fallocate(fh, 0, -1, 5)).toThrow("EINVAL");
  expect(() => f.store.fallocate(fh, 0, Number.MAX_SAFE_INTEGER, 5)).toThrow("EFBIG");
  expect(() => f.store.fallocate(fh, 0x08, 0, 4096)).toThrow("EOPNOTSUPP");
  const other = f.store.create(rootIno, "b", 0o600, O_CREAT | O_RDWR, user);
  const range = { fromFh: fh, fromOffset: 100_000, toFh: other.file.fh, toOffset: 2, length: 4 };
  expect(f.store.copyFileRange(range)).toBe(4);
  expect(f.read("/b")).toBe("\0\0tail");
  const onto = { ...range, toFh: fh, toOffset: 100_002 };
  expect(() => f.store.copyFileRange(onto)).toThrow("EINVAL");
});

test("[STORE-1] a copy of more than 8 MiB is answered with a part of it", () => {
  const f = new StoreFixture();
  const from = f.store.create(rootIno, "a", 0o600, O_CREAT | O_RDWR, user);
  f.store.setattr(from.attr.ino, { size: 20 << 20 }, user, from.file.fh);
  const to = f.store.create(rootIno, "b", 0o600, O_CREAT | O_RDWR, user);
  const range = { fromFh: from.file.fh, fromOffset: 0, toFh: to.file.fh, toOffset: 0 };
  expect(f.store.copyFileRange({ ...range, length: 20 << 20 })).toBe(8 << 20);
});

test("[STORE-1] more files may be open than descriptors are kept", () => {
  const f = new StoreFixture();
  const handles = Array.from({ length: 600 }, (_, index) => {
    const { file } = f.store.create(rootIno, `f${index}`, 0o600, O_CREAT | O_RDWR, user);
    f.store.write(file.fh, bytes(`${index}`), 0);
    return file.fh;
  });
  expect(f.bytes.openCount).toBeLessThanOrEqual(512);
  handles.forEach((fh, index) => {
    const into = new Uint8Array(9);
    expect(text(into.subarray(0, f.store.read(fh, into, 0)))).toBe(`${index}`);
    f.store.release(fh);
  });
  f.settle();
  expect(f.bytes.openCount).toBe(0);
});

test("[FSYNC-1] what was synced survives a power loss: bytes, name, and what was done before", () => {
  const f = new StoreFixture();
  const rows = rowsAfterPowerLoss(f, () => {
    f.mkdir("/d");
    f.write("/d/earlier", "e");
    const { file } = f.store.create(f.ino("/d"), "a", 0o600, O_CREAT | O_RDWR, user);
    f.store.write(file.fh, bytes("synced"), 0);
    f.store.fsync(file.fh, false, user);
    f.store.write(file.fh, bytes("later!"), 0);
    f.mkdir("/not-synced");
  });
  expect(rows).toBeDefined();
  f.bytes.restore(f.bytes.powerLoss(() => "lost"));
  f.store = f.open({ database: new Database(new SqliteDatabase(rows ?? Buffer.alloc(0))) });
  expect(f.list("/")).toEqual(["d"]);
  expect(f.list("/d")).toEqual(["a", "earlier"]);
  expect(f.read("/d/a")).toBe("synced");
  f.settle();
  expect(f.check()).toEqual([]);
});

test("[FSYNC-1] syncing notes how far the bytes are durable, and what the working file says", () => {
  const f = new StoreFixture();
  const { attr, file } = f.store.create(rootIno, "a", 0o600, O_CREAT | O_RDWR, user);
  f.store.write(file.fh, bytes("synced"), 0);
  f.store.fsync(file.fh, true, user);
  const row = f.inode("/a");
  expect(row).toMatchObject({ synced_ver: row.bytes_ver, synced_size: 6, size: 6, ino: attr.ino });
});

test("[FSYNC-1] what is noted as synced is not noted again, unless something was committed meanwhile", () => {
  const f = new StoreFixture();
  const { file } = f.store.create(rootIno, "a", 0o600, O_CREAT | O_RDWR, user);
  f.store.write(file.fh, bytes("synced"), 0);
  f.store.fsync(file.fh, true, user);
  const commits = () => f.db.commitCount;
  const noted = commits();
  f.store.write(file.fh, bytes("SYNCED"), 0);
  let syncs = 0;
  f.bytes.fault = (call) => {
    if (call === "sync") syncs += 1;
  };
  f.store.fsync(file.fh, true, user);
  expect([syncs, commits()]).toEqual([1, noted]);
  f.store.write(file.fh, bytes("longer"), 6);
  f.store.fsync(file.fh, true, user);
  expect(f.inode("/a").synced_size).toBe(12);
  f.mkdir("/d");
  expect(f.db.isDurable).toBe(false);
  f.store.fsync(file.fh, true, user);
  expect(f.db.isDurable).toBe(true);
});

test("[FSYNC-1] syncing a directory makes all before it durable, also when nothing is left to write", () => {
  const f = new StoreFixture();
  f.mkdir("/d");
  const fh = f.store.opendir(rootIno);
  const rows = rowsAfterPowerLoss(f, () => f.store.fsyncdir(fh, false));
  const opened = new Database(new SqliteDatabase(rows ?? Buffer.alloc(0)));
  expect(opened.sql.prepare("SELECT name FROM entry").pluck().all()).toEqual(["d"]);
  expect(() => f.store.fsyncdir(99, false)).toThrow("EBADF");
});

test.each([
  ["fsync", 0, 0],
  ["close", 0, 1],
  ["write", 1, 2],
] as const)(
  "[FSYNC-2] with --durability %s a write syncs %i times, a close as well up to %i",
  (durability, afterWrite, afterClose) => {
    const f = new StoreFixture({ durability });
    let syncs = 0;
    f.bytes.fault = (call) => {
      if (call === "sync") syncs += 1;
    };
    const { file } = f.store.create(rootIno, "a", 0o600, O_CREAT | O_RDWR, user);
    f.store.write(file.fh, bytes("x"), 0);
    expect(syncs).toBe(afterWrite);
    f.store.flush(file.fh);
    expect(syncs).toBe(afterClose);
    f.store.release(file.fh);
  },
);

test("[FSYNC-2] a handle opened with O_DSYNC syncs each write; a reader's close syncs nothing", () => {
  const f = new StoreFixture({ durability: "close" });
  const ino = f.write("/a", "x");
  let syncs = 0;
  f.bytes.fault = (call) => {
    if (call === "sync") syncs += 1;
  };
  const { fh } = f.store.open(ino, O_RDWR | O_DSYNC, user);
  f.store.write(fh, bytes("y"), 0);
  expect(syncs).toBe(1);
  const reader = f.store.open(ino, O_RDONLY, user);
  f.store.flush(reader.fh);
  expect(syncs).toBe(1);
});

test("[PARK-1] opening, linking and cutting a stub are parked, and have done nothing", () => {
  const f = new StoreFixture();
  const { ino } = stub(f, "/a", "remote");
  const before = f.entry("/a");
  f.events.length = 0;
  const commits = f.db.commitCount;
  parked(() => f.store.open(ino, O_RDONLY, user));
  parked(() => f.store.open(ino, O_RDWR, user));
  parked(() => f.store.link(ino, rootIno, "b", user));
  parked(() => f.store.setattr(ino, { size: 3 }, user));
  expect(f.events).toEqual(Array(4).fill({ kind: "want", ino }));
  expect(f.db.commitCount).toBe(commits);
  expect(f.entry("/a")).toEqual(before);
  expect(f.list("/")).toEqual(["a"]);
});

test("[PARK-1] when the bytes are here the operation is dispatched again and goes on", () => {
  const f = new StoreFixture();
  const { ino, digest } = stub(f, "/a", "remote");
  const ticket = parked(() => f.store.open(ino, O_RDONLY, user));
  expect(f.store.takeResumed()).toEqual([]);
  f.bytes.putBlob(bytes("remote"));
  f.db.transaction(() => f.store.context.inodes.update(ino, { stub: 0, fill: digest }));
  f.store.context.waits.settle(`bytes ${ino}`, "ready");
  expect(f.store.takeResumed()).toEqual([ticket]);
  expect(f.store.takeResumed()).toEqual([]);
  const { fh } = f.store.open(ino, O_RDONLY, { ...user, resumed: ticket });
  const into = new Uint8Array(6);
  f.store.read(fh, into, 0);
  expect(text(into)).toBe("remote");
});

test("[PARK-1] what the wait came to is answered: a failure by its errno", () => {
  const f = new StoreFixture();
  const { ino } = stub(f, "/a", "remote");
  for (const resume of [
    (resumed: number) => f.store.open(ino, O_RDONLY, { ...user, resumed }),
    (resumed: number) => f.store.setattr(ino, { size: 2 }, { ...user, resumed }),
    (resumed: number) => f.store.link(ino, rootIno, "b", { ...user, resumed }),
  ]) {
    const ticket = parked(() => f.store.open(ino, O_RDONLY, user));
    f.store.context.waits.settle(`bytes ${ino}`, "EHOSTUNREACH");
    expect(() => resume(ticket)).toThrow("EHOSTUNREACH");
  }
});

test("[PARK-1] emptying a stub needs no bytes, and those who waited for them go on", () => {
  for (const empty of [
    (f: StoreFixture, ino: number) => f.store.setattr(ino, { size: 0 }, user),
    (f: StoreFixture, ino: number) =>
      f.store.release(f.store.open(ino, O_WRONLY | O_TRUNC, user).fh),
  ]) {
    const f = new StoreFixture();
    const { ino } = stub(f, "/a", "remote");
    const ticket = parked(() => f.store.open(ino, O_RDONLY, user));
    empty(f, ino);
    expect(f.inode("/a")).toMatchObject({ stub: 0, writers: 1 });
    expect(f.store.takeResumed()).toEqual([ticket]);
    expect(f.entry("/a").local_ver).not.toBe(f.entry("/a").base_ver);
    f.settle();
    expect(f.read("/a")).toBe("");
    expect(f.check()).toEqual([]);
  }
});

test("[FILL-1] bytes that have arrived are the file's before it is opened, cut or emptied", () => {
  for (const [use, expected] of [
    [(f: StoreFixture, ino: number) => void f.store.open(ino, O_RDONLY, user), "arrived"],
    [(f: StoreFixture, ino: number) => void f.store.setattr(ino, { size: 3 }, user), "arr"],
    [(f: StoreFixture, ino: number) => void f.store.setattr(ino, { size: 0 }, user), ""],
    [(f: StoreFixture, ino: number) => void f.store.open(ino, O_RDWR | O_TRUNC, user), ""],
  ] as const) {
    const f = new StoreFixture();
    const { ino } = stub(f, "/a", "arrived");
    const digest = f.bytes.putBlob(bytes("arrived"));
    f.db.transaction(() => f.store.context.inodes.update(ino, { stub: 0, fill: digest }));
    use(f, ino);
    expect(text(f.content("/a"))).toBe(expected);
    expect(f.inode("/a").fill === null || expected === "arrived").toBe(true);
    f.settle();
    expect(f.inode("/a").fill).toBeNull();
    expect(f.check()).toEqual([]);
  }
});

test("[FILL-1] many that arrive together wait for the disk once", () => {
  const f = new StoreFixture();
  const inos = Array.from(
    { length: 20 },
    (_, index) => stub(f, `/f${index}`, `bytes ${index}`).ino,
  );
  f.settle();
  let syncs = 0;
  f.bytes.fault = (call) => {
    if (call === "syncNames") syncs += 1;
  };
  f.db.transaction(() => {
    inos.forEach((ino, index) => {
      new Fills(f.store.context).start(ino, f.bytes.putBlob(bytes(`bytes ${index}`)));
    });
  });
  expect(f.read("/f7")).toBe("bytes 7");
  expect(syncs).toBe(0);
  f.settle();
  expect(syncs).toBe(1);
  expect(f.inode("/f19").fill).toBeNull();
  expect(f.check()).toEqual([]);
});

test("[FILL-1] before the first byte is written the filling is over, whatever a crash does then", () => {
  const f = new StoreFixture();
  const { ino } = stub(f, "/a", "arrived");
  const digest = f.bytes.putBlob(bytes("arrived"));
  f.store.context.entries.update(f.entry("/a").fid, { base_blob: digest });
  f.db.transaction(() => new Fills(f.store.context).start(ino, digest));
  const { fh } = f.store.open(ino, O_RDWR, user);
  expect(f.inode("/a").fill).toBeNull();
  f.store.write(fh, bytes("WRITTEN"), 0);
  f.kill();
  f.settle();
  expect(f.read("/a")).toBe("WRITTEN");
  expect(f.bytes.hasBlob(digest)).toBe(true);
});

test("[FILL-1] what nobody opens is filled when there is time, over a crash too", () => {
  const f = new StoreFixture();
  const { ino } = stub(f, "/a", "arrived");
  const digest = f.bytes.putBlob(bytes("arrived"));
  f.db.transaction(() => f.store.context.inodes.update(ino, { stub: 0, fill: digest }));
  f.kill();
  f.settle();
  expect(f.inode("/a").fill).toBeNull();
  expect(text(f.content("/a"))).toBe("arrived");
});

test.each([
  ["text", "short text", true],
  ["nothing", "", false],
  ["a NUL", "a\0b", false],
  ["half a character", "\xc3", false],
  ["too much text", "x".repeat((1 << 20) + 1), false],
])("[BASE-1] of a clean file, %s: kept before it changes", (_name, content, isKept) => {
  const f = new StoreFixture();
  const ino = f.write("/a", "");
  const raw = content === "\xc3" ? new Uint8Array([0xc3]) : bytes(content);
  const { fh } = f.store.open(ino, O_RDWR, user);
  f.store.write(fh, raw, 0);
  f.store.release(fh);
  f.makeClean("/a");
  for (const change of [
    () => f.store.release(f.store.open(ino, O_RDWR, user).fh),
    () => f.store.release(f.store.open(ino, O_RDWR | O_TRUNC, user).fh),
    () => void f.store.setattr(ino, { size: 0 }, user),
  ]) {
    f.store.context.entries.update(f.entry("/a").fid, { base_blob: null });
    f.makeClean("/a");
    change();
    expect(f.entry("/a").base_blob).toBe(isKept ? f.bytes.digest(raw) : null);
    f.settle();
    const again = f.store.open(ino, O_RDWR | O_TRUNC, user);
    f.store.write(again.fh, raw, 0);
    f.store.release(again.fh);
  }
});

test("[BASE-1] bytes that are not base's are not kept as base", () => {
  const f = new StoreFixture();
  f.write("/a", "text");
  f.makeClean("/a");
  f.store.context.entries.update(f.entry("/a").fid, { base_hash: "1".repeat(64) });
  f.store.open(f.ino("/a"), O_RDWR, user);
  expect(f.entry("/a").base_blob).toBeNull();
  expect(f.bytes.listBlobs()).toEqual([]);
});

test("[STORE-6] a transaction that fails leaves nothing in memory either", () => {
  const f = new StoreFixture();
  f.write("/a", "x");
  f.settle();
  const before = f.store.getattr(f.ino("/a"));
  let isOn = true;
  f.db.beforeCommit(() => {
    if (isOn) throw new Error("no commit");
  });
  for (const change of [
    () => f.store.setattr(f.ino("/a"), { mode: 0o600 }, user),
    () => f.mkdir("/d"),
    () => f.rename("/a", "/b"),
    () => f.unlink("/a"),
    () => f.store.open(f.ino("/a"), O_RDWR, user),
    () => f.write("/c", "x"),
  ]) {
    expect(change).toThrow("no commit");
    expect(f.store.getattr(f.ino("/a"))).toEqual(before);
    expect(f.list("/")).toEqual(["a"]);
  }
  isOn = false;
  expect(f.check()).toEqual([]);
  expect(f.read("/a")).toBe("x");
});

test("[STORE-7] after a failure of the disk under a commit nothing is acknowledged, and reading goes on", () => {
  const f = new StoreFixture();
  const ino = f.write("/a", "x");
  f.settle();
  let fails = true;
  f.db.beforeCommit(() => {
    if (!fails) return;
    fails = false;
    throw Object.assign(new Error("disk I/O error"), { code: "SQLITE_IOERR_FSYNC" });
  });
  expect(() => f.mkdir("/d")).toThrow("disk I/O error");
  expect(() => f.mkdir("/d")).toThrow("EIO");
  expect(() => f.store.open(ino, O_RDWR, user)).toThrow("EIO");
  expect(f.read("/a")).toBe("x");
  expect(f.db.failure).toBeDefined();
});
