import type { Clock } from "@smfs/core";
import { systemClock } from "@smfs/core";
import { expect, test } from "vitest";
import { DirtyListener, dirtySignalMemory, raiseDirty } from "./dirty-signal.ts";

/** A clock whose timers run when the test says. */
function manualClock() {
  const due: (() => void)[] = [];
  const clock: Clock = {
    ...systemClock,
    after: (_ms, action) => {
      due.push(action);
      return () => undefined;
    },
  };
  const pass = () => {
    for (const action of due.splice(0)) action();
  };
  return { clock, pass, due };
}

test("[CLI-19] many changes are told at once and then at intervals, none is missed", () => {
  const { clock, pass, due } = manualClock();
  const memory = dirtySignalMemory();
  let told = 0;
  const listener = new DirtyListener(memory, clock, () => {
    told += 1;
  });
  expect(raiseDirty(memory)).toBe(true);
  for (let i = 0; i < 1000; i += 1) expect(raiseDirty(memory)).toBe(false);
  listener.received();
  expect(told).toBe(1);
  expect(raiseDirty(memory)).toBe(false);
  pass();
  expect(told).toBe(2);
  pass();
  expect(told).toBe(2);
  expect(due).toHaveLength(0);
  expect(raiseDirty(memory)).toBe(true);
});

test("[CLI-19] a change between the last look and the end of counting is told", () => {
  const { clock, pass } = manualClock();
  const memory = dirtySignalMemory();
  let told = 0;
  let isRaced = false;
  const listener = new DirtyListener(memory, clock, () => {
    told += 1;
  });
  expect(raiseDirty(memory)).toBe(true);
  listener.received();
  // The other thread adds to the count just before the flag comes down, and sees it still up.
  const load = Atomics.load;
  Atomics.load = ((array: Int32Array, index: number) => {
    const value = load(array, index);
    if (!isRaced) {
      isRaced = true;
      expect(raiseDirty(memory)).toBe(false);
    }
    return value;
  }) as typeof Atomics.load;
  try {
    pass();
  } finally {
    Atomics.load = load;
  }
  expect(told).toBe(2);
});
