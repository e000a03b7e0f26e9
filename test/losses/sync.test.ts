// Ways in which other clients lost writes through sync, by their number in docs/losses.md: each against the product's
// store and engine, with the model of the hosted server or of one that counts revisions.
import { expect, test } from "vitest";
import { embeddedQuirks, hostedQuirks, type Quirks } from "../hosted-model/quirks.ts";
import { calmNet } from "../sim/net.ts";
import { type Device, Rig } from "./rig.ts";

const quick: Quirks = { ...hostedQuirks, processingMs: [200, 400], patchWhileProcessing: "drop" };
const servers: Record<string, Quirks> = {
  "the hosted server": quick,
  "a server that counts": embeddedQuirks,
};

/** Two devices on one container, with `/f` = "base" on both. */
async function pair(quirks: Quirks) {
  const rig = new Rig(quirks);
  const a = rig.device("a").start();
  const b = rig.device("b").start();
  await rig.run(1000);
  a.write("/f", "base\n");
  await rig.until(() => b.ino("/f") !== undefined && b.isClean() && a.isClean(), "both have /f");
  await rig.until(
    () => a.isClean() && b.isClean() && b.store.context.inodes.get(b.ino("/f") ?? 0).stub === 0,
    "b has the bytes",
  );
  return { rig, a, b };
}

async function quiet(rig: Rig, ...devices: Device[]): Promise<void> {
  await rig.run(3000);
  await rig.until(() => devices.every((device) => device.isClean()), "all is quiet", 400_000);
  // Long enough for two full listings a minute apart.
  await rig.run(100_000);
  await rig.until(() => devices.every((device) => device.isClean()), "all is quiet again", 400_000);
  for (const device of devices) expect(device.errors).toEqual([]);
}

