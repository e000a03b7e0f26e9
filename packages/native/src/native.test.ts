import { spawn, spawnSync } from "node:child_process";
import {
  closeSync,
  fstatSync,
  ftruncateSync,
  mkdtempSync,
  openSync,
  readFileSync,
  readSync,
  rmSync,
  writeFileSync,
  writeSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import {
  clearWake,
  cloneFile,
  copyFileRange,
  FALLOC_FL_COLLAPSE_RANGE,
  FALLOC_FL_ZERO_RANGE,
  fallocate,
  openWakeFd,
  Poller,
  probeWriters,
  punchHole,
  readDescriptor,
  receiveDescriptor,
  renameWithFlags,
  SystemError,
  seekData,
  seekHole,
  signalWake,
  socketPair,
  unmount,
  writeDescriptor,
  writeDescriptorAsync,
} from "./index.ts";

const opened: number[] = [];
let dir = "";

beforeAll(() => {
  dir = mkdtempSync(join(tmpdir(), "smfs-native-"));
});

afterAll(() => {
  for (const fd of opened) closeSync(fd);
  rmSync(dir, { recursive: true });
});

function open(name: string, flags: string): number {
  const fd = openSync(join(dir, name), flags);
  opened.push(fd);
  return fd;
}

function codeOf(action: () => unknown): string {
  try {
    action();
  } catch (error) {
    expect(error).toBeInstanceOf(SystemError);
    return (error as SystemError).code;
  }
  return "no error";
}

describe("probeWriters", () => {
  test("[NATIVE-1] says busy while anybody can write the file, and granted after", () => {
    writeFileSync(join(dir, "lease"), "x");
    const reader = open("lease", "r");
    expect(probeWriters(reader)).toBe("granted");
    const writer = openSync(join(dir, "lease"), "r+");
    expect(probeWriters(reader)).toBe("busy");
    closeSync(writer);
    expect(probeWriters(reader)).toBe("granted");
  });

  test("[NATIVE-1] sees a shared mapping that outlives its descriptor", async () => {
    const path = join(dir, "mapped");
    writeFileSync(path, "0".repeat(4096));
    const reader = open("mapped", "r");
    const script = `import mmap,os,sys
fd=os.open(sys.argv[1],os.O_RDWR)
m=mmap.mmap(fd,4096)
os.close(fd)
print("mapped",flush=True)
sys.stdin.readline()`;
    const child = spawn("python3", ["-c", script, path], { stdio: ["pipe", "pipe", "inherit"] });
    await new Promise((resolve) => child.stdout.once("data", resolve));
    expect(probeWriters(reader)).toBe("busy");
    child.stdin.end("\n");
    await new Promise((resolve) => child.once("exit", resolve));
    expect(probeWriters(reader)).toBe("granted");
  });

  test("[NATIVE-1] an open for writing that breaks the lease ends nothing", async () => {
    const path = join(dir, "raced");
    writeFileSync(path, "x");
    const reader = open("raced", "r");
    const script = `import os,sys
for _ in range(3000):
    os.close(os.open(sys.argv[1],os.O_RDWR))`;
    const child = spawn("python3", ["-c", script, path], { stdio: "inherit" });
    const ended = new Promise((resolve) => child.once("exit", resolve));
    let done = false;
    ended.then(
      () => {
        done = true;
      },
      () => undefined,
    );
    while (!done) {
      for (let i = 0; i < 200; i += 1) expect(["granted", "busy"]).toContain(probeWriters(reader));
      await new Promise((resolve) => setImmediate(resolve));
    }
    expect(await ended).toBe(0);
    expect(probeWriters(reader)).toBe("granted");
  });

  test("[NATIVE-1] a descriptor that can write is no way to ask", () => {
    expect(probeWriters(open("own", "w+"))).toBe("busy");
    expect(codeOf(() => probeWriters(9999))).toBe("EBADF");
  });
});

describe("ranges", () => {
  const block = 4096;

  test("[NATIVE-2] holes and data are found where they are", () => {
    const fd = open("sparse", "w+");
    ftruncateSync(fd, 16 * block);
    writeSync(fd, Buffer.alloc(block, 1), 0, block, 8 * block);
    expect(seekData(fd, 0)).toBe(8 * block);
    expect(seekHole(fd, 0)).toBe(0);
    expect(seekHole(fd, 8 * block)).toBe(9 * block);
    expect(seekData(fd, 9 * block)).toBeUndefined();
    expect(seekHole(fd, 16 * block)).toBeUndefined();
    expect(codeOf(() => seekData(9999, 0))).toBe("EBADF");
  });

  test("[NATIVE-2] offsets over 4 GiB arrive whole", () => {
    const fd = open("huge", "w+");
    const far = 5 * 2 ** 30;
    ftruncateSync(fd, far + 2 * block);
    writeSync(fd, Buffer.alloc(block, 1), 0, block, far);
    expect(seekData(fd, 0)).toBe(far);
    punchHole(fd, far, block);
    expect(seekData(fd, 0)).toBeUndefined();
    expect(fstatSync(fd).size).toBe(far + 2 * block);
  });

  test("[NATIVE-2] fallocate reserves, zeroes, and says what the disk cannot", () => {
    const fd = open("allocated", "w+");
    fallocate(fd, 0, 0, 3 * block);
    expect(fstatSync(fd).size).toBe(3 * block);
    writeSync(fd, Buffer.alloc(block, 1), 0, block, 0);
    fallocate(fd, FALLOC_FL_ZERO_RANGE, 0, block);
    const bytes = Buffer.alloc(block, 9);
    readSync(fd, bytes, 0, block, 0);
    expect(bytes.every((byte) => byte === 0)).toBe(true);
    expect(codeOf(() => fallocate(fd, FALLOC_FL_COLLAPSE_RANGE, 1, 1))).toMatch(
      /^(EINVAL|EOPNOTSUPP)$/,
    );
    expect(codeOf(() => fallocate(9999, 0, 0, 1))).toBe("EBADF");
  });

  test("[NATIVE-2] copyFileRange copies at its own offsets, short at the end", () => {
    writeFileSync(join(dir, "source"), "0123456789");
    const from = open("source", "r");
    const to = open("target", "w+");
    const range = { fromFd: from, fromOffset: 4, toFd: to, toOffset: 2, length: 100 };
    expect(copyFileRange(range)).toBe(6);
    expect(readFileSync(join(dir, "target"), "latin1")).toBe("\0\x00456789");
    expect(copyFileRange({ ...range, fromOffset: 10 })).toBe(0);
    expect(codeOf(() => copyFileRange({ ...range, toFd: 9999 }))).toBe("EBADF");
  });

  test("[NATIVE-2] cloneFile shares all or says that it cannot", () => {
    writeFileSync(join(dir, "original"), "bytes");
    const from = open("original", "r");
    const to = open("clone", "w+");
    const cloned = cloneFile(from, to);
    expect(readFileSync(join(dir, "clone"), "utf8")).toBe(cloned ? "bytes" : "");
  });
});

test("[NATIVE-3] a wake-up that comes before the wait is not lost, and many are one", () => {
  const wake = openWakeFd();
  opened.push(wake);
  const silent = openWakeFd();
  opened.push(silent);
  const poller = new Poller([silent, wake]);
  expect(poller.wait(0)).toBe(0);
  signalWake(wake);
  signalWake(wake);
  expect(poller.wait(-1)).toBe(1);
  expect(poller.isReady(0)).toBe(false);
  expect(poller.isReady(1)).toBe(true);
  expect(clearWake(wake)).toBe(true);
  expect(clearWake(wake)).toBe(false);
  expect(poller.wait(1)).toBe(0);
  expect(poller.isReady(1)).toBe(false);
});

test("[NATIVE-4] raw reads and writes answer counts, or negative errnos", async () => {
  const { ours, theirs } = socketPair();
  opened.push(ours);
  const bytes = new Uint8Array([1, 2, 3]);
  expect(writeDescriptor(ours, bytes, 2)).toBe(2);
  expect(await writeDescriptorAsync(ours, bytes)).toBe(3);
  const into = new Uint8Array(8);
  expect(readDescriptor(theirs, into)).toBe(5);
  expect([...into.subarray(0, 5)]).toEqual([1, 2, 1, 2, 3]);
  closeSync(theirs);
  expect(readDescriptor(9999, into)).toBe(-9);
  expect(writeDescriptor(9999, bytes, 1)).toBe(-9);
  expect(await writeDescriptorAsync(9999, bytes)).toBe(-9);
});

test("[NATIVE-5] a descriptor sent by a child arrives and is the same file", () => {
  writeFileSync(join(dir, "passed"), "through the socket");
  const { ours, theirs } = socketPair();
  opened.push(ours);
  const script = `import os,socket,sys
s=socket.socket(fileno=3)
socket.send_fds(s,[b"x"],[os.open(sys.argv[1],os.O_RDONLY)])`;
  const args = ["-c", script, join(dir, "passed")];
  const { status } = spawnSync("python3", args, { stdio: ["ignore", "ignore", "inherit", theirs] });
  closeSync(theirs);
  expect(status).toBe(0);
  const fd = receiveDescriptor(ours);
  opened.push(fd);
  expect(readFileSync(fd, "utf8")).toBe("through the socket");
});

test("[NATIVE-5] a peer that sends none is an error, not a wait", () => {
  const { ours, theirs } = socketPair();
  opened.push(ours);
  expect(codeOf(() => receiveDescriptor(ours))).toBe("EAGAIN");
  writeDescriptor(theirs, new Uint8Array(1), 1);
  expect(codeOf(() => receiveDescriptor(ours))).toBe("EBADF");
  closeSync(theirs);
});

test("[NATIVE-6] renameWithFlags refuses to replace, and exchanges", () => {
  writeFileSync(join(dir, "a"), "A");
  writeFileSync(join(dir, "b"), "B");
  const noReplace = 1;
  const exchange = 2;
  expect(codeOf(() => renameWithFlags(join(dir, "a"), join(dir, "b"), noReplace))).toBe("EEXIST");
  renameWithFlags(join(dir, "a"), join(dir, "b"), exchange);
  expect(readFileSync(join(dir, "a"), "utf8")).toBe("B");
});

test("[NATIVE-6] a path with a NUL is refused before the kernel sees its first half", () => {
  expect(codeOf(() => unmount(`${dir}\0/x`, 0))).toBe("EINVAL");
  expect(codeOf(() => unmount(join(dir, "absent"), 0))).toBe("ENOENT");
});
