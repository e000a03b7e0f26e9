import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { exitCodes } from "./cli-error.ts";
import { scopeInMount } from "./commands/grep.ts";
import type { Paths } from "./config.ts";
import { findMount } from "./find-mount.ts";
import {
  isAlive,
  type MountRecord,
  readMountRecords,
  removeMountRecord,
  writeMountRecord,
} from "./mount-records.ts";
import { processIdentity } from "./processes.ts";
import { scratchDir } from "./testing/scratch.ts";

function place(): { paths: Paths; dir: string } {
  const dir = scratchDir();
  const at = (name: string) => join(dir, name);
  return { dir, paths: { data: at("d"), state: at("s"), runtime: at("r"), config: at("c") } };
}

function record(path: string, container: string, id = container): MountRecord {
  return {
    id,
    container,
    path,
    pid: process.pid,
    started: processIdentity(process.pid)?.started ?? "",
    mountedAtMs: 1,
    socket: "/s",
    logFile: "/l",
    apiUrl: "http://x",
    keyFile: null,
    embedded: true,
  };
}

test("[CLI-11] a record is read as it was written; damaged ones are none", () => {
  const { paths } = place();
  expect(readMountRecords(paths)).toEqual([]);
  const written = record("/m", "notes");
  writeMountRecord(paths, written);
  const dir = join(paths.state, "mounts");
  writeFileSync(join(dir, "cut.json"), `{"id":"cut"`);
  writeFileSync(join(dir, "other.json"), JSON.stringify(written));
  writeFileSync(join(dir, "typed.json"), JSON.stringify({ ...written, id: "typed", pid: "1" }));
  expect(readMountRecords(paths)).toEqual([written]);
  expect(isAlive(written)).toBe(true);
  expect(isAlive({ ...written, started: "another time" })).toBe(false);
  removeMountRecord(paths, "notes");
  removeMountRecord(paths, "notes");
  expect(readMountRecords(paths)).toEqual([]);
});

test("[CLI-11] a mount is found by a path in it, its container, or where one stands", () => {
  const { paths, dir } = place();
  const [a, b] = [join(dir, "a"), join(dir, "b")];
  mkdirSync(join(a, "sub"), { recursive: true });
  mkdirSync(b);
  writeMountRecord(paths, record(a, "notes"));
  writeMountRecord(paths, record(b, "work"));
  expect(findMount(paths, undefined, join(a, "sub")).container).toBe("notes");
  expect(findMount(paths, "../b", a).container).toBe("work");
  expect(findMount(paths, "work", a).container).toBe("work");
  expect(findMount(paths, "sub/not-there.md", a).container).toBe("notes");
  const none = expect.objectContaining({ exitCode: exitCodes.notFound });
  expect(() => findMount(paths, undefined, dir)).toThrow(none);
  expect(() => findMount(paths, "absent", dir)).toThrow(none);
});

test("[CLI-11] the only mount is meant from anywhere; two of one container must be told apart", () => {
  const { paths, dir } = place();
  writeMountRecord(paths, record(join(dir, "a"), "notes", "notes-1"));
  expect(findMount(paths, undefined, "/").path).toBe(join(dir, "a"));
  writeMountRecord(paths, record(join(dir, "b"), "notes", "notes-2"));
  expect(() => findMount(paths, "notes", "/")).toThrow(/mounted more than once/);
});

test("[CLI-11] a question is asked of the file, the directory or the whole mount that is meant", () => {
  const { dir } = place();
  const mount = join(dir, "a");
  mkdirSync(join(mount, "sub"), { recursive: true });
  writeFileSync(join(mount, "sub/f.md"), "");
  const of = record(mount, "notes");
  expect(scopeInMount(of, undefined, mount)).toBe("/");
  expect(scopeInMount(of, undefined, join(mount, "sub"))).toBe("/sub/");
  expect(scopeInMount(of, "a/sub/f.md", dir)).toBe("/sub/f.md");
  expect(scopeInMount(of, undefined, "/")).toBe("/");
  expect(() => scopeInMount(of, "absent", mount)).toThrow(/no such file/);
});
