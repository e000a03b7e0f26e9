// Changes made elsewhere, on a mount that is in use: files that are open or mapped, a shell's own directory, a listing.
import {
  existsSync,
  linkSync,
  mkdirSync,
  opendirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { Device, kill } from "./device.ts";
import { Program } from "./program.ts";

const soon = { timeout: 30_000, interval: 20 };

interface Pair {
  readonly one: Device;
  readonly two: Device;
  /** Mounts of the two. */
  readonly here: string;
  readonly there: string;
}

/** Two devices with one container, at rest. */
async function pair(files: Readonly<Record<string, string>>): Promise<Pair> {
  const one = new Device();
  const here = await one.mount("shared");
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(join(here, path, ".."), { recursive: true });
    writeFileSync(join(here, path), text);
  }
  await one.ok(["sync", here]);
  const two = new Device();
  const there = await two.mount("shared", ...one.serverFlags());
  return { one, two, here, there };
}

const textAt = (dir: string, path: string): string | undefined => {
  try {
    return readFileSync(join(dir, path), "utf8");
  } catch {
    return undefined;
  }
};

/** Large enough to be read by the kernel itself. */
const large = (letter: string): string => letter.repeat(400_000);

/** Every text below a directory, with its history's: what a user can find. */
function texts(dir: string): string[] {
  return readdirSync(dir, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => readFileSync(join(entry.parentPath, entry.name), "utf8"));
}

test.each([
  ["small", (letter: string) => `${letter.repeat(2000)}\n`],
  ["large", large],
])(
  "[E2E-16] who has a %s file open or mapped for reading keeps its bytes; a new open has the new ones",
  async (_size, text) => {
    const { here, there } = await pair({ "a.txt": text("o") });
    const reader = new Program(there);
    await reader.do(`f = open("a.txt", "rb"); out = f.read(10).decode()`);
    await reader.do(`m = mmap.mmap(f.fileno(), 0, prot=mmap.PROT_READ)`);
    writeFileSync(join(here, "a.txt"), text("n"));
    await expect.poll(() => textAt(there, "a.txt"), soon).toBe(text("n"));
    const all = await reader.do(
      `f.seek(0); b = f.read(); out = [len(b), b[:1].decode(), b[-9:-8].decode()]`,
    );
    expect(all).toEqual([text("o").length, "o", "o"]);
    expect(await reader.do(`out = [m[0:1].decode(), m[1990:1991].decode()]`)).toEqual(["o", "o"]);
    expect(
      await reader.do(`out = [os.fstat(f.fileno()).st_nlink, os.fstat(f.fileno()).st_size]`),
    ).toEqual([0, text("o").length]);
    expect(await reader.do(`g = open("a.txt", "rb"); out = g.read(1).decode()`)).toBe("n");
  },
);

test("[E2E-16] a file that is removed or renamed elsewhere is read on by who has it open", async () => {
  const { here, there } = await pair({ "gone.txt": "old\n", "moved.txt": "moving\n" });
  const reader = new Program(there);
  await reader.do(`f = open("gone.txt"); g = open("moved.txt")`);
  rmSync(join(here, "gone.txt"));
  renameSync(join(here, "moved.txt"), join(here, "new.txt"));
  await expect.poll(() => readdirSync(there), soon).toEqual(["new.txt"]);
  expect(await reader.do(`out = [f.read(), g.read()]`)).toEqual(["old\n", "moving\n"]);
  expect(await reader.do(`open("gone.txt")`)).toBe("E:No such file or directory");
  expect(textAt(there, "new.txt")).toBe("moving\n");
});

