import { FsError, type Logger } from "@smfs/core";
import { expect, test } from "vitest";
import type { Garbage } from "./garbage.ts";
import { MemoryByteStore } from "./memory-byte-store.ts";
import { Reserve, reserveBytes } from "./reserve.ts";
import { ManualClock } from "./testing/manual-clock.ts";

const mib = 1 << 20;
const log: Logger = { log: () => undefined };

function diskOf(capacityBytes: number): {
  readonly bytes: MemoryByteStore;
  readonly reserve: Reserve;
  readonly freeBytes: () => number;
  readonly use: (size: number) => void;
  readonly freed: () => number;
  readonly remove: (size: number) => void;
} {
  const bytes = new MemoryByteStore(new ManualClock(), { capacityBytes });
  let freed = 0;
  const garbage = {
    waitingBytes: 0,
    removeAll: () => {
      freed += 1;
      garbage.waitingBytes = 0;
      return false;
    },
  };
  const remove = (size: number) => {
    garbage.waitingBytes += size;
  };
  const freeBytes = () => bytes.disk().blocksAvailable * bytes.disk().blockBytes;
  const fd = bytes.openWork(1, "create");
  const use = (size: number) => {
    bytes.truncate(fd, 0);
    bytes.write(fd, new Uint8Array(size).fill(1), 0);
  };
  const reserve = new Reserve(bytes, garbage as unknown as Garbage, log);
  return { bytes, reserve, freeBytes, use, freed: () => freed, remove };
}

test("[ROOM-1] what frees room gets some of what was held, a step at a time, and its answer", () => {
  const { reserve, freeBytes, use } = diskOf(16 * mib);
  expect(reserve.heldBytes).toBe(reserveBytes);
  use(12 * mib);
  expect(freeBytes()).toBe(0);
  const needs = 300 << 10;
  const answer = reserve.run(() => {
    if (freeBytes() < needs) throw Object.assign(new Error("full"), { code: "SQLITE_FULL" });
    return "removed";
  });
  expect(answer).toBe("removed");
  expect(freeBytes()).toBeGreaterThanOrEqual(needs);
  expect(reserve.heldBytes).toBeGreaterThan(reserveBytes / 2);
});

test("[ROOM-1] another failure is the caller's at once, and a full disk is when nothing is held any more", () => {
  const { reserve } = diskOf(16 * mib);
  const fail = (error: Error) => () => {
    throw error;
  };
  expect(() => reserve.run(fail(new FsError("ENOTEMPTY", "d")))).toThrow(/d/);
  expect(reserve.heldBytes).toBe(reserveBytes);
  expect(() => reserve.run(fail(new FsError("ENOSPC", "still full")))).toThrow(/still full/);
  expect(reserve.heldBytes).toBe(0);
});

test("[ROOM-1] what was given up is held again once there is room, and what was deleted is freed meanwhile", () => {
  const { reserve, use, freed } = diskOf(16 * mib);
  use(12 * mib);
  let tries = 0;
  reserve.run(() => {
    tries += 1;
    if (tries === 1) throw new FsError("ENOSPC", "full");
  });
  expect(reserve.heldBytes).toBeLessThan(reserveBytes);
  reserve.tick(0);
  expect(freed()).toBe(1);
  expect(reserve.heldBytes).toBeLessThan(reserveBytes);
  reserve.tick(reserve.dueMs() - 1);
  expect(freed()).toBe(1);
  use(1 * mib);
  reserve.tick(reserve.dueMs());
  expect(reserve.heldBytes).toBe(reserveBytes);
  expect(reserve.dueMs()).toBe(Number.POSITIVE_INFINITY);
});

test("[ROOM-2] on a disk that is short of room what was deleted is freed at once, whoever has noticed it", () => {
  const { reserve, use, freed, remove } = diskOf(32 * mib);
  use(12 * mib);
  remove(1 * mib);
  // There is room: nobody needs theirs yet, and the next look is a mebibyte away.
  expect(reserve.dueMs()).toBe(Number.NEGATIVE_INFINITY);
  reserve.tick(0);
  expect([freed(), reserve.dueMs()]).toEqual([0, Number.POSITIVE_INFINITY]);
  use(27 * mib);
  remove(1 * mib);
  reserve.tick(0);
  expect([freed(), reserve.dueMs()]).toEqual([1, Number.POSITIVE_INFINITY]);
  // What is smaller waits for its removal to be durable.
  remove(1 * mib - 1);
  reserve.tick(0);
  expect(freed()).toBe(1);
});

test("[ROOM-1] a small disk is not taken up by room for removals", () => {
  const { reserve } = diskOf(8 * mib);
  expect(reserve.heldBytes).toBe(0);
});
