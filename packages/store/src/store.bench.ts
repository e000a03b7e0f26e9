/**
 * What an operation costs the store thread, on real files: microseconds, median and 99th percentile.
 * `npx tsx --conditions=source packages/store/src/store.bench.ts`
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  type Caller,
  O_CREAT,
  O_RDONLY,
  O_RDWR,
  rootIno,
  silentLogger,
  systemClock,
  systemRandom,
} from "@smfs/core";
import { RealByteStore } from "./real-byte-store.ts";
import { Store } from "./store.ts";

const count = Number(process.argv[2] ?? 20_000);
const caller: Caller = { uid: 0, gid: 0, pid: 1, umask: 0o022 };
const dir = mkdtempSync(join(tmpdir(), "smfs-store-bench-"));
const store = Store.open({
  database: join(dir, "store.db"),
  bytes: new RealByteStore(dir),
  clock: systemClock,
  random: systemRandom,
  logger: silentLogger,
  owner: { uid: 0, gid: 0 },
  emit: () => undefined,
});
const block = new Uint8Array(4096).fill(65);

function measure(name: string, times: number, action: (index: number) => void): void {
  const took = new Float64Array(times);
  for (let index = 0; index < times; index += 1) {
    const start = performance.now();
    action(index);
    took[index] = (performance.now() - start) * 1000;
  }
  const sum = took.reduce((total, us) => total + us, 0);
  took.sort();
  const at = (share: number) => (took[Math.floor(share * (times - 1))] ?? 0).toFixed(1).padStart(8);
  const mean = (sum / times).toFixed(1).padStart(8);
  process.stdout.write(`${name.padEnd(34)} mean ${mean}  p50 ${at(0.5)}  p99 ${at(0.99)} µs\n`);
}

function expectAbsent(name: string): void {
  if (store.find(rootIno, name) !== undefined) throw new Error(`${name} is there`);
}

const root = store.mkdir(rootIno, "d", 0o755, caller).ino;
const inos: number[] = [];

measure("create + write 4k + close", count, (index) => {
  expectAbsent(`f${index}`);
  const { attr, file } = store.create(root, `f${index}`, 0o644, O_CREAT | O_RDWR, caller);
  store.hold(attr.ino);
  store.write(file.fh, block, 0);
  store.flush(file.fh);
  store.release(file.fh);
  inos.push(attr.ino);
});
measure("  of it: the rest, by tick", 1, () => {
  while (store.nextTickMs() >= 0) store.tick(Number.POSITIVE_INFINITY);
});
measure("lookup", count, (index) => store.find(root, `f${index}`));
measure("lookup of what is not there", count, (index) => expectAbsent(`x${index}`));
measure("getattr", count, (index) => store.getattr(inos[index] ?? 0));
measure("getxattr of none", count, (index) => {
  store.getxattr(inos[index] ?? 0, "security.capability");
});
const into = new Uint8Array(4096);
measure("open + read 4k + close", count, (index) => {
  const { fh } = store.open(inos[index] ?? 0, O_RDONLY, caller);
  store.read(fh, into, 0);
  store.flush(fh);
  store.release(fh);
});
measure("open for writing + write 4k + close", count, (index) => {
  const { fh } = store.open(inos[index] ?? 0, O_RDWR, caller);
  store.write(fh, block, 0);
  store.flush(fh);
  store.release(fh);
});
const held = store.open(inos[0] ?? 0, O_RDWR, caller);
measure("write 4k", count, (index) => store.write(held.fh, block, index * 4096));
measure("read 4k", count, (index) => store.read(held.fh, into, index * 4096));
store.release(held.fh);
measure(`readdir of ${count}`, 5, () => {
  const fh = store.opendir(root);
  store.readdir(fh, 0, () => true);
  store.releasedir(fh);
});
measure("setattr mode", count, (index) => store.setattr(inos[index] ?? 0, { mode: 0o600 }, caller));
measure("rename", count, (index) =>
  store.rename(
    { fromParent: root, fromName: `f${index}`, toParent: root, toName: `g${index}`, flags: 0 },
    caller,
  ),
);
measure("unlink + forget", count, (index) => {
  store.unlink(root, `g${index}`, caller);
  store.forget(inos[index] ?? 0);
});
measure("mkdir", count, (index) => store.mkdir(root, `d${index}`, 0o755, caller));
measure("rmdir", count, (index) => store.rmdir(root, `d${index}`, caller));
store.close();
rmSync(dir, { recursive: true });
