// Bytes, sizes and times travel as they are.
import { O_RDWR } from "@smfs/core";
import { expect, test } from "vitest";
import { embeddedQuirks, hostedQuirks } from "../hosted-model/quirks.ts";
import { calmNet } from "../sim/net.ts";
import { caller, type Device, Rig } from "./rig.ts";
import { hasBytes, pair, quiet, servers } from "./scenes.ts";

/** No text in any encoding. */
const binary = (seed: number, length = 700) =>
  Uint8Array.from({ length }, (_, at) => (at * seed + (at >> 3)) & 0xff);

function writeBytes(device: Device, path: string, bytes: Uint8Array): void {
  const fh = device.open(path);
  device.store.write(fh, bytes, 0);
  device.store.release(fh);
}

function readBytes(device: Device, path: string): Uint8Array {
  const { fh } = device.store.open(device.ino(path) ?? 0, O_RDWR & 0, caller);
  const into = new Uint8Array(device.store.getattr(device.ino(path) ?? 0).size);
  device.store.read(fh, into, 0);
  device.store.release(fh);
  return into;
}

const cut = (device: Device, path: string, size: number) =>
  device.store.setattr(device.ino(path) ?? 0, { size }, caller);

for (const [server, quirks] of Object.entries(servers)) {
  test(`[W-13a, W-13b] a file that was emptied is empty at the server, and stays so, with ${server}`, async () => {
    const { rig, a, b } = await pair(quirks);
    a.write("/f", "a secret\n");
    await quiet(rig, a, b);
    cut(a, "/f", 0);
    await quiet(rig, a, b);
    expect(rig.texts()).toEqual({ "/f": "" });
    await rig.run(600_000);
    expect([a.read("/f"), b.read("/f")]).toEqual(["", ""]);
    a.write("/f", "longer than three");
    await quiet(rig, a, b);
    cut(a, "/f", 3);
    await quiet(rig, a, b);
    expect(rig.texts()).toEqual({ "/f": "lon" });
    expect(b.read("/f")).toBe("lon");
  });

  test(`[W-13c] files without a byte arrive, with ${server}`, async () => {
    const { rig, a, b } = await pair(quirks);
    a.mkdir("/package");
    a.write("/package/__init__.py", "");
    a.write("/.gitkeep", "");
    await quiet(rig, a, b);
    expect(b.paths()).toEqual(["/.gitkeep", "/f", "/package/__init__.py"]);
    expect(b.read("/.gitkeep")).toBe("");
  });

  test(`[W-27b] a download that fails at first is made later, and no empty file stands for it, with ${server}`, async () => {
    const rig = new Rig(quirks);
    const a = rig.device("a").start();
    await rig.run(1000);
    writeBytes(a, "/photo", binary(3));
    await quiet(rig, a);
    let isBad = true;
    const faults = () => (isBad ? { ...calmNet, serverError: 0.9 } : calmNet);
    const b = rig.device("b", { faults }).start();
    await rig.run(120_000);
    const early = b.ino("/photo");
    if (early !== undefined) expect(b.store.getattr(early).size).toBe(700);
    isBad = false;
    await rig.until(() => b.ino("/photo") !== undefined && hasBytes(b, "/photo"), "it comes");
    expect(readBytes(b, "/photo")).toEqual(binary(3));
  });

  test(`[W-60] sizes are bytes and times are the writer's, with ${server}`, async () => {
    const { rig, a, b } = await pair(quirks);
    const text = "größer als es aussieht: 🏔\n";
    a.write("/f", text);
    const mtime = { s: 1_500_000_000, ns: 123_456_789 };
    a.store.setattr(a.ino("/f") ?? 0, { mtime }, caller);
    await quiet(rig, a, b);
    const seen = b.store.getattr(b.ino("/f") ?? 0);
    expect(seen.size).toBe(new TextEncoder().encode(text).length);
    expect([seen.mtimeS, seen.mtimeNs]).toEqual([mtime.s, mtime.ns]);
  });
}

test("[W-16a] reading beyond the end, and in holes, gives what is there", () => {
  const rig = new Rig(servers["a server that counts"] ?? expect.unreachable());
  const a = rig.device("a");
  const fh = a.open("/f");
  const read = (offset: number) => {
    const into = new Uint8Array(8);
    return [a.store.read(fh, into, offset), ...into];
  };
  expect(read(100)).toEqual([0, 0, 0, 0, 0, 0, 0, 0, 0]);
  a.store.write(fh, Uint8Array.of(1, 2), 8190);
  expect(read(4096)).toEqual([8, 0, 0, 0, 0, 0, 0, 0, 0]);
  expect(read(8188)).toEqual([4, 0, 0, 1, 2, 0, 0, 0, 0]);
  expect(read(8192)[0]).toBe(0);
  expect(read(2 ** 40)[0]).toBe(0);
  a.store.release(fh);
});

test("[W-27, W-27a, W-57] saving a binary again and again leaves one document with the last bytes, seen elsewhere", async () => {
  const { rig, a, b } = await pair(embeddedQuirks);
  for (const seed of [3, 7, 11]) {
    writeBytes(a, "/photo", binary(seed));
    await quiet(rig, a, b);
  }
  await rig.until(() => hasBytes(b, "/photo"), "b has the bytes");
  expect(readBytes(b, "/photo")).toEqual(binary(11));
  writeBytes(b, "/photo", binary(5, 900));
  await quiet(rig, a, b);
  await rig.until(() => hasBytes(a, "/photo"), "a has the bytes");
  expect(readBytes(a, "/photo")).toEqual(binary(5, 900));
  const docs = [...rig.model.table.all()].filter(({ filepath }) => filepath === "/photo");
  expect(docs.map(({ bytes }) => new Uint8Array(bytes))).toEqual([binary(5, 900)]);
});

test("[W-27, W-57] where a server takes no second document at a path, a binary's next version stays here and is told", async () => {
  const { rig, a, b } = await pair({
    ...hostedQuirks,
    processingMs: [200, 400],
    pathTaken: "conflict",
  });
  writeBytes(a, "/photo", binary(3));
  await quiet(rig, a, b);
  expect(readBytes(b, "/photo")).toEqual(binary(3));
  writeBytes(a, "/photo", binary(7));
  await rig.run(60_000);
  expect(readBytes(a, "/photo")).toEqual(binary(7));
  expect(a.transitions.status().problems.map(({ path }) => path)).toEqual(["/photo"]);
  const docs = [...rig.model.table.all()].filter(({ filepath }) => filepath === "/photo");
  expect(docs.map(({ bytes }) => new Uint8Array(bytes))).toEqual([binary(3)]);
});
