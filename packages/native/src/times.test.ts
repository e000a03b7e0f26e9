import { closeSync, fstatSync, mkdtempSync, openSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { SystemError, setModificationTime } from "./index.ts";

let dir = "";
let fd = -1;

beforeAll(() => {
  dir = mkdtempSync(join(tmpdir(), "smfs-times-"));
  writeFileSync(join(dir, "f"), "x");
  fd = openSync(join(dir, "f"), "r");
});

afterAll(() => {
  closeSync(fd);
  rmSync(dir, { recursive: true });
});

test.each([
  [1_700_000_000, 123_456_789],
  [0, 1],
  [-2, 500_000_001],
])("sets %i s and %i ns exactly, and leaves the access time", (s, ns) => {
  const before = fstatSync(fd, { bigint: true });
  setModificationTime(fd, s, ns);
  const after = fstatSync(fd, { bigint: true });
  expect(after.mtimeNs).toBe(BigInt(s) * 1_000_000_000n + BigInt(ns));
  expect(after.atimeNs).toBe(before.atimeNs);
});

test("a descriptor that is not open fails with its errno", () => {
  expect(() => setModificationTime(1_000_000, 1, 1)).toThrow(SystemError);
});