test.each([
  ["a descriptor", `f = open("a.txt", "r+")`, `f.seek(0); f.write("mine"); f.close()`],
  [
    "a mapping without a descriptor",
    `f = open("a.txt", "r+b"); m = mmap.mmap(f.fileno(), 0); f.close()`,
    `m[0:4] = b"mine"; m.close()`,
  ],
])(
  "[E2E-17] what somebody can write through %s is not replaced, is named, and both texts are kept",
  async (_how, open, write) => {
    const { one, two, here, there } = await pair({ "a.txt": "1234 the first text\n" });
    const writer = new Program(there);
    await writer.do(open);
    writeFileSync(join(here, "a.txt"), "a text of the other device\n");
    await one.ok(["sync", here]);
    await expect
      .poll(async () => JSON.stringify(await two.status(there)), soon)
      .toMatch(/held open for writing/);
    expect(textAt(there, "a.txt")).toBe("1234 the first text\n");
    expect(await two.ok(["status", there])).toMatch(/held open for writing:\s+\/a\.txt/);
    expect(await writer.do(write)).toBeNull();
    await two.ok(["sync", there]);
    await one.ok(["sync", here]);
    for (const dir of [here, there]) {
      await expect
        .poll(() => texts(dir).sort(), soon)
        .toEqual(["a text of the other device\n", "mine the first text\n"]);
    }
  },
);

test("[E2E-16] [REMOVE-5] a file that has another name here keeps it, and says so, when one is removed elsewhere", async () => {
  const { two, here, there } = await pair({ "a.txt": "text\n" });
  linkSync(join(there, "a.txt"), join(there, "b.txt"));
  const reader = new Program(there);
  await reader.do(`f = open("a.txt")`);
  const links = () => reader.do(`out = [os.fstat(f.fileno()).st_nlink, os.stat("a.txt").st_nlink]`);
  expect(await links()).toEqual([2, 2]);
  await two.ok(["sync", there]);
  await expect.poll(() => existsSync(join(here, "b.txt")), soon).toBe(true);
  rmSync(join(here, "b.txt"));
  await expect.poll(() => existsSync(join(there, "b.txt")), soon).toBe(false);
  expect(await links()).toEqual([1, 1]);
});

test("[E2E-18] a shell whose directory is removed elsewhere sees that it is gone, and goes on", async () => {
  const { here, there } = await pair({ "d/a.txt": "a\n", "x/b.txt": "b\n" });
  const doomed = new Program(join(there, "x"));
  rmSync(join(here, "x"), { recursive: true });
  await expect.poll(() => existsSync(join(there, "x")), soon).toBe(false);
  expect(await doomed.do(`out = os.listdir(".")`)).toEqual([]);
  expect(await doomed.do(`open("c", "w")`)).toBe("E:No such file or directory");
  expect(await doomed.do(`os.getcwd()`)).toBe("E:No such file or directory");
  const other = JSON.stringify(join(there, "d"));
  expect(await doomed.do(`os.chdir(${other}); out = open("a.txt").read()`)).toBe("a\n");
});

test("[E2E-18] [AGREE-12] a shell whose directory is renamed elsewhere stands in the renamed one", async () => {
  const files = Object.fromEntries(Array.from({ length: 150 }, (_, n) => [`d/e/f${n}`, `${n}\n`]));
  const { one, two, here, there } = await pair({
    ...files,
    "d/top.txt": "top\n",
    "d/e/g/h": "h\n",
  });
  await expect.poll(() => existsSync(join(there, "d/e/g/h")), soon).toBe(true);
  const shell = new Program(join(there, "d/e"));
  await shell.do(`f = open("f7"); deep = os.open("g", os.O_RDONLY); before = os.stat(".").st_ino`);
  await shell.do(`
import ctypes, select, struct
libc = ctypes.CDLL(None, use_errno=True)
watch = libc.inotify_init()
assert libc.inotify_add_watch(watch, b".", 0x100) >= 0`);
  renameSync(join(here, "d"), join(here, "moved"));
  await expect.poll(() => existsSync(join(there, "d")), soon).toBe(false);
  expect(readdirSync(join(there, "moved")).sort()).toEqual(["e", "top.txt"]);

  const names = [...Array.from({ length: 150 }, (_, n) => `f${n}`), "g"].sort();
  expect(await shell.do(`out = sorted(os.listdir("."))`)).toEqual(names);
  expect(await shell.do(`out = os.getcwd()`)).toBe(join(there, "moved/e"));
  expect(
    await shell.do(`out = [os.stat(".").st_ino == before, f.read(), open("f8").read()]`),
  ).toEqual([true, "7\n", "8\n"]);
  expect(await shell.do(`out = os.listdir(deep)`)).toEqual(["h"]);
  expect(await shell.do(`out = open("../top.txt").read()`)).toBe("top\n");
  await shell.do(`open("made.txt", "w").write("made here\\n")`);
  expect(
    await shell.do(
      `out = os.read(watch, 4096)[16:].rstrip(bytes(1)).decode() if select.select([watch], [], [], 5)[0] else None`,
    ),
  ).toBe("made.txt");
  await two.ok(["sync", there]);
  await one.ok(["sync", here]);
  await expect.poll(() => textAt(here, "moved/e/made.txt"), soon).toBe("made here\n");
  expect(existsSync(join(here, "d"))).toBe(false);
});

