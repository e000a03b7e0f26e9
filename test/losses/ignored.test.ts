// Files that stay on one machine: what `.smfsignore` says must keep them there, and must lose nothing of what is at the
// server. Each against the product's store and engine, with the model of the hosted server or of one that counts.
import { check } from "@smfs/store";
import { expect, test } from "vitest";
import { embeddedQuirks, hostedQuirks, type Quirks } from "../hosted-model/quirks.ts";
import { type Device, Rig } from "./rig.ts";

const quick: Quirks = { ...hostedQuirks, processingMs: [200, 400] };
const servers: Record<string, Quirks> = {
  "the hosted server": quick,
  "a server that counts": embeddedQuirks,
};

async function quiet(rig: Rig, ...devices: Device[]): Promise<void> {
  await rig.run(3000);
  await rig.until(() => devices.every((device) => device.isClean()), "all is quiet", 400_000);
  await rig.run(100_000);
  await rig.until(() => devices.every((device) => device.isClean()), "all is quiet again", 400_000);
  for (const device of devices) {
    expect(device.errors).toEqual([]);
    expect(check(device.store.context, { deep: true })).toEqual([]);
  }
}

function ignored(device: Device): readonly string[] {
  return device.transitions.status().ignored.examples;
}

for (const [server, quirks] of Object.entries(servers)) {
  test(`[IGNORE-1] what a pattern matches never leaves its machine, with ${server}`, async () => {
    const rig = new Rig(quirks);
    const a = rig.device("a").start();
    const b = rig.device("b", { ignorePatterns: "mine.md" }).start();
    await rig.run(1000);
    a.write("/.smfsignore", "*.key\nbuild/\n");
    a.write("/secret.key", "secret");
    a.mkdir("/build");
    a.write("/build/out.md", "out");
    a.write("/f.md", "text");
    b.write("/mine.md", "of b alone");
    await quiet(rig, a, b);
    expect(Object.keys(rig.texts()).sort()).toEqual(["/.smfsignore", "/f.md"]);
    expect(ignored(a)).toEqual(["/secret.key", "/build", "/build/out.md"]);
    // The other device has the patterns, too, and its own file of that name stays its own.
    b.write("/secret.key", "secret of b");
    await quiet(rig, a, b);
    expect(a.read("/secret.key")).toBe("secret");
    expect(b.read("/secret.key")).toBe("secret of b");
    expect(ignored(b)).toEqual(["/mine.md", "/secret.key"]);
    // Written again, removed and made again it still stays.
    a.write("/secret.key", "newer");
    a.unlink("/build/out.md");
    a.write("/build/out.md", "again");
    await quiet(rig, a, b);
    expect(Object.keys(rig.texts()).sort()).toEqual(["/.smfsignore", "/f.md"]);
  });

  test(`[IGNORE-1] what the server holds stays in sync under a new pattern, with ${server}`, async () => {
    const rig = new Rig(quirks);
    const a = rig.device("a").start();
    await rig.run(1000);
    a.write("/old.log", "1\n");
    await quiet(rig, a);
    a.write("/.smfsignore", "*.log\n");
    a.write("/new.log", "mine");
    await quiet(rig, a);
    a.write("/old.log", "2\n");
    await quiet(rig, a);
    // A fresh mount shows it, sends what is changed in it, and keeps its own new files.
    const b = rig.device("b").start();
    await quiet(rig, a, b);
    expect(b.read("/old.log")).toBe("2\n");
    b.write("/old.log", "3\n");
    b.write("/new.log", "of b");
    await quiet(rig, a, b);
    expect(a.read("/old.log")).toBe("3\n");
    expect(a.read("/new.log")).toBe("mine");
    expect(b.read("/new.log")).toBe("of b");
    expect(rig.texts()["/old.log"]).toBe("3\n");
    expect(rig.texts()["/new.log"]).toBeUndefined();
  });

  test(`[IGNORE-1] a document at the path of a file that stays here is shown beside it, with ${server}`, async () => {
    const rig = new Rig(quirks);
    const a = rig.device("a", { ignorePatterns: "todo.md" }).start();
    const b = rig.device("b").start();
    await rig.run(1000);
    a.write("/todo.md", "only here");
    await quiet(rig, a, b);
    b.write("/todo.md", "from b");
    await quiet(rig, a, b);
    expect(a.read("/todo.md")).toBe("only here");
    const other = a.paths().filter((path) => path !== "/todo.md");
    expect(other).toHaveLength(1);
    expect(a.read(other[0] ?? "")).toBe("from b");
    expect(rig.texts()).toEqual({ "/todo.md": "from b" });
  });

  test(`[IGNORE-2] a synced file moved to a matched path leaves the server and stays here, with ${server}`, async () => {
    const rig = new Rig(quirks);
    const a = rig.device("a").start();
    const b = rig.device("b", { engine: { prefetch: false } }).start();
    await rig.run(1000);
    a.write("/.smfsignore", "private/\n");
    a.mkdir("/private");
    a.mkdir("/d");
    a.write("/d/one.md", "one");
    a.write("/two.md", "two");
    await quiet(rig, a);
    await rig.until(() => b.ino("/two.md") !== undefined, "b has the list");
    const fid = a.store.context.entries.find(1, "two.md")?.fid;
    a.rename("/d", "/private/d");
    // A stub on this device: its bytes are only at the server when it is moved.
    expect(b.store.getattr(b.ino("/two.md") ?? 0).size).toBe(3);
    b.mkdir("/private");
    b.rename("/two.md", "/private/two.md");
    await quiet(rig, a, b);
    expect(Object.keys(rig.texts())).toEqual(["/.smfsignore"]);
    expect(a.read("/private/d/one.md")).toBe("one");
    expect(b.read("/private/two.md")).toBe("two");
    expect(b.ino("/d/one.md")).toBeUndefined();
    expect(a.ino("/two.md")).toBeUndefined();
    expect(b.store.context.entries.find(b.ino("/private") ?? 0, "two.md")?.fid).not.toBe(fid);
    // Moved back, it is a new document.
    b.rename("/private/two.md", "/two.md");
    await quiet(rig, a, b);
    expect(a.read("/two.md")).toBe("two");
    expect(Object.keys(rig.texts()).sort()).toEqual(["/.smfsignore", "/two.md"]);
  });

  test(`[IGNORE-3] new patterns take effect at once, and rewriting them lets nothing out, with ${server}`, async () => {
    const rig = new Rig(quirks);
    const a = rig.device("a").start();
    await rig.run(1000);
    a.write("/.smfsignore", "secret.md\nother.md\n");
    a.write("/secret.md", "s");
    a.write("/other.md", "o");
    await quiet(rig, a);
    // Emptied, then written, by hand.
    const fh = a.open("/.smfsignore");
    await rig.run(20_000);
    expect(Object.keys(rig.texts()).filter((path) => path !== "/.smfsignore")).toEqual([]);
    a.store.write(fh, new TextEncoder().encode("secret.md\n"), 0);
    a.store.release(fh);
    await quiet(rig, a);
    expect(Object.keys(rig.texts()).sort()).toEqual(["/.smfsignore", "/other.md"]);
    a.unlink("/.smfsignore");
    await quiet(rig, a);
    expect(rig.texts()).toEqual({ "/other.md": "o", "/secret.md": "s" });
  });

  test(`[IGNORE-3] nothing is sent before the patterns are here, with ${server}`, async () => {
    const rig = new Rig(quirks);
    const a = rig.device("a").start();
    await rig.run(1000);
    a.write("/.smfsignore", "*.key\n");
    await quiet(rig, a);
    const b = rig.device("b", { engine: { prefetch: false } }).start();
    await rig.until(() => b.ino("/.smfsignore") !== undefined, "b has the list");
    b.write("/x.key", "secret");
    b.write("/y.md", "text");
    await quiet(rig, a, b);
    expect(Object.keys(rig.texts()).sort()).toEqual(["/.smfsignore", "/y.md"]);
  });
}
