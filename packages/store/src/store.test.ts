import { O_CREAT, O_RDWR } from "@smfs/core";
import { expect, test } from "vitest";
import { StoreFixture, user } from "./testing/store-fixture.ts";

test("[STORE-1] a file lives, moves and goes, and leaves nothing behind", () => {
  const f = new StoreFixture();
  f.mkdir("/d");
  f.write("/d/a", "hello");
  expect(f.read("/d/a")).toBe("hello");
  expect(f.inode("/d/a").writers).toBe(1);
  f.settle();
  expect(f.inode("/d/a")).toMatchObject({ writers: 0, size: 5 });
  f.rename("/d/a", "/b");
  expect(f.read("/b")).toBe("hello");
  expect(f.list("/")).toEqual(["b", "d"]);
  f.unlink("/b");
  f.settle();
  expect(f.bytes.listWork()).toEqual([]);
  const { file } = f.store.tmpfile(1, 0o600, O_RDWR | O_CREAT, user);
  f.store.release(file.fh);
  f.settle();
  expect(f.bytes.listWork()).toEqual([]);
  expect(f.bytes.openCount).toBe(0);
});

test("[STORE-14] the root of a new store belongs to the mounting user, and then to whom it is given", () => {
  const f = new StoreFixture();
  const root = f.store.getattr(1);
  expect(root).toMatchObject({ uid: 1000, gid: 1000, nlink: 2 });
  expect(root.mtimeS).toBe(Math.floor(f.clock.now() / 1000));
  f.store.setattr(1, { uid: 7 }, user);
  f.kill();
  expect(f.store.getattr(1).uid).toBe(7);
});

test("[STORE-1] statfs tells of the disk under the store", () => {
  const f = new StoreFixture({ capacityBytes: 1 << 20 });
  f.write("/a", "x".repeat(5000));
  expect(f.store.statfs()).toMatchObject({
    blockBytes: 4096,
    blocks: 256,
    blocksFree: 254,
    nameBytesMax: 255,
  });
});
