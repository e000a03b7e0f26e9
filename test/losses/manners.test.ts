// How a device treats a server that has enough of it, and what becomes of much work done without one.
import { expect, test } from "vitest";
import type { ModelRequest, ModelResponse } from "../hosted-model/message.ts";
import { embeddedQuirks, hostedQuirks } from "../hosted-model/quirks.ts";
import { Rig } from "./rig.ts";
import { asStranger, hasBytes, pair, quiet, servers } from "./scenes.ts";

/** Answers some requests in the server's place. */
function inPlaceOf(rig: Rig, answer: (request: ModelRequest) => ModelResponse | undefined): void {
  const handle = rig.model.handle.bind(rig.model);
  rig.model.handle = (request, ...more) => answer(request) ?? handle(request, ...more);
}

const isWrite = ({ method, path }: ModelRequest) => method !== "GET" && !path.endsWith("/list");

for (const status of [401, 402, 403]) {
  test(`[CONN-1] a ${status} pauses the mount visibly, drops nothing, and is asked about once a minute`, async () => {
    const rig = new Rig(embeddedQuirks);
    let isRefused = false;
    const asked: number[] = [];
    inPlaceOf(rig, () => {
      if (!isRefused) return undefined;
      asked.push(rig.sched.now);
      return { status, headers: {}, json: { error: "not now" } };
    });
    const a = rig.device("a").start();
    await rig.run(1000);
    isRefused = true;
    for (let count = 0; count < 40; count += 1) a.write(`/f${count}`, "kept");
    await rig.run(600_000);
    // Sixteen may be on their way when the first answer comes.
    expect(asked.length).toBeLessThan(16 + 3 * 10);
    expect(a.transitions.status().problems).toEqual([]);
    expect(a.transitions.status().dirtyCount).toBe(40);
    isRefused = false;
    await rig.until(() => a.isClean(), "all arrives", 200_000);
    expect(Object.keys(rig.texts())).toHaveLength(40);
  });
}

test("[CONN-2] after a 429 nothing is sent before the time that it names", async () => {
  const rig = new Rig(embeddedQuirks);
  let busyUntil = 0;
  const early: string[] = [];
  inPlaceOf(rig, (request) => {
    if (busyUntil === 0 && isWrite(request)) busyUntil = rig.sched.now + 40_000;
    if (rig.sched.now >= busyUntil) return undefined;
    // What had left before the answer came is no fault.
    if (rig.sched.now > busyUntil - 39_000) early.push(`${request.method} ${request.path}`);
    return { status: 429, headers: { "retry-after": "40" }, json: { error: "slower" } };
  });
  const a = rig.device("a").start();
  await rig.run(1000);
  for (let count = 0; count < 100; count += 1) a.write(`/f${count}`, "text");
  await rig.until(() => a.isClean(), "all arrives", 300_000);
  expect(early.filter((one) => !one.startsWith("GET"))).toEqual([]);
  expect(Object.keys(rig.texts())).toHaveLength(100);
});

for (const [server, quirks] of Object.entries({
  "the hosted server": hostedQuirks,
  "a server that counts": embeddedQuirks,
})) {
  test(`[PUSH-9, W-25] a file that is too large for the server stays here whole and is told; shorter it goes, with ${server}`, async () => {
    const rig = new Rig({
      ...quirks,
      processingMs: [100, 200],
      contentBytesMax: 5000,
      fileBytesMax: 5000,
    });
    const a = rig.device("a").start();
    await rig.run(1000);
    a.write("/f", "short\n");
    await quiet(rig, a);
    const large = "a line of a large file\n".repeat(1000);
    a.write("/f", large);
    a.write("/g", large);
    await rig.run(60_000);
    expect(a.read("/f")).toBe(large);
    expect(rig.texts()).toEqual({ "/f": "short\n" });
    expect(
      a.transitions
        .status()
        .problems.map(({ path }) => path)
        .sort(),
    ).toEqual(["/f", "/g"]);
    a.write("/f", "short again\n");
    a.write("/g", "short, too\n");
    await quiet(rig, a);
    expect(rig.texts()).toEqual({ "/f": "short again\n", "/g": "short, too\n" });
    expect(a.transitions.status().problems).toEqual([]);
  });
}

