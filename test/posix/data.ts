// Bytes: reading, writing, appending, truncating, holes, mappings, locks.
import {
  LOCK_EX,
  LOCK_NB,
  LOCK_SH,
  LOCK_UN,
  MAP_PRIVATE,
  MAP_SHARED,
  mmap,
  O_APPEND,
  O_CREAT,
  O_RDONLY,
  O_RDWR,
  O_TRUNC,
  O_WRONLY,
  PROT_READ,
  PROT_WRITE,
  SEEK_DATA,
  SEEK_HOLE,
  sys,
} from "./syscalls.ts";
import type { Case } from "./world.ts";

const KEEP_SIZE = 1;
const PUNCH_HOLE = 2;
const ZERO_RANGE = 16;
const far = 5 * 2 ** 30;

export const dataCases: Readonly<Record<string, Case>> = {
  "reads and writes at the right places": (w) => {
    const fd = w.open("a");
    w.see("write", w.write(fd, "0123456789"));
    w.see("pwrite", w.pwrite(fd, "AB", 3));
    w.see("past the end", w.pwrite(fd, "Z", 15));
    w.see("read", w.pread(fd, 99, 0));
    w.see("read at the end", w.pread(fd, 9, 16));
    w.see("read beyond", w.pread(fd, 9, 999));
    w.see("read nothing", w.pread(fd, 0, 0));
    w.see("write nothing", w.pwrite(fd, "", 99));
    w.see("size", w.stat("a"));
    w.see("below 0", w.pwrite(fd, "x", -1));
  },
  "access modes are kept": (w) => {
    w.file("a", "bytes");
    const reader = w.open("a", O_RDONLY);
    const writer = w.open("a", O_WRONLY);
    w.see("write through a reader", w.write(reader, "x"));
    w.see("read through a writer", w.pread(writer, 9, 0));
    w.see("truncate through a reader", sys.ftruncate(reader, 0));
    w.see("allocate through a reader", sys.fallocate(reader, 0, 0, 9));
  },
  "appends of two handles follow each other": (w) => {
    const first = w.open("a", O_RDWR | O_CREAT | O_APPEND);
    const second = w.open("a", O_WRONLY | O_APPEND);
    for (let i = 0; i < 5; i += 1) {
      w.write(first, `a${i}`);
      w.write(second, `b${i}`);
    }
    w.see("content", w.content("a"));
    w.see("pwrite appends, too", w.pwrite(first, "end", 0));
    w.see("content", w.content("a"));
    sys.truncate(w.path("a"), 4);
    w.write(second, "!");
    w.see("after a truncation", w.content("a"));
  },
  "an append after another handle grew the file": (w) => {
    const appending = w.open("a", O_WRONLY | O_CREAT | O_APPEND);
    const other = w.open("a", O_RDWR);
    w.write(appending, "one ");
    w.pwrite(other, "two ", 4);
    w.write(appending, "three");
    w.see("content", w.content("a"));
  },
  "truncation down and up": (w) => {
    const fd = w.open("a");
    w.write(fd, "0123456789");
    w.see("down", sys.ftruncate(fd, 4));
    w.see("up", sys.ftruncate(fd, 8));
    w.see("read", w.pread(fd, 99, 0));
    w.see("by path", sys.truncate(w.path("a"), 2));
    w.see("read", w.pread(fd, 99, 0));
    w.see("O_TRUNC", sys.close(sys.open(w.path("a"), O_TRUNC | O_WRONLY, 0) as number));
    w.see("size", w.stat("a"));
    w.see("the handle writes where it was", w.write(fd, "x"));
    w.see("size", w.stat("a"));
    w.see("huge", sys.ftruncate(fd, far));
    w.see("size", w.stat("a"));
    w.see("below 0", sys.ftruncate(fd, -1));
  },
  "bytes cut off do not come back": (w) => {
    const fd = w.open("a");
    w.write(fd, "x".repeat(10_000));
    sys.ftruncate(fd, 100);
    sys.ftruncate(fd, 10_000);
    w.see("zeroes", w.pread(fd, 9900, 100) === "\0".repeat(9900));
    w.pwrite(fd, "y", 20_000);
    w.see("hole", w.pread(fd, 10_000, 10_000) === "\0".repeat(10_000));
  },
  "offsets over 4 GiB": (w) => {
    const fd = w.open("a");
    w.see("write", w.pwrite(fd, "far", far));
    w.see("read", w.pread(fd, 9, far));
    w.see("before", w.pread(fd, 3, far - 3));
    w.see("size", w.stat("a"));
    w.see("data", sys.lseek(fd, 0, SEEK_DATA) === far);
    w.see("hole", sys.lseek(fd, 0, SEEK_HOLE));
    w.see("end", sys.lseek(fd, 0, 2));
  },
  "data and holes": (w) => {
    const fd = w.open("a");
    const block = 65_536;
    w.pwrite(fd, "x".repeat(block), 4 * block);
    sys.ftruncate(fd, 16 * block);
    const seek = (at: number, whence: number) => {
      const found = sys.lseek(fd, at, whence);
      return typeof found === "number" ? found / block : found;
    };
    w.see("data", [seek(0, SEEK_DATA), seek(4 * block, SEEK_DATA), seek(5 * block, SEEK_DATA)]);
    w.see("holes", [seek(0, SEEK_HOLE), seek(4 * block, SEEK_HOLE), seek(9 * block, SEEK_HOLE)]);
    w.see("past the end", [seek(16 * block, SEEK_DATA), seek(17 * block, SEEK_HOLE)]);
  },
  "fallocate: reserve, keep the size, punch, zero": (w) => {
    const fd = w.open("a");
    w.see("reserve", sys.fallocate(fd, 0, 0, 100_000));
    w.see("size", w.stat("a"));
    w.see("keep", sys.fallocate(fd, KEEP_SIZE, 100_000, 100_000));
    w.see("size", w.stat("a"));
    w.pwrite(fd, "x".repeat(100_000), 0);
    w.see("punch", sys.fallocate(fd, PUNCH_HOLE | KEEP_SIZE, 4096, 8192));
    w.see("punched", w.pread(fd, 8192, 4096) === "\0".repeat(8192));
    w.see("around", [w.pread(fd, 1, 4095), w.pread(fd, 1, 12_288)]);
    w.see("punch without keep", sys.fallocate(fd, PUNCH_HOLE, 0, 10));
    w.see("no length", sys.fallocate(fd, 0, 0, 0));
    w.see("below 0", sys.fallocate(fd, 0, -1, 10));
    w.see("size", w.stat("a"));
  },
  "fallocate zeroes a range": (w) => {
    const fd = w.open("a");
    w.write(fd, "x".repeat(10_000));
    const zeroed = sys.fallocate(fd, ZERO_RANGE, 100, 50);
    w.see("zero", zeroed);
    w.see("read", w.pread(fd, 60, 95) === `xxxxx${"\0".repeat(50)}xxxxx`);
  },
  copy_file_range: (w) => {
    const from = w.open("from");
    const to = w.open("to");
    w.write(from, "0123456789");
    const copy = (fromAt: number, toAt: number, n: number, target = to) =>
      sys.copyFileRange(from, [fromAt], target, [toAt], n, 0);
    w.see("copy", copy(2, 5, 4));
    w.see("to", w.content("to"));
    w.see("short at the end", copy(8, 0, 99));
    w.see("to", w.content("to"));
    w.see("beyond the end", copy(99, 0, 9));
    w.see("nothing", copy(0, 0, 0));
    w.see("within one file", copy(0, 20, 5, from));
    w.see("from", w.content("from"));
    w.see("overlapping", copy(0, 2, 5, from));
    w.see("from a directory", sys.copyFileRange(w.open(".", O_RDONLY), [0], to, [0], 9, 0));
    w.see("to a reader", sys.copyFileRange(from, [0], w.open("to", O_RDONLY), [0], 9, 0));
  },
  "a shared mapping and the file are one": (w) => {
    const fd = w.open("a");
    w.write(fd, "0".repeat(8192));
    const map = mmap(fd, 8192, PROT_READ | PROT_WRITE, MAP_SHARED);
    if (map === undefined) throw new Error("no mapping");
    map.bytes.set(Buffer.from("MAP"), 100);
    w.see("read sees the store", w.pread(fd, 5, 99));
    w.pwrite(fd, "FILE", 5000);
    w.see("the mapping sees the write", Buffer.from(map.bytes.subarray(4999, 5005)).toString());
    map.sync();
    w.see("another reader", w.content("a").slice(99, 104));
    sys.close(sys.open(w.path("a"), O_RDONLY, 0) as number);
    map.bytes.set(Buffer.from("END"), 8189);
    map.unmap();
    w.see("after the unmapping", w.content("a").slice(-4));
    w.see("size", w.stat("a"));
  },
  "a mapping outlives its descriptor and its name": (w) => {
    const fd = w.open("a");
    w.write(fd, "0".repeat(4096));
    sys.link(w.path("a"), w.path("b"));
    const map = mmap(fd, 4096, PROT_READ | PROT_WRITE, MAP_SHARED);
    if (map === undefined) throw new Error("no mapping");
    w.close(fd);
    sys.unlink(w.path("a"));
    map.bytes.set(Buffer.from("later"), 10);
    w.see("the mapping", Buffer.from(map.bytes.subarray(9, 16)).toString());
    map.unmap();
    w.see("the other name", w.content("b").slice(9, 16));
  },
  "a private mapping changes nothing": (w) => {
    const fd = w.open("a", O_RDWR | O_CREAT);
    w.write(fd, "0".repeat(4096));
    const map = mmap(fd, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE);
    if (map === undefined) throw new Error("no mapping");
    map.bytes.set(Buffer.from("mine"), 0);
    w.see("mine", Buffer.from(map.bytes.subarray(0, 5)).toString());
    w.see("the file's", w.pread(fd, 5, 0));
    map.unmap();
    const reader = w.open("a", O_RDONLY);
    w.see(
      "a writable shared mapping of a reader",
      mmap(reader, 4096, PROT_READ | PROT_WRITE, MAP_SHARED) === undefined,
    );
  },
  "flock: shared, exclusive, released by closing": (w) => {
    const [a, b] = [w.open("a"), w.open("a")];
    w.see("shared", [sys.flock(a, LOCK_SH), sys.flock(b, LOCK_SH | LOCK_NB)]);
    w.see("exclusive", sys.flock(a, LOCK_EX | LOCK_NB));
    w.see("unlock", sys.flock(b, LOCK_UN));
    w.see("exclusive", sys.flock(a, LOCK_EX | LOCK_NB));
    w.see("other", sys.flock(b, LOCK_SH | LOCK_NB));
    w.close(a);
    w.see("after the close", sys.flock(b, LOCK_EX | LOCK_NB));
  },
  "sync calls": (w) => {
    const fd = w.open("a");
    w.write(fd, "x");
    w.see("fsync", sys.fsync(fd));
    w.see("fdatasync", sys.fdatasync(fd));
    w.see("of a directory", sys.fsync(w.open(".", O_RDONLY)));
    w.see("of a reader", sys.fsync(w.open("a", O_RDONLY)));
    const synced = w.open("s", O_RDWR | O_CREAT | 0o4010000);
    w.see("O_SYNC", w.write(synced, "bytes"));
  },
  "one megabyte in odd pieces": (w) => {
    const fd = w.open("a");
    let at = 0;
    for (let i = 1; at < 1 << 20; i += 1) {
      const piece = String.fromCharCode(97 + (i % 26)).repeat((i * 37) % 5001);
      w.pwrite(fd, piece, at);
      at += piece.length;
    }
    let sum = 0;
    const bytes = w.content("a");
    for (let i = 0; i < bytes.length; i += 1) sum = (sum * 31 + bytes.charCodeAt(i)) | 0;
    w.see("size and sum", [bytes.length, sum]);
  },
};
