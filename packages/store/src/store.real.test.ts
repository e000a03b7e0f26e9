import { createHash } from "node:crypto";
import {
  closeSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  type Clock,
  O_CREAT,
  O_RDWR,
  rootIno,
  silentLogger,
  systemClock,
  systemRandom,
} from "@smfs/core";
import { lookup } from "@smfs/core/testing";
import { afterEach, beforeEach, expect, test } from "vitest";
import { check } from "./check.ts";
import { RealByteStore } from "./real-byte-store.ts";
import { Store } from "./store.ts";

const caller = { uid: 5, gid: 6, pid: 1, umask: 0 };
const bytes = (text: string) => new TextEncoder().encode(text);

let dir = "";
let store: Store;
/** Added to the machine's time, so that nothing needs to be waited for. */
let aheadMs = 0;
const clock: Clock = { ...systemClock, monotonic: () => systemClock.monotonic() + aheadMs };

beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), "smfs-store-"));
  store = open();
});

afterEach(() => {
  store.close();
  rmSync(dir, { recursive: true });
});

function open(): Store {
  return Store.open({
    database: join(dir, "store.db"),
    bytes: new RealByteStore(dir),
    clock,
    random: systemRandom,
    logger: silentLogger,
    owner: { uid: 5, gid: 6 },
    emit: () => undefined,
  });
}

function settle(): void {
  for (let round = 0; round < 20 && store.nextTickMs() >= 0; round += 1) {
    aheadMs += store.nextTickMs();
    store.tick();
  }
}

function write(name: string, text: string): number {
  const { attr, file } = store.create(rootIno, name, 0o640, O_CREAT | O_RDWR, caller);
  store.write(file.fh, bytes(text), 0);
  store.release(file.fh);
  return attr.ino;
}

test("[STORE-1] on real files a store keeps what it was given, over a stop too", () => {
  const ino = write("a", "text");
  store.setattr(ino, { mtime: { s: 1_000_000_000, ns: 123_456_789 } }, caller);
  store.close();
  store = open();
  const attr = lookup(store, rootIno, "a");
  expect(attr).toMatchObject({ ino, size: 4, uid: 5, gid: 6, nlink: 1, stable: true });
  expect(attr).toMatchObject({ mtimeS: 1_000_000_000, mtimeNs: 123_456_789 });
  const { fh } = store.open(ino, 0, caller);
  const into = new Uint8Array(9);
  expect(store.read(fh, into, 0)).toBe(4);
  store.fsync(fh, false, caller);
  store.release(fh);
  expect(check(store.context, { deep: true })).toEqual([]);
});

test("[BYTES-10] the database is its owner's alone, by its directory", () => {
  expect(statSync(dir).mode & 0o777).toBe(0o700);
});

test("[WRITERS-2] on real files a descriptor of another program keeps the bit set", () => {
  const ino = write("a", "text");
  const path = store.backing(ino)?.path ?? "";
  const other = openSync(path, "r+");
  aheadMs += 1000;
  store.tick();
  expect(store.getattr(ino).stable).toBe(false);
  closeSync(other);
  settle();
  expect(store.getattr(ino).stable).toBe(true);
});

test("[STORE-5] on real files removed bytes go, and nothing else is left", () => {
  const ino = write("a", "text");
  write("b", "other");
  store.rename(
    { fromParent: rootIno, fromName: "b", toParent: rootIno, toName: "a", flags: 0 },
    caller,
  );
  settle();
  const real = new RealByteStore(dir);
  expect(real.hasWork(ino)).toBe(false);
  const { ready } = store.context.orphans;
  expect(real.listWork().filter((left) => !ready.has(left))).toHaveLength(1);
  expect(check(store.context, { deep: true })).toEqual([]);
});

test("[FSYNC-1] syncing what has not changed reaches the disk, with all that was done before", () => {
  const { file } = store.create(rootIno, "a", 0o640, O_CREAT | O_RDWR, caller);
  const disk = () =>
    readdirSync(dir)
      .filter((name) => name.startsWith("store.db"))
      .map((name) =>
        createHash("sha256")
          .update(readFileSync(join(dir, name)))
          .digest("hex"),
      )
      .join();
  for (const sync of [
    () => store.fsync(file.fh, false, caller),
    () => store.fsyncdir(store.opendir(rootIno), false),
  ]) {
    sync();
    store.setxattr(rootIno, "user.x", bytes("v"), 0);
    const before = disk();
    sync();
    expect(disk()).not.toBe(before);
  }
  store.release(file.fh);
});
