import { closeSync, fstatSync, mkdtempSync, openSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Attr, O_RDONLY, O_RDWR, O_TRUNC } from "@smfs/core";
import { SystemError } from "@smfs/native";
import { afterAll, beforeAll, expect, test } from "vitest";
import { Passthrough } from "./passthrough.ts";
import { KeptLog } from "./testing/dispatcher.ts";

let dir = "";
beforeAll(() => {
  dir = mkdtempSync(join(tmpdir(), "smfs-pass-"));
  writeFileSync(join(dir, "file"), "x");
});
afterAll(() => rmSync(dir, { recursive: true }));

function kernel(
  options: { mode?: number; size?: number; refuse?: string; backing?: boolean } = {},
) {
  const events: string[] = [];
  const descriptors: number[] = [];
  const log = new KeptLog();
  let next = 1;
  const passthrough = new Passthrough(
    {
      backing: () => (options.backing === false ? undefined : { path: join(dir, "file") }),
      getattr: () => ({ mode: options.mode ?? 0o100644, size: options.size ?? 0 }) as Attr,
    },
    {
      open(fd) {
        if (options.refuse !== undefined) throw new SystemError(options.refuse, "ioctl");
        descriptors.push(fd);
        events.push(`open ${next}`);
        next += 1;
        return next - 1;
      },
      close: (id) => events.push(`close ${id}`),
    },
    log,
  );
  passthrough.agree(true);
  return { passthrough, events, descriptors, log };
}

test("[PASS-2] all handles share one id, closed with the last; the descriptor is closed at once", () => {
  const { passthrough, events, descriptors } = kernel();
  expect([
    passthrough.opened(5, O_RDWR),
    passthrough.opened(5, O_RDWR),
    passthrough.opened(6, O_RDWR),
  ]).toEqual([1, 1, 2]);
  const [first] = descriptors;
  const probe = openSync(join(dir, "file"), "r");
  // The number is free again, so the next open gets it.
  expect(probe).toBe(first);
  expect(fstatSync(probe).size).toBe(1);
  closeSync(probe);
  passthrough.released(5);
  expect(passthrough.registered).toBe(2);
  passthrough.released(5);
  passthrough.released(6);
  expect(events).toEqual(["open 1", "open 2", "close 1", "close 2"]);
  expect(passthrough.opened(5, O_RDWR)).toBe(3);
});

test("[PASS-1] an inode that was opened without stays without until its last handle is closed", () => {
  const options: { mode?: number; refuse?: string; backing?: boolean } = { backing: false };
  const { passthrough } = kernel(options);
  expect(passthrough.opened(5, O_RDWR)).toBe(0);
  options.backing = true;
  expect(passthrough.opened(5, O_RDWR)).toBe(0);
  passthrough.released(5);
  expect(passthrough.opened(5, O_RDWR)).toBe(0);
  passthrough.released(5);
  passthrough.released(5);
  expect(passthrough.opened(5, O_RDWR)).toBe(1);
});

test.each(["EPERM", "ELOOP", "ENOTTY", "EOPNOTSUPP"])(
  "[PASS-3] %s ends the asking; the file is open all the same",
  (refuse) => {
    const { passthrough, log } = kernel({ refuse });
    expect(passthrough.opened(5, O_RDWR)).toBe(0);
    expect(passthrough.isActive).toBe(false);
    expect(passthrough.opened(6, O_RDWR)).toBe(0);
    expect(log.lines).toHaveLength(1);
  },
);

test("[PASS-3] another refusal is for this inode only", () => {
  const { passthrough } = kernel({ refuse: "EMFILE" });
  expect(passthrough.opened(5, O_RDWR)).toBe(0);
  expect(passthrough.isActive).toBe(true);
});

test("[PASS-4] a file with a set-user-id or set-group-id bit goes through the daemon", () => {
  expect(kernel({ mode: 0o104755 }).passthrough.opened(5, O_RDWR)).toBe(0);
  expect(kernel({ mode: 0o102755 }).passthrough.opened(5, O_RDWR)).toBe(0);
  expect(kernel({ mode: 0o101777 }).passthrough.opened(5, O_RDWR)).toBe(1);
});

test("[PASS-3] where it was not agreed, nothing is registered", () => {
  const { passthrough, events } = kernel();
  passthrough.agree(false);
  expect(passthrough.opened(5, O_RDWR)).toBe(0);
  passthrough.released(5);
  expect(events).toEqual([]);
});

test("[PASS-6] a small file that is opened for reading goes through the daemon, a large one does not", () => {
  expect(kernel({ size: 100_000 }).passthrough.opened(5, O_RDONLY)).toBe(0);
  expect(kernel({ size: 1 << 20 }).passthrough.opened(5, O_RDONLY)).toBe(1);
  expect(kernel({ size: 0 }).passthrough.opened(5, O_RDONLY | O_TRUNC)).toBe(1);
  expect(kernel({ size: 0 }).passthrough.opened(5, O_RDWR)).toBe(1);
});
