// Hard links on two real mounts: names of one file here are names of one file there.
import {
  appendFileSync,
  linkSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { Device } from "./device.ts";

const soon = { timeout: 30_000, interval: 20 };

interface Pair {
  readonly one: Device;
  readonly two: Device;
  /** Mounts of the two. */
  readonly here: string;
  readonly there: string;
}

async function pair(): Promise<Pair> {
  const one = new Device();
  const here = await one.mount("shared");
  const two = new Device();
  const there = await two.mount("shared", ...one.serverFlags());
  return { one, two, here, there };
}

async function settled({ one, two, here, there }: Pair): Promise<void> {
  await one.ok(["sync", here]);
  await two.ok(["sync", there]);
}

/** Inode number and link count of a name; undefined while it is not there. */
function shape(dir: string, path: string): { ino: number; nlink: number } | undefined {
  const stat = statSync(join(dir, path), { throwIfNoEntry: false });
  return stat === undefined ? undefined : { ino: stat.ino, nlink: stat.nlink };
}

/** How many names the names of a directory share with each other, or undefined while they are several files. */
const sharedBy = (dir: string, ...paths: readonly string[]): number | undefined => {
  const shapes = paths.map((path) => shape(dir, path));
  const isOne = new Set(shapes.map((one) => one?.ino)).size === 1;
  return isOne ? shapes[0]?.nlink : undefined;
};

const textAt = (dir: string, path: string): string => readFileSync(join(dir, path), "utf8");

test("[LINK-1] ln on one mount is a link on the other, and a write by either name goes both ways", async () => {
  const mounts = await pair();
  const { here, there } = mounts;
  writeFileSync(join(here, "a"), "text\n");
  linkSync(join(here, "a"), join(here, "b"));
  await settled(mounts);
  await expect.poll(() => sharedBy(there, "a", "b"), soon).toBe(2);
  appendFileSync(join(there, "b"), "from there\n");
  expect(textAt(there, "a")).toBe("text\nfrom there\n");
  await expect.poll(() => textAt(here, "a"), soon).toBe("text\nfrom there\n");
  await expect.poll(() => sharedBy(here, "a", "b"), soon).toBe(2);
  appendFileSync(join(here, "a"), "and back\n");
  expect(textAt(here, "b")).toBe("text\nfrom there\nand back\n");
  await expect.poll(() => textAt(there, "b"), soon).toBe("text\nfrom there\nand back\n");
  await expect.poll(() => sharedBy(there, "a", "b"), soon).toBe(2);
});

test("[LINK-1, LINK-3] a name more, a name less, and one that is replaced", async () => {
  const mounts = await pair();
  const { here, there } = mounts;
  writeFileSync(join(here, "a"), "text\n");
  await settled(mounts);
  await expect.poll(() => shape(there, "a")?.nlink, soon).toBe(1);
  linkSync(join(here, "a"), join(here, "b"));
  linkSync(join(here, "a"), join(here, "c"));
  await settled(mounts);
  await expect.poll(() => sharedBy(there, "a", "b", "c"), soon).toBe(3);
  rmSync(join(here, "a"));
  await settled(mounts);
  await expect.poll(() => sharedBy(there, "b", "c"), soon).toBe(2);
  expect(readdirSync(there).sort()).not.toContain("a");
  writeFileSync(join(there, "new"), "its own\n");
  renameSync(join(there, "new"), join(there, "c"));
  await settled(mounts);
  await expect.poll(() => textAt(here, "c"), soon).toBe("its own\n");
  await expect.poll(() => [shape(here, "b")?.nlink, shape(here, "c")?.nlink], soon).toEqual([1, 1]);
  writeFileSync(join(here, "c"), "once more\n");
  expect(textAt(here, "b")).toBe("text\n");
});

test("[LINK-1, LINK-3] a tree of linked files, as a local clone makes it, and the removal of one of the two", async () => {
  const mounts = await pair();
  const { here, there } = mounts;
  const names = Array.from({ length: 60 }, (_, index) => `objects/${index % 7}/${index}`);
  for (const tree of ["original", "clone"])
    for (let bucket = 0; bucket < 7; bucket += 1)
      mkdirSync(join(here, tree, "objects", String(bucket)), { recursive: true });
  for (const name of names) {
    writeFileSync(join(here, "original", name), `bytes of ${name}\n`);
    linkSync(join(here, "original", name), join(here, "clone", name));
  }
  await settled(mounts);
  const linkedCount = () =>
    names.filter((name) => sharedBy(there, `original/${name}`, `clone/${name}`) === 2).length;
  await expect.poll(linkedCount, soon).toBe(names.length);
  for (const name of names) expect(textAt(there, `clone/${name}`)).toBe(`bytes of ${name}\n`);
  rmSync(join(here, "clone"), { recursive: true });
  await settled(mounts);
  await expect.poll(() => readdirSync(there).includes("clone"), soon).toBe(false);
  const singleCount = () =>
    names.filter((name) => shape(there, `original/${name}`)?.nlink === 1).length;
  await expect.poll(singleCount, soon).toBe(names.length);
  for (const name of names) expect(textAt(there, `original/${name}`)).toBe(`bytes of ${name}\n`);
});

test("[LINK-2] what is written on both sides at once is on neither lost", async () => {
  const mounts = await pair();
  const { here, there, two } = mounts;
  writeFileSync(join(here, "a.bin"), Buffer.from([0, 1, 2]));
  linkSync(join(here, "a.bin"), join(here, "b.bin"));
  await settled(mounts);
  await expect.poll(() => sharedBy(there, "a.bin", "b.bin"), soon).toBe(2);
  await two.ok(["unmount", there]);
  writeFileSync(join(here, "a.bin"), Buffer.from([0, 3]));
  await mounts.one.ok(["sync", here]);
  const again = await two.mount("shared", ...mounts.one.serverFlags());
  writeFileSync(join(again, "b.bin"), Buffer.from([0, 4]));
  await settled({ ...mounts, there: again });
  await settled({ ...mounts, there: again });
  const contents = (dir: string): string[] =>
    readdirSync(dir, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map((entry) => readFileSync(join(entry.parentPath, entry.name)).toString("hex"));
  for (const dir of [here, again])
    await expect.poll(() => contents(dir).includes("0004"), soon).toBe(true);
  await expect.poll(() => contents(here).toSorted(), soon).toEqual(contents(again).toSorted());
});
