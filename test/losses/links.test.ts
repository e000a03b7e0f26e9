// Hard links: names of one file on one device are names of one file on the others.
import { expect, test } from "vitest";
import { embeddedQuirks } from "../hosted-model/quirks.ts";
import { caller, type Device, Rig } from "./rig.ts";

async function quiet(rig: Rig, ...devices: Device[]): Promise<void> {
  await rig.run(3000);
  await rig.until(() => devices.every((device) => device.isClean()), "all is quiet", 400_000);
  await rig.run(30_000);
  await rig.until(() => devices.every((device) => device.isClean()), "all is quiet again", 400_000);
  for (const device of devices) expect(device.errors).toEqual([]);
}

async function pair(): Promise<{ rig: Rig; a: Device; b: Device }> {
  const rig = new Rig(embeddedQuirks);
  const a = rig.device("a").start();
  const b = rig.device("b").start();
  await rig.run(1000);
  return { rig, a, b };
}

/** `/f` and `/g` are one file on a, and all have heard of it. */
async function linked(): Promise<{ rig: Rig; a: Device; b: Device }> {
  const { rig, a, b } = await pair();
  a.write("/f", "text\n");
  a.link("/f", "/g");
  await quiet(rig, a, b);
  return { rig, a, b };
}

const nlink = (device: Device, path: string) => device.store.getattr(device.ino(path) ?? 0).nlink;
const isOne = (device: Device, ...paths: string[]) =>
  new Set(paths.map((path) => device.ino(path))).size === 1;
const linkOf = (rig: Rig, path: string) =>
  [...rig.model.table.all()].find((doc) => doc.filepath === path)?.metadata?.sfs_link;

test("[LINK-1] names of one file on one device are names of one file on the others", async () => {
  const { b } = await linked();
  expect(isOne(b, "/f", "/g")).toBe(true);
  expect(nlink(b, "/f")).toBe(2);
  expect(b.read("/g")).toBe("text\n");
});

test("[LINK-1] a name that is given to a file which others have is a name of that file there", async () => {
  const { rig, a, b } = await pair();
  a.write("/f", "text\n");
  await quiet(rig, a, b);
  const ino = b.ino("/f");
  a.link("/f", "/g");
  await quiet(rig, a, b);
  expect([b.ino("/f"), b.ino("/g")]).toEqual([ino, ino]);
  a.link("/g", "/h");
  await quiet(rig, a, b);
  expect(isOne(b, "/f", "/g", "/h")).toBe(true);
  expect(nlink(b, "/h")).toBe(3);
});

test("[LINK-1] what is written by one name elsewhere is written for all, on either side", async () => {
  const { rig, a, b } = await linked();
  b.write("/g", "from b\n");
  expect(b.read("/f")).toBe("from b\n");
  await quiet(rig, a, b);
  expect(isOne(a, "/f", "/g")).toBe(true);
  expect(a.read("/f")).toBe("from b\n");
  a.write("/f", "from a\n");
  await quiet(rig, a, b);
  expect(isOne(b, "/f", "/g")).toBe(true);
  expect(b.read("/g")).toBe("from a\n");
  expect(rig.texts()).toEqual({ "/f": "from a\n", "/g": "from a\n" });
});

test("[LINK-1] permissions are those of all names of a file", async () => {
  const { rig, a, b } = await linked();
  b.store.setattr(b.ino("/g") ?? 0, { mode: 0o600 }, caller);
  await quiet(rig, a, b);
  expect(isOne(a, "/f", "/g")).toBe(true);
  expect(a.store.getattr(a.ino("/f") ?? 0).mode & 0o777).toBe(0o600);
  expect(nlink(a, "/f")).toBe(2);
});

test("[LINK-3] a name that is removed elsewhere leaves the file under the other, without another copy of it", async () => {
  const { rig, a, b } = await linked();
  const ino = b.ino("/f");
  const fetched = rig.requests.length;
  a.unlink("/g");
  await quiet(rig, a, b);
  expect(b.paths()).toEqual(["/f"]);
  expect(b.ino("/f")).toBe(ino);
  expect(nlink(b, "/f")).toBe(1);
  expect(b.read("/f")).toBe("text\n");
  expect(linkOf(rig, "/f")).toBeUndefined();
  expect(rig.requests.slice(fetched).filter(({ path }) => path.endsWith("/raw"))).toEqual([]);
});

test("[LINK-3] of three names the first is removed elsewhere: the others stay one file", async () => {
  const { rig, a, b } = await linked();
  a.link("/f", "/h");
  await quiet(rig, a, b);
  const first = ["/f", "/g", "/h"].find(
    (path) =>
      [...rig.model.table.all()].find((doc) => doc.filepath === path)?.metadata?.sfs_fid ===
      linkOf(rig, path),
  );
  a.unlink(first ?? "");
  await quiet(rig, a, b);
  const left = b.paths();
  expect(left).toHaveLength(2);
  expect(isOne(b, ...left)).toBe(true);
  expect(nlink(b, left[0] ?? "")).toBe(2);
});

test("[LINK-3] a name that is replaced elsewhere by a file of its own is one here", async () => {
  const { rig, a, b } = await linked();
  a.write("/new", "its own\n");
  a.rename("/new", "/g");
  await quiet(rig, a, b);
  expect(isOne(b, "/f", "/g")).toBe(false);
  expect([b.read("/f"), b.read("/g")]).toEqual(["text\n", "its own\n"]);
  b.write("/g", "again\n");
  await quiet(rig, a, b);
  expect(a.read("/f")).toBe("text\n");
});

test("[LINK-3] a name whose link is gone elsewhere is a file of its own here, with the bytes", async () => {
  const { rig, a, b } = await linked();
  const doc = [...rig.model.table.all()].find((one) => one.filepath === "/g");
  rig.model.handle({
    method: "PATCH",
    path: `/v3/documents/${doc?.id}`,
    body: { kind: "json", value: { metadata: { sfs_link: null } } },
  });
  await quiet(rig, a, b);
  expect(linkOf(rig, "/g")).toBeUndefined();
  for (const device of [a, b]) {
    expect(isOne(device, "/f", "/g")).toBe(false);
    expect([nlink(device, "/f"), nlink(device, "/g")]).toEqual([1, 1]);
    expect([device.read("/f"), device.read("/g")]).toEqual(["text\n", "text\n"]);
  }
  b.write("/g", "mine\n");
  await quiet(rig, a, b);
  expect([a.read("/f"), a.read("/g")]).toEqual(["text\n", "mine\n"]);
});

test("[LINK-2] a name that was written here meanwhile stays a file of its own, and keeps what was written", async () => {
  const { rig, a, b } = await pair();
  a.write("/f", "text\n");
  await quiet(rig, a, b);
  b.isOffline = true;
  await rig.run(70_000);
  a.link("/f", "/g");
  await quiet(rig, a);
  b.write("/f", "mine\n");
  b.isOffline = false;
  await quiet(rig, a, b);
  for (const device of [a, b]) {
    expect(isOne(device, "/f", "/g")).toBe(false);
    expect([device.read("/f"), device.read("/g")]).toEqual(["mine\n", "text\n"]);
  }
});
