import type { Invalidation } from "@smfs/core";
import { describe, expect, test } from "vitest";
import { toNotification } from "./notification.ts";
import { Notifier } from "./notifier.ts";
import { KeptLog } from "./testing/dispatcher.ts";

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString("hex");

describe("bytes", () => {
  test("[NOTIFY-1] an inode: its attributes, and its bytes or not", () => {
    expect(hex(toNotification({ kind: "inode", ino: 5 }))).toBe(
      "28000000020000000000000000000000" + "050000000000000000000000000000000000000000000000",
    );
    expect(hex(toNotification({ kind: "inode", ino: 5, attributesOnly: true }))).toBe(
      "28000000020000000000000000000000" + "0500000000000000ffffffffffffffff0000000000000000",
    );
  });

  test("[NOTIFY-1] [NOTIFY-6] an entry, an expired and a deleted one, with names as bytes", () => {
    expect(hex(toNotification({ kind: "entry", parent: 1, name: "a\xff" }))).toBe(
      "23000000030000000000000000000000" + "01000000000000000200000000000000" + "61ff00",
    );
    const expired = toNotification({ kind: "entry", parent: 1, name: "a", isExpired: true });
    expect(hex(expired)).toBe(
      "22000000030000000000000000000000" + "01000000000000000100000001000000" + "6100",
    );
    expect(hex(toNotification({ kind: "delete", parent: 1, name: "a", ino: 9 }))).toBe(
      "2a000000060000000000000000000000" +
        "010000000000000009000000000000000100000000000000" +
        "6100",
    );
  });
});

/** A kernel that answers with the errnos it is given, and keeps what it was told. */
function kernel(...errnos: number[]) {
  const told: string[] = [];
  let inFlight = 0;
  let inFlightMax = 0;
  const log = new KeptLog();
  const notifier = new Notifier({
    deviceFd: -1,
    logger: log,
    write: async (message) => {
      inFlight += 1;
      inFlightMax = Math.max(inFlightMax, inFlight);
      await new Promise((resolve) => setImmediate(resolve));
      inFlight -= 1;
      const view = Buffer.from(message);
      told.push(`${view.readInt32LE(4)}:${view.readBigUInt64LE(16)}`);
      return -(errnos.shift() ?? 0);
    },
  });
  return { notifier, told, log, inFlightMax: () => inFlightMax };
}

const entry = (parent: number, name = "n"): Invalidation => ({ kind: "entry", parent, name });

describe("the notifier", () => {
  test("[NOTIFY-1] messages go out in order, one at a time", async () => {
    const { notifier, told, inFlightMax } = kernel();
    const first = notifier.send([1, 2, 3].map((ino) => ({ kind: "inode", ino })));
    const second = notifier.send([{ kind: "inode", ino: 4 }]);
    expect(notifier.waiting).toBe(4);
    await Promise.all([first, second]);
    expect(told).toEqual(["2:1", "2:2", "2:3", "2:4"]);
    expect(inFlightMax()).toBe(1);
    expect(notifier.waiting).toBe(0);
  });

  test("[NOTIFY-2] a changed name also invalidates its directory, once", async () => {
    const { notifier, told } = kernel();
    await notifier.send([entry(7, "a"), entry(7, "b"), entry(8)]);
    expect(told).toEqual(["3:7", "3:7", "3:8", "2:7", "2:8"]);
  });

  test("[NOTIFY-3] what the kernel does not know is no failure", async () => {
    const { notifier, told, log } = kernel(2, 2);
    await notifier.send([
      { kind: "inode", ino: 5 },
      { kind: "inode", ino: 6 },
    ]);
    expect(told).toHaveLength(2);
    expect(log.lines).toEqual([]);
  });

  test("[NOTIFY-3] a directory that cannot be deleted under somebody loses its name", async () => {
    for (const errno of [16, 39]) {
      const { notifier, told } = kernel(errno);
      await notifier.send([{ kind: "delete", parent: 1, name: "d", ino: 9 }]);
      expect(told).toEqual(["6:1", "3:1", "2:1"]);
    }
  });

  test("[NOTIFY-3] another refusal is logged, and the next message is sent", async () => {
    const { notifier, told, log } = kernel(22);
    await notifier.send([
      { kind: "inode", ino: 5 },
      { kind: "inode", ino: 6 },
    ]);
    expect(told).toEqual(["2:5", "2:6"]);
    expect(log.lines).toMatchObject([{ level: "warn", fields: { errno: 22 } }]);
  });

  test("[NOTIFY-3] after an unmount nothing is written", async () => {
    const { notifier, told } = kernel(19);
    await notifier.send([
      { kind: "inode", ino: 5 },
      { kind: "inode", ino: 6 },
    ]);
    await notifier.send([{ kind: "inode", ino: 7 }]);
    expect(told).toEqual(["2:5"]);
    const ended = kernel();
    ended.notifier.end();
    await ended.notifier.send([{ kind: "inode", ino: 5 }]);
    expect(ended.told).toEqual([]);
  });

  test("[NOTIFY-1] more than can wait is a mistake of the sender's", () => {
    const { notifier } = kernel();
    const many = Array.from({ length: 65_537 }, (_, ino): Invalidation => ({ kind: "inode", ino }));
    expect(() => notifier.send(many)).toThrow("awaits them");
  });
});
