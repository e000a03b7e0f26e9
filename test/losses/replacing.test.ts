// Binaries on a server that cannot replace the bytes of a document: a new one takes the old one's place, and at no moment
// is neither there, nor is a third.
import { check } from "@smfs/store";
import { expect, test } from "vitest";
import { hostedQuirks, type Quirks } from "../hosted-model/quirks.ts";
import { type Device, Rig } from "./rig.ts";
import { hasBytes, quiet } from "./scenes.ts";

const quick: Quirks = { ...hostedQuirks, processingMs: [200, 400] };

/** No text in any encoding. */
const binary = (seed: number, length = 700) =>
  Uint8Array.from({ length }, (_, at) => (at * seed + (at >> 3)) & 0xff);

function save(device: Device, path: string, bytes: Uint8Array): void {
  const fh = device.open(path);
  device.store.write(fh, bytes, 0);
  device.store.release(fh);
}

function bytesOf(device: Device, path: string): Uint8Array {
  const ino = device.ino(path) ?? 0;
  const { fh } = device.store.open(ino, 0, { uid: 1000, gid: 1000, pid: 1, umask: 0o022 });
  const into = new Uint8Array(device.store.getattr(ino).size);
  device.store.read(fh, into, 0);
  device.store.release(fh);
  return into;
}

function docs(rig: Rig, path = "/photo") {
  return [...rig.model.table.all()].filter(({ filepath }) => filepath === path);
}

function hasSound(...devices: Device[]): void {
  for (const device of devices) {
    expect(check(device.store.context, { deep: true })).toEqual([]);
    expect(device.errors).toEqual([]);
  }
}

/** Two devices with one photo. */
async function album(quirks: Quirks) {
  const rig = new Rig(quirks);
  const a = rig.device("a").start();
  const b = rig.device("b").start();
  await rig.run(1000);
  save(a, "/photo", binary(3));
  await quiet(rig, a, b);
  await rig.until(() => hasBytes(b, "/photo"), "b has the bytes");
  return { rig, a, b };
}

const servers: Record<string, Quirks> = {
  "that takes two documents at a path": quick,
  "that puts what is uploaded to a path into its document": { ...quick, pathTaken: "upsert" },
  "that finds nothing by customer id": { ...quick, getByCustomId: false },
  "that takes its time": { ...quick, processingMs: [8000, 12_000] },
};

for (const [server, quirks] of Object.entries(servers)) {
  test(`[W-27, PUSH-12] a binary that is saved again and again is one document with the last bytes, on a server ${server}`, async () => {
    const { rig, a, b } = await album(quirks);
    // What was once there stays in one piece: the old bytes until the new ones are.
    rig.onExecuted = () => {
      const all = docs(rig).map(({ bytes }) => bytes.length);
      expect(all.length).toBeGreaterThanOrEqual(1);
      expect(all.length).toBeLessThanOrEqual(2);
    };
    for (const seed of [7, 11, 13]) {
      save(a, "/photo", binary(seed, 700 + seed));
      await quiet(rig, a, b);
      expect(docs(rig).map(({ bytes }) => new Uint8Array(bytes))).toEqual([
        binary(seed, 700 + seed),
      ]);
    }
    await rig.until(() => hasBytes(b, "/photo"), "b has the bytes");
    expect(bytesOf(b, "/photo")).toEqual(binary(13, 713));
    expect(b.paths()).toEqual(["/photo"]);
    save(b, "/photo", binary(5, 900));
    await quiet(rig, a, b);
    await rig.until(() => hasBytes(a, "/photo"), "a has the bytes");
    expect(bytesOf(a, "/photo")).toEqual(binary(5, 900));
    expect(docs(rig)).toHaveLength(1);
    hasSound(a, b);
  });
}

test("[PUSH-12] a text that becomes a binary, and a binary that becomes a text, stay one document", async () => {
  const rig = new Rig(quick);
  const a = rig.device("a").start();
  await rig.run(1000);
  a.write("/photo", "a text\n");
  await quiet(rig, a);
  save(a, "/photo", binary(7));
  await quiet(rig, a);
  expect(docs(rig).map(({ bytes }) => new Uint8Array(bytes))).toEqual([binary(7)]);
  a.write("/photo", "a text again\n");
  await quiet(rig, a);
  expect(rig.texts()).toEqual({ "/photo": "a text again\n" });
  hasSound(a);
});

