import { expect, test } from "vitest";
import { StoreFixture } from "./testing/store-fixture.ts";
import { Transitions } from "./transitions.ts";
import { Trash } from "./trash.ts";
import { counted, TrashRetention } from "./trash-retention.ts";

const dayMs = 86_400_000;
const none = { atMs: 0, newest: [], goneTo: 0 };

test("[TRASH-1] an item goes when so many days have passed since a look found it, and not before", () => {
  let days = counted(none, dayMs - 1, 5, 3);
  expect(days).toEqual(none);
  days = counted(days, dayMs, 5, 3);
  expect(days).toEqual({ atMs: dayMs, newest: [5], goneTo: 0 });
  days = counted(days, 2 * dayMs, 5, 3);
  days = counted(days, 3 * dayMs, 7, 3);
  expect(days).toEqual({ atMs: 3 * dayMs, newest: [5, 5, 7], goneTo: 0 });
  days = counted(days, 4 * dayMs, 7, 3);
  expect(days).toEqual({ atMs: 4 * dayMs, newest: [5, 7, 7], goneTo: 5 });
});

test("[TRASH-1] however far a clock jumps, it makes one day; set back, it makes none", () => {
  const jumped = counted(none, 3650 * dayMs, 9, 2);
  expect(jumped).toEqual({ atMs: 3650 * dayMs, newest: [9], goneTo: 0 });
  const back = counted(jumped, dayMs, 9, 2);
  expect(back).toEqual({ atMs: dayMs, newest: [9], goneTo: 0 });
  expect(counted(back, 2 * dayMs - 1, 9, 2)).toEqual(back);
  expect(counted(back, 2 * dayMs, 9, 2).newest).toEqual([9, 9]);
});

test("[TRASH-1] fewer days are wanted than before: what is older goes", () => {
  const days = { atMs: 0, newest: [1, 2, 3, 4], goneTo: 0 };
  expect(counted(days, dayMs, 5, 2)).toEqual({ atMs: dayMs, newest: [4, 5], goneTo: 3 });
});

/** A store with something in its trash; hours pass for its retention alone. */
function trashOf(f: StoreFixture) {
  const trash = () => new Trash(f.store.context);
  const put = (path: string) => {
    f.write(path, `bytes of ${path}`);
    const { entries, db } = f.store.context;
    const entry = entries.find(...f.at(path));
    if (entry === undefined) throw new Error(`no ${path}`);
    db.transaction(() => trash().put(entry, path, undefined, 3, "for a test"));
  };
  const paths = () =>
    trash()
      .list(Number.MAX_SAFE_INTEGER, 5000)
      .map(({ path }) => path)
      .reverse();
  const pass = (hours: number, tick: () => void) => {
    for (let hour = 0; hour < hours; hour += 1) {
      f.clock.advance(3_600_000);
      tick();
    }
  };
  return { put, paths, pass, trash };
}

test("[TRASH-1] what is old leaves the trash, also over restarts; days without a mount do not count", () => {
  const f = new StoreFixture();
  const { put, paths, pass } = trashOf(f);
  let retention = new TrashRetention(f.store.context, 2);
  const tick = () => {
    f.store.context.db.transaction(() => retention.tend());
  };
  pass(1, tick);
  put("/first");
  pass(24, tick);
  put("/second");
  pass(24, tick);
  expect(paths()).toEqual(["/first", "/second"]);
  f.stop();
  retention = new TrashRetention(f.store.context, 2);
  f.clock.advance(40 * dayMs);
  pass(2, tick);
  expect(paths()).toEqual(["/second"]);
  put("/third");
  pass(24, tick);
  expect(paths()).toEqual(["/third"]);
  pass(72, tick);
  expect(paths()).toEqual([]);
  expect(f.check()).toEqual([]);
});

test("[TRASH-1] the port sees to it with the days of the mount, and a large trash goes bit by bit", () => {
  const f = new StoreFixture({ trashDays: 1 });
  const { put, paths, pass, trash } = trashOf(f);
  const transitions = new Transitions(f.store.context);
  const tend = () => f.store.context.db.transaction(() => transitions.tendTrash());
  put("/a");
  const entry = f.store.context.entries.find(...f.at("/a"));
  f.store.context.db.transaction(() => {
    for (let count = 1; count < 2500 && entry !== undefined; count += 1)
      trash().put(entry, `/${count}`, undefined, 3, "for a test");
  });
  pass(48, tend);
  expect(paths()).toHaveLength(2500);
  f.clock.advance(3_600_000);
  const rest: boolean[] = [];
  do rest.push(tend());
  while (rest.at(-1) === true);
  expect(rest).toEqual([true, true, false]);
  expect(paths()).toEqual([]);
});
