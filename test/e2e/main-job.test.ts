// The main job on real input: the text that every Debian machine has, a few thousand files.
import { execFileSync, spawn } from "node:child_process";
import {
  appendFileSync,
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
} from "node:fs";
import { join, relative } from "node:path";
import { expect, test } from "vitest";
import { Device, kill, scratch } from "./device.ts";
import { serverTree } from "./server-view.ts";
import { differences, readTree } from "./trees.ts";

const soon = { timeout: 30_000, interval: 50 };
const fileBytesMax = 256 << 10;

/** A copy of documentation and Perl text: real names, real bytes, some of them no text at all. */
function corpus(filesMax: number): string {
  const dir = join(scratch(), "corpus");
  let count = 0;
  const copy = (from: string, to: string): void => {
    mkdirSync(to, { recursive: true });
    for (const entry of readdirSync(from, { withFileTypes: true })) {
      if (count >= filesMax) return;
      const source = join(from, entry.name);
      if (entry.isDirectory()) copy(source, join(to, entry.name));
      else if (entry.isFile() && statSync(source).size <= fileBytesMax) {
        cpSync(source, join(to, entry.name));
        count += 1;
      }
    }
  };
  for (const from of readdirSync("/usr/share/perl")) {
    const pod = join("/usr/share/perl", from, "pod");
    if (existsSync(pod)) copy(pod, join(dir, "pod"));
  }
  copy("/usr/share/doc", join(dir, "doc"));
  return dir;
}

/** A tree without the texts that the server has read in pictures, which a mount shows beside them. */
function withoutTranscriptions<T>(tree: ReadonlyMap<string, T>): Map<string, T> {
  return new Map([...tree].filter(([path]) => !path.endsWith(".image-transcription.md")));
}

test("[E2E-7] thousands of real files: copied in, compared with the server, a second device, edits, search", async () => {
  const source = corpus(3000);
  const expected = readTree(source);
  expect(expected.size).toBeGreaterThan(500);
  const one = new Device();
  const here = await one.mount("library");
  execFileSync("cp", ["-r", `${source}/.`, here]);
  await one.ok(["sync", here]);
  expect(differences(expected, withoutTranscriptions(readTree(here)))).toEqual([]);
  expect(differences(expected, await serverTree(one, "library"))).toEqual([]);

  const two = new Device();
  const there = await two.mount("library", ...one.serverFlags());
  expect(differences(expected, withoutTranscriptions(readTree(there)))).toEqual([]);

  const [some = "", other = ""] = [...expected.keys()].filter((path) => path.endsWith("copyright"));
  appendFileSync(join(here, some), "A line that one device added.\n");
  await expect
    .poll(() => readFileSync(join(there, some), "utf8"), soon)
    .toContain("A line that one device added.");
  rmSync(join(there, other));
  await expect.poll(() => existsSync(join(here, other)), soon).toBe(false);
  await one.ok(["sync", here]);
  await two.ok(["sync", there]);
  expect(
    differences(withoutTranscriptions(readTree(here)), withoutTranscriptions(readTree(there))),
  ).toEqual([]);
  expect(
    differences(withoutTranscriptions(readTree(here)), await serverTree(one, "library")),
  ).toEqual([]);

  if (existsSync(join(here, "pod/perlfaq4.pod"))) {
    const question = "How can I remove duplicate elements from a list or array?";
    const found = await one.ok(["grep", question, join(here, "pod"), "-m", "3"]);
    expect(found.split("\n")[0]).toMatch(/perlfaq4\.pod:\d+-\d+/);
  }
  await two.ok(["unmount", there]);
  await one.ok(["unmount", here]);
  expect(readdirSync(here)).toEqual([]);
});

test("[E2E-8] kill -9 of both daemons and the server in the middle of a copy loses nothing acknowledged", async () => {
  // Several copies of one corpus: the whole takes longer than the first files need to reach the other device.
  const source = join(scratch(), "copies");
  const files = corpus(700);
  for (const copy of ["1", "2", "3", "4"]) cpSync(files, join(source, copy), { recursive: true });
  const one = new Device();
  const here = await one.mount("library");
  const two = new Device();
  const there = await two.mount("library", ...one.serverFlags());

  const copied: string[] = [];
  const copying = spawn("cp", ["-rv", `${source}/.`, here], {
    stdio: ["ignore", "pipe", "ignore"],
  });
  const closed = new Promise((resolve) => copying.once("close", resolve));
  copying.stdout.setEncoding("utf8").on("data", (part: string) => copied.push(part));
  await expect.poll(() => fileCount(there), soon).toBeGreaterThan(20);
  const said = copied.join("");
  const doomed = [...one.daemonPids(), ...two.daemonPids(), one.server()?.pid ?? 0];
  for (const pid of doomed) kill(pid);
  expect(await closed, "cp was to be cut off in the middle").not.toBe(0);

  await one.ok(["mount", "library", "--path", here]);
  await two.ok(["mount", "library", "--path", there, ...one.serverFlags()]);
  const expected = readTree(source);
  const survived = withoutTranscriptions(readTree(here));
  // cp names a file before it copies it: all but the last one named before the end were written and closed.
  const named = said.match(/-> '[^']*'/g)?.map((text) => text.slice(4, -1)) ?? [];
  const written = named.slice(0, -1).map((path) => relative(here, path));
  expect(written.length).toBeGreaterThan(20);
  // Directories are named too; a tree has only files.
  expect(written.filter((path) => survived.get(path) !== expected.get(path))).toEqual([]);
  execFileSync("cp", ["-r", `${source}/.`, here]);
  await one.ok(["sync", here]);
  await two.ok(["sync", there]);
  expect(differences(expected, withoutTranscriptions(readTree(here)))).toEqual([]);
  expect(differences(expected, withoutTranscriptions(readTree(there)))).toEqual([]);
  expect(differences(expected, await serverTree(one, "library"))).toEqual([]);
});

/** Files below a directory, as far as they can be counted while they arrive. */
function fileCount(dir: string): number {
  return execFileSync("find", [dir, "-type", "f"], { encoding: "utf8" }).split("\n").length - 1;
}