for (const [server, quirks] of Object.entries(servers)) {
  test(`[W-1] reading a file sends nothing, with ${server}`, async () => {
    const { rig, a, b } = await pair(quirks);
    a.write("/f", "newer\n");
    await rig.run(20);
    const before = rig.requests.length;
    for (let count = 0; count < 5; count += 1) expect(b.read("/f")).toBeDefined();
    await quiet(rig, a, b);
    const writes = rig.requests
      .slice(before)
      .filter(
        ({ device, method, path }) => device === "b" && method !== "GET" && !path.endsWith("/list"),
      );
    expect(writes).toEqual([]);
    expect(b.read("/f")).toBe("newer\n");
  });

  test(`[W-2] a second save while the server is busy with the first is kept, with ${server}`, async () => {
    const { rig, a, b } = await pair(quirks);
    a.write("/f", "v1\n");
    await rig.run(150);
    a.write("/f", "v2\n");
    await quiet(rig, a, b);
    expect(rig.texts()["/f"]).toBe("v2\n");
    expect([a.read("/f"), b.read("/f")]).toEqual(["v2\n", "v2\n"]);
  });

  test(`[W-3] an edit and a rename at once both arrive, with ${server}`, async () => {
    const { rig, a, b } = await pair(quirks);
    a.write("/f", "edited\n");
    a.rename("/f", "/g");
    await quiet(rig, a, b);
    expect(rig.texts()).toEqual({ "/g": "edited\n" });
    expect(b.paths()).toEqual(["/g"]);
    expect(b.read("/g")).toBe("edited\n");
  });

  test(`[W-4] a rename over another file deletes neither, with ${server}`, async () => {
    const { rig, a, b } = await pair(quirks);
    a.write("/g", "other\n");
    await quiet(rig, a, b);
    a.rename("/g", "/f");
    await quiet(rig, a, b);
    expect(rig.texts()).toEqual({ "/f": "other\n" });
    expect(b.paths()).toEqual(["/f"]);
  });

  test(`[W-6, W-7] offline work and a remote edit are both kept, with ${server}`, async () => {
    const { rig, a, b } = await pair(quirks);
    a.isOffline = true;
    a.write("/f", "an hour of work\n");
    await rig.run(60_000);
    b.write("/f", "typo fixed\n");
    await quiet(rig, b);
    a.isOffline = false;
    await quiet(rig, a, b);
    const texts = Object.values(rig.texts()).sort();
    expect(texts).toEqual(["an hour of work\n", "typo fixed\n"]);
    expect(a.read("/f")).toBe("typo fixed\n");
    expect(b.paths()).toEqual(a.paths());
  });

  test(`[W-8] the same name made on two devices keeps both texts, with ${server}`, async () => {
    const rig = new Rig(quirks);
    const a = rig.device("a").start();
    const b = rig.device("b").start();
    await rig.run(1000);
    a.isOffline = true;
    b.isOffline = true;
    a.write("/n.json", "{1}");
    b.write("/n.json", "{2}");
    await rig.run(5000);
    a.isOffline = false;
    b.isOffline = false;
    await quiet(rig, a, b);
    const atServer = [...rig.model.table.all()].map(({ text }) => text);
    expect(new Set(atServer)).toEqual(new Set(["{1}", "{2}"]));
    expect(new Set(a.paths().map((path) => a.read(path)))).toEqual(new Set(["{1}", "{2}"]));
    expect(b.paths().length).toBe(a.paths().length);
  });

  test(`[W-9] a hard link whose other name is removed lives on, with ${server}`, async () => {
    const { rig, a, b } = await pair(quirks);
    a.link("/f", "/g");
    await quiet(rig, a, b);
    expect(Object.keys(rig.texts()).sort()).toEqual(["/f", "/g"]);
    a.unlink("/f");
    await quiet(rig, a, b);
    expect(rig.texts()).toEqual({ "/g": "base\n" });
    expect(a.read("/g")).toBe("base\n");
    expect(b.paths()).toEqual(["/g"]);
  });

  test(`[W-12] a renamed directory arrives with all that is in it, with ${server}`, async () => {
    const rig = new Rig(quirks);
    const a = rig.device("a").start();
    const b = rig.device("b").start();
    await rig.run(1000);
    a.mkdir("/d");
    for (let count = 0; count < 20; count += 1) a.write(`/d/${count}`, `text ${count}`);
    await quiet(rig, a, b);
    a.rename("/d", "/e");
    a.write("/e/new", "new");
    await quiet(rig, a, b);
    const expected = [...Array.from({ length: 20 }, (_, count) => `/e/${count}`), "/e/new"].sort();
    expect(Object.keys(rig.texts()).sort()).toEqual(expected);
    expect(b.paths()).toEqual(expected);
  });

  test(`[W-13] truncation and empty files arrive, with ${server}`, async () => {
    const { rig, a, b } = await pair(quirks);
    a.write("/f", "");
    a.write("/empty", "");
    await quiet(rig, a, b);
    expect(rig.texts()).toEqual({ "/f": "", "/empty": "" });
    expect(b.read("/f")).toBe("");
    expect(b.read("/empty")).toBe("");
  });

  test(`[W-14] delete and re-create before the deletion is sent leaves the new text, with ${server}`, async () => {
    const { rig, a, b } = await pair(quirks);
    a.isOffline = true;
    a.unlink("/f");
    a.write("/f", "again\n");
    await rig.run(2000);
    a.isOffline = false;
    await quiet(rig, a, b);
    expect(rig.texts()).toEqual({ "/f": "again\n" });
    expect(b.read("/f")).toBe("again\n");
  });

  test(`[W-18] rename then delete stays deleted, with ${server}`, async () => {
    const { rig, a, b } = await pair(quirks);
    a.rename("/f", "/g");
    a.unlink("/g");
    await quiet(rig, a, b);
    expect(rig.texts()).toEqual({});
    expect(b.paths()).toEqual([]);
  });

  test(`[W-28] lost answers make no second document, with ${server}`, async () => {
    const rig = new Rig(quirks);
    let isLossy = true;
    const faults = () => (isLossy ? { ...calmNet, lostResponse: 1 } : calmNet);
    const a = rig.device("a", { faults }).start();
    isLossy = false;
    await rig.run(1000);
    isLossy = true;
    a.write("/f", "once\n");
    await rig.run(90_000);
    isLossy = false;
    await quiet(rig, a);
    expect([...rig.model.table.all()].length).toBe(1);
    expect(rig.texts()).toEqual({ "/f": "once\n" });
  });

  test(`[W-29] a remote rename onto a local name arrives, with ${server}`, async () => {
    const { rig, a, b } = await pair(quirks);
    a.write("/g", "g\n");
    await quiet(rig, a, b);
    a.unlink("/g");
    a.rename("/f", "/g");
    await quiet(rig, a, b);
    expect(b.paths()).toEqual(["/g"]);
    expect(b.read("/g")).toBe("base\n");
  });

  test(`[W-31] a remote edit of a known file is seen, with ${server}`, async () => {
    const { rig, a, b } = await pair(quirks);
    a.write("/f", "a longer text than before\n");
    await quiet(rig, a, b);
    expect(b.read("/f")).toBe("a longer text than before\n");
    expect(b.store.getattr(b.ino("/f") ?? 0).size).toBe(26);
  });

  test(`[W-38] directories arrive empty, and go, with ${server}`, async () => {
    const { rig, a, b } = await pair(quirks);
    a.mkdir("/d");
    await quiet(rig, a, b);
    expect(b.ino("/d")).toBeDefined();
    const { store } = a;
    store.rmdir(1, "d", { uid: 0, gid: 0, pid: 1, umask: 0 });
    await quiet(rig, a, b);
    expect(b.ino("/d")).toBeUndefined();
  });
}