test("[E2E-18] [AGREE-12] what only is here keeps a directory that is renamed elsewhere, and the shell in it", async () => {
  const { two, here, there } = await pair({ "d/a.txt": "a\n", "d/b.txt": "b\n" });
  writeFileSync(join(there, ".smfsignore"), "*.log\n");
  writeFileSync(join(there, "d/build.log"), "only here\n");
  await two.ok(["sync", there]);
  const shell = new Program(join(there, "d"));
  renameSync(join(here, "d"), join(here, "moved"));
  await expect.poll(() => existsSync(join(there, "d/b.txt")), soon).toBe(false);
  await expect.poll(() => textAt(there, "moved/b.txt"), soon).toBe("b\n");
  expect(await shell.do(`out = [os.getcwd(), os.listdir("."), open("build.log").read()]`)).toEqual([
    join(there, "d"),
    ["build.log"],
    "only here\n",
  ]);
});

test("[E2E-18] a listing shows once what is there throughout, though another device makes and removes files", async () => {
  const files = Object.fromEntries(Array.from({ length: 300 }, (_, n) => [`d/keep${n}`, "k\n"]));
  for (let n = 0; n < 100; n += 1) files[`d/gone${n}`] = "g\n";
  const { here, there } = await pair(files);
  await expect.poll(() => readdirSync(join(there, "d")).length, soon).toBe(400);
  const stream = opendirSync(join(there, "d"), { bufferSize: 16 });
  const seen: string[] = [];
  for (let n = 0; n < 50; n += 1) seen.push(stream.readSync()?.name ?? "");
  for (let n = 0; n < 100; n += 1) rmSync(join(here, `d/gone${n}`));
  for (let n = 0; n < 50; n += 1) writeFileSync(join(here, `d/new${n}`), "n\n");
  await expect.poll(() => existsSync(join(there, "d/gone99")), soon).toBe(false);
  await expect.poll(() => existsSync(join(there, "d/new49")), soon).toBe(true);
  for (let entry = stream.readSync(); entry !== null; entry = stream.readSync()) {
    seen.push(entry.name);
  }
  stream.closeSync();
  expect(new Set(seen).size).toBe(seen.length);
  expect(seen.filter((name) => name.startsWith("keep"))).toHaveLength(300);
});

test("[E2E-19] what a program writes through a mapping whose daemon was killed reaches the server", async () => {
  const { one, two, here, there } = await pair({ "a.bin": large("o") });
  const writer = new Program(there);
  await writer.do(`f = open("a.bin", "r+b"); m = mmap.mmap(f.fileno(), 0); m[0:6] = b"before"`);
  for (const pid of two.daemonPids()) kill(pid);
  await expect.poll(() => textAt(there, "a.bin"), soon).toBe(undefined);
  await two.ok(["mount", "shared", "--path", there, ...one.serverFlags()]);
  await writer.do(`m[10:16] = b"midway"`);
  await expect.poll(() => textAt(there, "a.bin")?.slice(0, 16), soon).toBe("beforeoooomidway");
  expect(await two.ok(["status", there])).toMatch(/held open for writing/);
  await writer.do(`m[20:25] = b"after"; m.close(); f.close()`);
  await two.ok(["sync", there]);
  await expect
    .poll(() => textAt(here, "a.bin")?.slice(0, 25), soon)
    .toBe("beforeoooomidwayooooafter");
});
