import { expect, test } from "vitest";
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