test("[CONN-3] much that was done without the server arrives in the order of its dependencies, and the count goes down", async () => {
  const rig = new Rig(embeddedQuirks);
  const a = rig.device("a").start();
  const b = rig.device("b").start();
  await rig.run(1000);
  for (let at = 0; at < 30; at += 1) a.write(`/old${at}`, `old ${at}`);
  await quiet(rig, a, b);
  a.isOffline = true;
  const texts: Record<string, string> = {};
  // Seven days' work; the time itself does not matter.
  for (let day = 0; day < 7; day += 1) {
    a.mkdir(`/day${day}`);
    for (let at = 0; at < 60; at += 1) {
      a.write(`/day${day}/f${at}`, `first ${at}`);
      if (at % 3 === 0) a.write(`/day${day}/f${at}`, `second ${at}`);
      texts[`/week/day${day}/f${at}`] = at % 3 === 0 ? `second ${at}` : `first ${at}`;
    }
    // A name is freed and taken again, one file goes over another, a directory is renamed with all that is in it.
    a.unlink(`/old${day}`);
    a.write(`/old${day}`, `new ${day}`);
    texts[`/old${day}`] = `new ${day}`;
    a.rename(`/old${10 + day}`, `/old${20 + day}`);
    texts[`/old${20 + day}`] = `old ${10 + day}`;
    await rig.run(20_000);
  }
  a.mkdir("/week");
  for (let day = 0; day < 7; day += 1) a.rename(`/day${day}`, `/week/day${day}`);
  for (const at of [7, 8, 9, 17, 18, 19, 27, 28, 29]) texts[`/old${at}`] = `old ${at}`;
  await rig.run(20_000);
  a.isOffline = false;
  const counts: number[] = [];
  await rig.until(
    () => {
      counts.push(a.transitions.status().dirtyCount);
      return a.isClean();
    },
    "all arrives",
    900_000,
  );
  await quiet(rig, a, b);
  expect(rig.texts()).toEqual(texts);
  const paths = Object.keys(texts);
  await rig.until(() => paths.every((path) => hasBytes(b, path)), "b has all bytes");
  for (const [path, text] of Object.entries(texts)) expect(b.read(path)).toBe(text);
  expect(counts[0]).toBeGreaterThan(420);
  expect(counts.every((count, at) => at === 0 || count <= (counts[at - 1] ?? 0))).toBe(true);
  expect(a.transitions.status().conflicts).toEqual([]);
}, 60_000);

for (const [server, quirks] of Object.entries(servers)) {
  test(`[W-58] a save that goes over the file is the file, elsewhere too, with ${server}`, async () => {
    const { rig, a, b } = await pair(quirks);
    a.write("/f.tmp", "saved whole\n");
    a.rename("/f.tmp", "/f");
    await quiet(rig, a, b);
    expect(rig.texts()).toEqual({ "/f": "saved whole\n" });
    expect(b.read("/f")).toBe("saved whole\n");
  });

  test(`[W-59] a name that another writer made after this device had looked is no second document of its text, with ${server}`, async () => {
    const { rig, a, b } = await pair(quirks);
    const made = { containerTag: "notes", filepath: "/new", content: "a stranger's\n" };
    asStranger(rig, "POST", "/v3/documents", made);
    a.write("/new", "of this device\n");
    await quiet(rig, a, b);
    const all = [...rig.model.table.all()].map(({ bytes }) => Buffer.from(bytes).toString());
    expect(all.filter((text) => text === "a stranger's\n")).toHaveLength(1);
    expect(all.filter((text) => text === "of this device\n")).toHaveLength(1);
    expect(all).toHaveLength(3);
  });
}

test("[W-56] nothing that the server says of a failed document becomes its text", async () => {
  let failShare = 0;
  const rig = new Rig({
    ...hostedQuirks,
    processingMs: [200, 400],
    get failShare() {
      return failShare;
    },
  });
  const a = rig.device("a").start();
  const b = rig.device("b").start();
  await rig.run(1000);
  a.write("/log", "one\n");
  await quiet(rig, a, b);
  failShare = 1;
  a.write("/log", "one\ntwo\n");
  await rig.run(20_000);
  a.write("/log", "one\ntwo\nthree\n");
  await rig.run(20_000);
  failShare = 0;
  a.write("/log", "one\ntwo\nthree\nfour\n");
  await quiet(rig, a, b);
  expect(rig.texts()).toEqual({ "/log": "one\ntwo\nthree\nfour\n" });
  expect(b.read("/log")).toBe("one\ntwo\nthree\nfour\n");
});
