import { expect, test } from "vitest";
import { StoreFixture } from "./testing/store-fixture.ts";
import { Totals } from "./totals.ts";

test("[STORE-16] a count that took long is used again for a while, one that took no time is made anew", () => {
  const f = new StoreFixture();
  const { db } = f.store.context;
  let ms = 0;
  let tookMs = 0;
  const monotonic = () => {
    ms += tookMs / 2;
    return ms;
  };
  const totals = new Totals({ db, clock: { monotonic } as never });
  f.write("/a", "x");
  expect(totals.get()).toEqual({ entries: 1, stubs: 0 });
  f.write("/b", "x");
  tookMs = 10;
  expect(totals.get()).toEqual({ entries: 2, stubs: 0 });
  tookMs = 0;
  f.write("/c", "x");
  expect(totals.get().entries).toBe(2);
  ms += 200;
  expect(totals.get().entries).toBe(3);
});
