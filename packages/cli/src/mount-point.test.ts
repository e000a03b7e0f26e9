import { existsSync, realpathSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { isInside, mountedAt, ourMountAbove } from "./mount-places.ts";
import { prepareMountPoint } from "./mount-point.ts";
import { scratchDir } from "./testing/scratch.ts";

function prepare(path: string, overFiles = false, kept = "/nowhere"): string {
  const paths = { data: kept, state: kept, runtime: kept, config: kept };
  return prepareMountPoint(path, { paths, overFiles, say: () => undefined });
}

test("[CLI-6] a directory that is not there is made; links are resolved", () => {
  const dir = realpathSync(scratchDir());
  expect(prepare(join(dir, "a/b"))).toBe(join(dir, "a/b"));
  expect(existsSync(join(dir, "a/b"))).toBe(true);
  symlinkSync(join(dir, "a"), join(dir, "link"));
  expect(prepare(join(dir, "link/b"))).toBe(join(dir, "a/b"));
});

test("[CLI-6] a file, a file on the way and a full directory are refused, and stay as they are", () => {
  const dir = scratchDir();
  writeFileSync(join(dir, "f"), "text");
  expect(() => prepare(join(dir, "f"))).toThrow(/not a directory/);
  expect(() => prepare(join(dir, "f/x"))).toThrow(/a part of the path is a file/);
  expect(() => prepare(dir)).toThrow(/is not empty: it has 1 entry/);
  expect(prepare(dir, true)).toBe(realpathSync(dir));
});

test("[CLI-6] a directory in which smfs keeps its files is refused", () => {
  const dir = realpathSync(scratchDir());
  expect(() => prepare(dir, true, join(dir, ".local/share/smfs"))).toThrow(/keeps its own files/);
});

test("[CLI-6] a directory that takes no directories is named, and nothing is tried for ever", () => {
  expect(() => prepare("/proc/smfs-none/x")).toThrow(
    /cannot mount on \/proc\/smfs-none\/x: the directory it should be in is gone, or takes none/,
  );
});

test("[CLI-6] what is mounted already is refused and named", () => {
  expect(() => prepare("/proc", true)).toThrow(/in use: a proc file system/);
});

test("[CLI-6] a place where one may not write is refused", () => {
  // The kernel lets nobody make a directory there, root included.
  expect(() => prepare("/sys/smfs")).toThrow(/may not write there/);
});

test("[CLI-6] the innermost mount above a path decides whether it is ours", () => {
  const entry = (mountPoint: string, type: string) => ({
    mountPoint,
    type,
    source: "x",
    device: "0:1",
  });
  const table = [entry("/", "ext4"), entry("/m", "fuse.smfs"), entry("/m/d", "tmpfs")];
  expect(ourMountAbove("/m/x", table)?.mountPoint).toBe("/m");
  expect(ourMountAbove("/m", table)?.mountPoint).toBe("/m");
  expect(ourMountAbove("/m/d/x", table)).toBeUndefined();
  expect(ourMountAbove("/mm", table)).toBeUndefined();
  expect(mountedAt("/m/d", table)?.type).toBe("tmpfs");
  expect([
    isInside("/a", "/a"),
    isInside("/a/..b", "/a"),
    isInside("/ab", "/a"),
    isInside("/", "/a"),
  ]).toEqual([true, true, false, false]);
});
