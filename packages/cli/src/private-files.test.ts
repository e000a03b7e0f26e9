import { chmodSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { seededRandom } from "@smfs/core";
import { expect, test } from "vitest";
import { generatedKey, isReadableByOthers, readKey } from "./credentials.ts";
import { smallFileBytesMax } from "./limits.ts";
import {
  ensurePrivateDir,
  readJsonObject,
  readSmallFile,
  writePrivateFile,
} from "./private-files.ts";
import { scratchDir } from "./testing/scratch.ts";

const modeOf = (path: string) => statSync(path).mode & 0o777;

test("[CLI-3] directories and files of ours are for their owner alone, whatever the umask", () => {
  const dir = join(scratchDir(), "a/b");
  writePrivateFile(join(dir, "f"), "text");
  expect([modeOf(dir), modeOf(join(dir, "f"))]).toEqual([0o700, 0o600]);
  expect(readFileSync(join(dir, "f"), "utf8")).toBe("text");
  expect(readdirSync(dir)).toEqual(["f"]);
});

test("[CLI-3] a directory of ours that others could enter is closed", () => {
  const dir = join(scratchDir(), "open");
  mkdirSync(dir);
  chmodSync(dir, 0o755);
  ensurePrivateDir(dir);
  expect(modeOf(dir)).toBe(0o700);
});

test("[CLI-4] a file where a directory is needed is named", () => {
  const file = join(scratchDir(), "f");
  writeFileSync(file, "");
  expect(() => ensurePrivateDir(file)).toThrow(/is in the way/);
});

test("[CLI-8] files are read within a bound, and what is no JSON object is none", () => {
  const file = join(scratchDir(), "f");
  expect(readSmallFile(file)).toBeUndefined();
  expect(readJsonObject(file)).toBeUndefined();
  for (const text of ["", "[1]", "null", "{", "3"]) {
    writeFileSync(file, text);
    expect(readJsonObject(file)).toBeUndefined();
  }
  writeFileSync(file, `{"a":1}`);
  expect(readJsonObject(file)).toEqual({ a: 1 });
  writeFileSync(file, "x".repeat(smallFileBytesMax + 1));
  expect(() => readSmallFile(file)).toThrow(/too large/);
});

test("[CLI-3] a key is generated once, kept for its owner alone, and read again", () => {
  const file = join(scratchDir(), "deep/key");
  const key = generatedKey(file, seededRandom(1));
  expect(key).toMatch(/^sm_local_[0-9a-f]{48}$/);
  expect(modeOf(file)).toBe(0o600);
  expect(generatedKey(file, seededRandom(2))).toBe(key);
  expect(readKey({ kind: "file", path: file })).toEqual({ key, keyFile: file });
});

test("[CLI-4] a key file that is missing or holds no key is named", () => {
  const file = join(scratchDir(), "key");
  expect(() => readKey({ kind: "file", path: file })).toThrow(/there is no key file/);
  writeFileSync(file, "two words\n");
  expect(() => readKey({ kind: "file", path: file })).toThrow(`${file} is not a key`);
  chmodSync(file, 0o644);
  expect(isReadableByOthers(file)).toBe(true);
});
