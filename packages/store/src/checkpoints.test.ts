import { expect, test } from "vitest";
import type { SyncJob } from "./syncs.ts";
import { StoreFixture } from "./testing/store-fixture.ts";

function counted(f: StoreFixture): () => number {
  let count = 0;
  const { checkpoint } = f.db;
  f.db.checkpoint = () => {
    count += 1;
    checkpoint.call(f.db);
  };
  return () => count;
}

test("[STORE-15] the log is folded back a second after the last commit, once", () => {
  const f = new StoreFixture();
  f.settle();
  const count = counted(f);
  f.mkdir("/a");
  f.store.tick();
  f.clock.advance(999);
  f.store.tick();
  f.mkdir("/b");
  f.store.tick();
  f.clock.advance(999);
  f.store.tick();
  expect(count()).toBe(0);
  f.clock.advance(1);
  f.store.tick();
  f.clock.advance(60_000);
  f.store.tick();
  expect(count()).toBe(1);
});

test("[STORE-15] under continuous load it is folded back before it grows without bound", () => {
  const f = new StoreFixture();
  f.settle();
  const count = counted(f);
  for (let index = 0; index < 4096; index += 1) {
    f.db.transaction(() => undefined);
    f.store.tick();
  }
  expect(count()).toBe(1);
});

test("[STORE-15] under continuous load the redo log is synced elsewhere, once at a time, and checkpoints are rare", () => {
  const jobs: SyncJob[] = [];
  const f = new StoreFixture({ syncer: (job) => jobs.push(job) });
  f.settle();
  const count = counted(f);
  const before = f.db.commitCount;
  const commit = (times: number): void => {
    for (let index = 0; index < times; index += 1) {
      f.db.transaction(() => undefined);
      f.store.tick();
    }
  };
  commit(4095);
  expect(jobs).toEqual([]);
  commit(1);
  expect(jobs).toEqual([{ id: 1, file: undefined, names: false, log: true }]);
  commit(5000);
  expect(jobs).toHaveLength(1);
  expect(f.store.nextTickMs()).toBeGreaterThan(0);
  f.store.synced({ id: 1 });
  expect(f.db.durableCount).toBe(before + 4096);
  commit(1);
  expect(jobs).toHaveLength(2);
  f.store.synced({ id: 2 });
  expect(f.store.takeResumed()).toEqual([]);
  commit(32_767 - (f.db.commitCount - before));
  expect(count()).toBe(0);
  commit(1);
  expect(count()).toBe(1);
});

test("[STORE-15] a redo log that could not be synced elsewhere ends all commits", () => {
  const jobs: SyncJob[] = [];
  const f = new StoreFixture({ syncer: (job) => jobs.push(job) });
  for (let index = 0; jobs.length === 0; index += 1) {
    expect(index).toBeLessThan(5000);
    f.db.transaction(() => undefined);
    f.store.tick();
  }
  f.store.synced({ id: 1, failure: { of: "log", code: "EIO" } });
  expect(() => f.mkdir("/d")).toThrow("EIO");
});

test("[STORE-15] what was committed before it is known to survive a power loss", () => {
  const f = new StoreFixture();
  f.mkdir("/a");
  expect(f.db.durableCount).toBeLessThan(f.db.commitCount);
  f.db.checkpoint();
  expect(f.db.durableCount).toBe(f.db.commitCount);
  f.db.transaction(() => undefined, "power");
  expect(f.db.durableCount).toBeLessThan(f.db.commitCount);
  f.db.transaction(() => f.store.context.facts.set("x", "y"), "power");
  expect(f.db.durableCount).toBe(f.db.commitCount);
});
