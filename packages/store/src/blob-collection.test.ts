import { O_RDWR } from "@smfs/core";
import { expect, test } from "vitest";
import { StoreFixture, user } from "./testing/store-fixture.ts";

const bytes = (text: string) => new TextEncoder().encode(text);

function later(f: StoreFixture, minutes: number): void {
  for (let minute = 0; minute < minutes; minute += 1) {
    f.clock.advance(60_000);
    f.store.tick();
  }
}

test("[BLOB-1] a blob that two looks find without a name is removed, one that is named stays", () => {
  const f = new StoreFixture();
  f.write("/a", "agreed");
  f.makeClean("/a");
  f.store.open(f.ino("/a"), O_RDWR, user);
  const kept = f.entry("/a").base_blob ?? "";
  const lost = f.bytes.putBlob(bytes("nobody's"));
  later(f, 11);
  expect(f.bytes.listBlobs().sort()).toEqual([kept, lost].sort());
  later(f, 11);
  expect(f.bytes.listBlobs()).toEqual([kept]);
  expect(f.check()).toEqual([]);
});

test("[BLOB-1] a blob that gets a name between two looks stays", () => {
  const f = new StoreFixture();
  f.write("/a", "agreed");
  f.makeClean("/a");
  const digest = f.bytes.putBlob(bytes("agreed"));
  later(f, 11);
  f.store.context.entries.update(f.entry("/a").fid, { base_blob: digest });
  later(f, 40);
  expect(f.bytes.listBlobs()).toEqual([digest]);
});

test("[BLOB-1] a large one goes step by step", () => {
  const f = new StoreFixture();
  const fd = f.bytes.openWork(99, "create");
  f.bytes.truncate(fd, 40 << 20);
  f.bytes.close(fd);
  const digest = "a".repeat(64);
  f.bytes.moveWorkToBlob(99, digest);
  f.mkdir("/d");
  later(f, 21);
  expect(f.bytes.listBlobs()).toEqual([]);
  later(f, 5);
  expect(f.bytes.listWork()).toEqual([]);
});

test("[BLOB-1] a store in which nothing happens is not looked through for ever", () => {
  const f = new StoreFixture();
  f.bytes.putBlob(bytes("nobody's"));
  f.mkdir("/d");
  later(f, 60);
  expect(f.store.nextTickMs()).toBe(-1);
});

test("[BLOB-1] one that cannot be removed is reported and does no harm", () => {
  const f = new StoreFixture();
  f.bytes.putBlob(bytes("nobody's"));
  f.mkdir("/d");
  f.bytes.fault = (call) => {
    if (call === "remove") throw new Error("the disk sulks");
  };
  later(f, 25);
  expect(f.logged.join()).toMatch(/blob could not be removed/);
});
