import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import {
  closeSync,
  existsSync,
  fstatSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  type Caller,
  O_CREAT,
  O_RDWR,
  rootIno,
  silentLogger,
  systemClock,
  systemRandom,
} from "@smfs/core";
import { afterEach, beforeEach, expect, test } from "vitest";
import { check } from "./check.ts";
import { RealByteStore } from "./real-byte-store.ts";
import { Store } from "./store.ts";

const caller: Caller = { uid: 5, gid: 6, pid: 1, umask: 0o022 };
let dir = "";
let store: Store;
let aheadMs = 0;

function open(): Store {
  return Store.open({
    database: join(dir, "store.db"),
    bytes: new RealByteStore(dir),
    clock: { ...systemClock, monotonic: () => systemClock.monotonic() + aheadMs },
    random: systemRandom,
    logger: silentLogger,
    owner: { uid: 5, gid: 6 },
    emit: () => undefined,
  });
}

beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), "smfs-ready-"));
  aheadMs = 0;
  store = open();
});

afterEach(() => {
  store.close();
  rmSync(dir, { recursive: true });
});

/** Time passes until nothing is left to do. */
function settle(): void {
  for (let round = 0; store.nextTickMs() >= 0; round += 1) {
    expect(round).toBeLessThan(200);
    aheadMs += store.nextTickMs();
    store.tick();
  }
}

function write(name: string, text: string): number {
  const { attr, file } = store.create(rootIno, name, 0o644, O_CREAT | O_RDWR, caller);
  if (text !== "") store.write(file.fh, Buffer.from(text), 0);
  store.release(file.fh);
  return attr.ino;
}

const files = (): number => readdirSync(join(dir, "work")).length;
const diskIno = (ino: number): number => {
  const fd = openSync(join(dir, "work", String(ino)), "r");
  const { ino: found } = fstatSync(fd);
  closeSync(fd);
  return found;
};

test("[REUSE-1] the file of a removed inode becomes that of a new one, empty and of now", () => {
  const old = write("a", "what nobody may see again");
  store.setattr(old, { mtime: { s: 1_000_000, ns: 5 } }, caller);
  settle();
  const before = diskIno(old);
  store.unlink(rootIno, "a", caller);
  settle();
  expect(store.context.bytes.hasWork(old)).toBe(false);
  expect(files()).toBe(1);

  const { attr, file } = store.create(rootIno, "b", 0o644, O_CREAT | O_RDWR, caller);
  expect(attr.ino).not.toBe(old);
  expect(diskIno(attr.ino)).toBe(before);
  expect(attr).toMatchObject({ size: 0, blocks: 0 });
  expect(attr.mtimeS).toBeGreaterThan(1_000_000_000);
  expect(store.read(file.fh, new Uint8Array(64), 0)).toBe(0);
  store.release(file.fh);
  settle();
  expect(check(store.context, { deep: true })).toEqual([]);
});

test("[REUSE-1] its number is given to one inode, with or without a name, and to no directory", () => {
  write("a", "x");
  settle();
  store.unlink(rootIno, "a", caller);
  settle();
  const inos = [
    store.mkdir(rootIno, "d", 0o755, caller).ino,
    store.tmpfile(rootIno, 0o600, O_RDWR, caller).attr.ino,
    write("b", "y"),
    store.symlink(rootIno, "s", "b", caller).ino,
  ];
  expect(new Set(inos).size).toBe(inos.length);
  expect(check(store.context, { deep: true })).toEqual([]);
});

test("[REUSE-2] a file that somebody has open is removed, and who has it keeps his bytes", () => {
  const ino = write("a", "still read");
  settle();
  const reader = openSync(join(dir, "work", String(ino)), "r");
  store.unlink(rootIno, "a", caller);
  settle();
  expect(files()).toBe(0);
  write("b", "other");
  expect(readFileSync(reader, "utf8")).toBe("still read");
  closeSync(reader);
});

test("[REUSE-2] so is one that is mapped for reading only, its descriptor closed", async () => {
  const ino = write("a", "mapped");
  settle();
  const script = `import mmap,os,sys
fd=os.open(sys.argv[1],os.O_RDONLY)
m=mmap.mmap(fd,6,prot=mmap.PROT_READ)
os.close(fd)
print("mapped",flush=True)
sys.stdin.readline()
print(m[:6].decode(),flush=True)`;
  // Isolated: the environment may have Python write a line in two pieces.
  const args = ["-I", "-c", script, join(dir, "work", String(ino))];
  const child = spawn("python3", args, { stdio: ["pipe", "pipe", "inherit"] });
  await once(child.stdout, "data");
  store.unlink(rootIno, "a", caller);
  settle();
  expect(files()).toBe(0);
  write("b", "other");
  child.stdin.end("\n");
  const [seen] = (await once(child.stdout, "data")) as [Buffer];
  expect(seen.toString().trim()).toBe("mapped");
  await once(child, "exit");
});

test("[REUSE-3] a stop leaves none behind; after a crash the next start removes them", () => {
  for (const name of ["a", "b", "c"]) write(name, "x");
  settle();
  for (const name of ["a", "b", "c"]) store.unlink(rootIno, name, caller);
  settle();
  expect(files()).toBe(3);
  const copy = mkdtempSync(join(tmpdir(), "smfs-ready-"));
  try {
    execFileSync("cp", ["-a", `${dir}/.`, copy]);
    store.close();
    expect(files()).toBe(0);
    rmSync(dir, { recursive: true });
    execFileSync("cp", ["-a", `${copy}/.`, dir]);
  } finally {
    rmSync(copy, { recursive: true });
  }
  store = open();
  const again = write("d", "y");
  settle();
  const left = readdirSync(join(dir, "work")).map(Number);
  expect(left).toContain(again);
  expect(left.every((ino) => ino === again || store.context.orphans.ready.has(ino))).toBe(true);
  expect(check(store.context, { deep: true })).toEqual([]);
});

test("[REUSE-3] when the disk is full they go", () => {
  write("a", "x");
  settle();
  store.unlink(rootIno, "a", caller);
  settle();
  expect(files()).toBe(1);
  expect(store.context.orphans.garbage.removeAll()).toBe(true);
  expect(files()).toBe(0);
  expect(existsSync(join(dir, "work"))).toBe(true);
});