test("[PUSH-12] what fails to be processed is taken away before it is made again, and refused in the end", async () => {
  let failShare = 0;
  const rig = new Rig({
    ...quick,
    get failShare() {
      return failShare;
    },
  });
  const a = rig.device("a").start();
  await rig.run(1000);
  save(a, "/photo", binary(3));
  await quiet(rig, a);
  failShare = 1;
  let most = 0;
  rig.onExecuted = () => {
    most = Math.max(most, docs(rig).length);
  };
  save(a, "/photo", binary(7));
  await rig.until(() => a.transitions.status().problems.length > 0, "it is refused", 400_000);
  expect(most).toBe(2);
  expect(docs(rig).map(({ bytes }) => new Uint8Array(bytes))).toEqual([binary(3)]);
  expect(bytesOf(a, "/photo")).toEqual(binary(7));
  // The next version goes.
  failShare = 0;
  save(a, "/photo", binary(9));
  await quiet(rig, a);
  expect(docs(rig).map(({ bytes }) => new Uint8Array(bytes))).toEqual([binary(9)]);
  hasSound(a);
});

for (const moment of ["POST", "GET", "DELETE"]) {
  for (const isAnswered of [true, false]) {
    test(`[PUSH-12, PUSH-11] a daemon that dies at the ${moment} of a replacement${isAnswered ? "'s answer" : ""} goes on with it, and one document is left`, async () => {
      const { rig, a, b } = await album(quick);
      let died = false;
      let next = a;
      rig.onExecuted = ({ method }, device) => {
        if (device !== "a" || died || method !== moment) return;
        if (moment === "GET" && docs(rig).length < 2) return;
        died = true;
        // The answer is on its way, or the daemon dies before it can come.
        if (isAnswered) rig.sched.after(1, "death", undefined, () => (next = a.restart()));
        else next = a.restart();
      };
      save(a, "/photo", binary(7));
      await rig.until(() => died, "it died", 60_000);
      await rig.run(10);
      await quiet(rig, next, b);
      expect(docs(rig).map(({ bytes }) => new Uint8Array(bytes))).toEqual([binary(7)]);
      expect(bytesOf(next, "/photo")).toEqual(binary(7));
      await rig.until(() => hasBytes(b, "/photo"), "b has the bytes");
      expect(bytesOf(b, "/photo")).toEqual(binary(7));
      hasSound(next, b);
    });
  }
}

test("[PUSH-12] pull takes a document that is to replace another for no late creation, before it is confirmed", async () => {
  const { rig, a, b } = await album(quick);
  let next: Device | undefined;
  rig.onExecuted = ({ method }, device) => {
    if (device === "a" && method === "POST" && docs(rig).length === 2)
      next ??= a.restart({ push: false });
  };
  save(a, "/photo", binary(7));
  await rig.until(() => next !== undefined, "the new one is there", 60_000);
  await rig.run(300_000);
  expect(docs(rig).map(({ bytes }) => bytes[1])).toEqual([3, 7]);
  const last = next?.restart({ push: true }) ?? a;
  await quiet(rig, last, b);
  expect(docs(rig).map(({ bytes }) => bytes[1])).toEqual([7]);
  hasSound(last, b);
});

test("[PUSH-12] a change of the old document during its replacement is kept beside it", async () => {
  const { rig, a, b } = await album(quick);
  let isChanged = false;
  rig.onExecuted = ({ method }, device) => {
    if (device !== "a" || method !== "POST" || docs(rig).length < 2 || isChanged) return;
    isChanged = true;
    const [old] = docs(rig);
    if (old !== undefined)
      rig.model.table.put(
        {
          ...old,
          bytes: binary(21),
          rev: old.rev + 1,
          metadata: {},
          updatedAt: old.updatedAt + 5000,
        },
        rig.model.monotonicNow,
        "request",
      );
  };
  save(a, "/photo", binary(7));
  await rig.until(() => isChanged, "the old one is changed", 60_000);
  await quiet(rig, a, b);
  const kept = [...rig.model.table.all()].map(({ bytes }) => bytes[1]);
  expect(kept.sort()).toEqual([binary(7)[1], binary(21)[1]].sort());
  hasSound(a, b);
});

test("[PUSH-12] a save during the replacement is sent after it, and two devices lose neither's save", async () => {
  const { rig, a, b } = await album(quick);
  rig.onExecuted = ({ method }, device) => {
    if (device !== "a" || method !== "POST" || docs(rig).length !== 2) return;
    rig.onExecuted = () => undefined;
    save(a, "/photo", binary(9));
    save(b, "/photo", binary(15));
  };
  save(a, "/photo", binary(7));
  await quiet(rig, a, b);
  const kept = [...rig.model.table.all()].map(({ bytes }) => bytes[1] ?? 0).sort((x, y) => x - y);
  expect(kept).toEqual([9, 15]);
  hasSound(a, b);
});
