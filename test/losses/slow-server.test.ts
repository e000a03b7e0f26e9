// Servers that take long, fail, refuse or restart: what was saved is sent in the end, once, and looked at sparingly.
import { expect, test } from "vitest";
import { hostedQuirks, type Quirks } from "../hosted-model/quirks.ts";
import { type Device, Rig } from "./rig.ts";
import { pair, quiet, servers, writesOf } from "./scenes.ts";

const hosted: Quirks = { ...hostedQuirks, processingMs: [200, 400] };

async function alone(quirks: Quirks): Promise<{ rig: Rig; a: Device }> {
  const rig = new Rig(quirks);
  const a = rig.device("a").start();
  await rig.run(1000);
  return { rig, a };
}

for (const [server, quirks] of Object.entries(servers)) {
  test(`[W-5] a process that dies at any moment of an upload strands nothing, with ${server}`, async () => {
    for (let diesMs = 20; diesMs < 900; diesMs += 80) {
      const { rig, a } = await alone(quirks);
      a.write("/f", "first\n");
      await rig.run(diesMs);
      const after = a.restart();
      await rig.until(() => after.isClean(), `it arrives after ${diesMs} ms`, 300_000);
      expect(rig.texts()).toEqual({ "/f": "first\n" });
      after.write("/f", "second\n");
      await rig.until(() => after.isClean(), `so does the next save after ${diesMs} ms`, 300_000);
      expect(rig.texts()).toEqual({ "/f": "second\n" });
      expect([...rig.model.table.all()]).toHaveLength(1);
      expect(after.errors).toEqual([]);
    }
  });

  test(`[W-22, W-23] what waits to be sent is sent by a later process, however often it is restarted, with ${server}`, async () => {
    const { rig, a } = await alone(quirks);
    a.isOffline = true;
    a.write("/f", "unsent\n");
    await rig.run(5000);
    let device = a;
    for (let count = 0; count < 5; count += 1) {
      device = device.restart();
      device.isOffline = true;
      await rig.run(60_000);
      expect(device.read("/f")).toBe("unsent\n");
      expect(device.transitions.status().dirtyCount).toBe(1);
    }
    device.isOffline = false;
    await quiet(rig, device);
    expect(rig.texts()).toEqual({ "/f": "unsent\n" });
  });

  test(`[W-15, W-44] a refused save poisons nothing and leaves nothing behind, with ${server}`, async () => {
    const { rig, a, b } = await pair({ ...quirks, fileBytesMax: 100, contentBytesMax: 100 });
    a.write("/f", "x".repeat(200));
    await rig.run(60_000);
    expect(a.transitions.status().problems.map(({ path }) => path)).toEqual(["/f"]);
    expect(a.read("/f")).toBe("x".repeat(200));
    a.write("/f", "shorter\n");
    await quiet(rig, a, b);
    expect(rig.texts()).toEqual({ "/f": "shorter\n" });
    expect(a.transitions.status().problems).toEqual([]);
    expect(a.paths()).toEqual(["/f"]);
    expect(b.read("/f")).toBe("shorter\n");
    // A version that was refused goes when the server's mind has changed, at the next save.
    a.write("/f", "y".repeat(200));
    await rig.run(60_000);
    rig.model.quirks = quirks;
    a.write("/f", "z".repeat(200));
    await quiet(rig, a, b);
    expect(rig.texts()).toEqual({ "/f": "z".repeat(200) });
  });
}

test("[W-26] a second save while a document takes minutes arrives, though the server drops what comes meanwhile", async () => {
  const slow: Quirks = { ...hosted, processingMs: [90_000, 90_000], patchWhileProcessing: "drop" };
  const { rig, a } = await alone(slow);
  a.write("/f", "first\n");
  await rig.until(() => rig.texts()["/f"] === "first\n", "it is being processed");
  a.write("/f", "second\n");
  await rig.run(60_000);
  expect(a.isClean()).toBe(false);
  await quiet(rig, a);
  expect(rig.texts()).toEqual({ "/f": "second\n" });
  expect(a.read("/f")).toBe("second\n");
});

test("[W-62] a path beside content that the server ignores arrives all the same", async () => {
  const { rig, a, b } = await pair({ ...hosted, contentPatchIgnoresPath: true });
  a.write("/f", "edited\n");
  a.rename("/f", "/g");
  await quiet(rig, a, b);
  expect(rig.texts()).toEqual({ "/g": "edited\n" });
  expect(b.paths()).toEqual(["/g"]);
});

test("[W-36] a document whose processing fails is not asked for again and again", async () => {
  const { rig, a } = await alone({ ...hosted, failShare: 1 });
  a.write("/f", "text\n");
  await rig.run(60_000);
  const from = rig.requests.length;
  await rig.run(600_000);
  const about = rig.requests.slice(from).filter(({ path }) => !path.endsWith("/list"));
  // Ten minutes: a look each second would be 600.
  expect(about.length).toBeLessThan(100);
  expect(a.read("/f")).toBe("text\n");
  expect(a.isClean()).toBe(false);
  rig.model.quirks = hosted;
  a.write("/f", "text again\n");
  await quiet(rig, a);
  expect(rig.texts()).toEqual({ "/f": "text again\n" });
});

test("[W-37] a document that is stuck in processing is settled later, and its deletion elsewhere is honoured", async () => {
  const { rig, a } = await alone({ ...hosted, stuckShare: 1 });
  a.write("/f", "text\n");
  await rig.run(3_700_000);
  expect(a.transitions.status().inFlightCount).toBe(1);
  rig.model.quirks = hosted;
  rig.model.restart();
  await quiet(rig, a);
  expect(rig.texts()).toEqual({ "/f": "text\n" });
  const b = rig.device("b").start();
  await rig.until(() => b.ino("/f") !== undefined && b.isClean(), "b has it");
  b.unlink("/f");
  await quiet(rig, a, b);
  expect(a.paths()).toEqual([]);
});

test("[W-35] what somebody else deleted first is no obstacle: the queue drains", async () => {
  for (const quirks of Object.values(servers)) {
    const { rig, a, b } = await pair(quirks);
    a.write("/g", "other\n");
    a.write("/h", "third\n");
    await quiet(rig, a, b);
    a.isOffline = true;
    a.unlink("/f");
    a.rename("/g", "/g2");
    a.write("/h", "edited\n");
    for (const path of ["/f", "/g", "/h"]) b.unlink(path);
    await quiet(rig, b);
    a.isOffline = false;
    await quiet(rig, a, b);
    expect(a.transitions.status().problems).toEqual([]);
    // A rename is no edit and does not bring it back; an edit does.
    expect(rig.texts()).toEqual({ "/h": "edited\n" });
    expect(a.paths()).toEqual(["/h"]);
    expect(b.paths()).toEqual(["/h"]);
    const from = rig.requests.length;
    await rig.run(600_000);
    expect(writesOf(rig, "a", from)).toEqual([]);
  }
});
