// Bytes that are fetched before anybody asks for them: whatever comes between, they arrive.
import { expect, test } from "vitest";
import type { ModelRequest } from "../hosted-model/message.ts";
import { embeddedQuirks } from "../hosted-model/quirks.ts";
import { type Device, Rig } from "./rig.ts";
import { hasBytes, pair, servers } from "./scenes.ts";

const isFetch = ({ method, path }: ModelRequest) => method === "GET" && path.includes("/raw");

/** Answers fetches of bytes with an error while `isOut()`; counts them. */
function withFetches(rig: Rig, isOut: () => boolean): () => number {
  const handle = rig.model.handle.bind(rig.model);
  let count = 0;
  rig.model.handle = (request, ...more) => {
    if (!isFetch(request)) return handle(request, ...more);
    count += 1;
    return isOut()
      ? { status: 404, headers: {}, json: { error: "not here" } }
      : handle(request, ...more);
  };
  return () => count;
}

const stubs = (device: Device): number => device.transitions.stubs(0, 1 << 20, 1000).length;

test("[HYDRATE-3] bytes that could not be fetched are asked for again, ever more rarely, though nothing else changes", async () => {
  const { rig, a, b } = await pair(embeddedQuirks);
  let isOut = true;
  const fetches = withFetches(rig, () => isOut);
  a.write("/g", "text\n");
  await rig.until(() => b.ino("/g") !== undefined, "b has the name");
  await rig.run(600_000);
  expect(hasBytes(b, "/g")).toBe(false);
  // Each pass asks twice, for what is there now and for the version; at most 8 passes in ten minutes.
  expect(fetches()).toBeGreaterThan(12);
  expect(fetches()).toBeLessThan(8 * 4 + 1);
  isOut = false;
  await rig.until(() => hasBytes(b, "/g"), "b has the bytes", 600_000);
  expect(b.read("/g")).toBe("text\n");
});

test("[HYDRATE-3] a stub whose time has not come is fetched at once when it stands for other bytes", async () => {
  const { rig, a, b } = await pair(embeddedQuirks);
  let isOut = true;
  withFetches(rig, () => isOut);
  a.write("/g", "one\n");
  await rig.until(() => b.ino("/g") !== undefined, "b has the name");
  await rig.run(300_000);
  isOut = false;
  a.write("/g", "two\n");
  await rig.until(() => hasBytes(b, "/g"), "b has the bytes", 5000);
  expect(b.read("/g")).toBe("two\n");
});

test("[HYDRATE-3] what was deferred and is decided later is fetched, though the feed is silent", async () => {
  const rig = new Rig(embeddedQuirks);
  const a = rig.device("a").start();
  const b = rig.device("b", { engine: { push: false } }).start();
  await rig.run(1000);
  b.write("/g", "mine\n");
  a.write("/g", "theirs\n");
  await rig.until(() => b.transitions.pending(1).length > 0, "b has seen it");
  await rig.run(10_000);
  b.rename("/g", "/mine");
  await rig.until(() => b.ino("/g") !== undefined, "b has the name");
  await rig.until(() => hasBytes(b, "/g"), "b has the bytes", 10_000);
  expect(b.read("/g")).toBe("theirs\n");
});

for (const [server, quirks] of Object.entries(servers)) {
  test(`[HYDRATE-3] files that are moved and changed while they are fetched have their bytes in the end, with ${server}`, async () => {
    const { rig, a, b } = await pair(quirks);
    const count = 30;
    for (let at = 0; at < count; at += 1) a.write(`/f${at}`, `first ${at}\n`);
    let done = 0;
    // As soon as one is fetched, it and the next are changed under it.
    rig.onExecuted = (request, device) => {
      if (device !== "b" || request.method !== "GET" || done >= count) return;
      if (a.ino(`/f${done}`) !== undefined) a.rename(`/f${done}`, `/moved${done}`);
      if (done % 2 === 0) a.write(`/moved${done}`, `second ${done}\n`);
      done += 1;
    };
    await rig.until(() => done === count && a.isClean() && b.isClean(), "all is sent", 400_000);
    const isAll = () => b.paths().join() === a.paths().join() && stubs(b) === 0;
    await rig.until(isAll, "b has all", 120_000);
    for (let at = 0; at < count; at += 1) {
      expect(b.read(`/moved${at}`)).toBe(at % 2 === 0 ? `second ${at}\n` : `first ${at}\n`);
    }
    expect(b.errors).toEqual([]);
  });
}

test("[HYDRATE-2, HYDRATE-3] who opens a file while it is fetched in advance waits for the same fetch, and gets its bytes", async () => {
  const { rig, a, b } = await pair(embeddedQuirks);
  const fetches = withFetches(rig, () => false);
  let isOpened = false;
  rig.onExecuted = (request, device) => {
    if (device !== "b" || !isFetch(request) || isOpened) return;
    isOpened = true;
    expect(() => b.read("/g")).toThrow("parked");
  };
  a.write("/g", "text\n");
  await rig.until(() => isOpened, "it is being fetched");
  await rig.until(() => hasBytes(b, "/g"), "b has the bytes");
  await rig.run(5000);
  expect(b.read("/g")).toBe("text\n");
  expect(fetches()).toBe(1);
});
