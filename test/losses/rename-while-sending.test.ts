// What the user does while an attempt is on its way, which then finds that the server has moved on: the attempt is
// resolved against what is here now, not against what was here when it was made.
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

/** `/f` on both devices; then `there` happens on b while a cannot see it, and `here` on a. */
async function crossing(there: (b: Device) => void, here: (a: Device) => void) {
  const rig = new Rig(embeddedQuirks);
  const a = rig.device("a").start();
  const b = rig.device("b").start();
  await rig.run(1000);
  a.write("/f", "base\n");
  await rig.until(() => b.ino("/f") !== undefined && b.isClean() && a.isClean(), "both have it");
  await rig.until(() => b.store.context.inodes.get(b.ino("/f") ?? 0).stub === 0, "b has bytes");
  a.isOffline = true;
  // What a asked before it went offline is answered first.
  await rig.run(70_000);
  there(b);
  await rig.until(() => b.isClean(), "b has sent it");
  here(a);
  await rig.run(2000);
  return { rig, a, b };
}

const chmod = (device: Device) => {
  device.store.setattr(device.ino("/f") ?? 0, { mode: 0o600 }, caller);
};

test("[W-3] a rename during an attempt that finds other attributes at the server stays", async () => {
  const { rig, a, b } = await crossing(chmod, (device) => device.write("/f", "mine\n"));
  let isRenamed = false;
  rig.onExecuted = ({ method }, device) => {
    if (device !== "a" || method === "GET" || isRenamed) return;
    isRenamed = true;
    a.rename("/f", "/g");
  };
  a.isOffline = false;
  await quiet(rig, a, b);
  expect(isRenamed).toBe(true);
  expect(a.paths()).toEqual(["/g"]);
  expect(b.paths()).toEqual(["/g"]);
  expect(rig.texts()).toEqual({ "/g": "mine\n" });
});

test("[W-3, W-7] a rename during an attempt that finds other bytes at the server stays, and both texts are kept", async () => {
  const { rig, a, b } = await crossing(
    (device) => device.write("/f", "theirs\n"),
    (device) => device.write("/f", "mine\n"),
  );
  let isRenamed = false;
  rig.onExecuted = ({ method }, device) => {
    if (device !== "a" || method === "GET" || isRenamed) return;
    isRenamed = true;
    a.rename("/f", "/g");
  };
  a.isOffline = false;
  await quiet(rig, a, b);
  expect(isRenamed).toBe(true);
  expect(a.paths()).toEqual(b.paths());
  expect(a.ino("/f")).toBeUndefined();
  expect(a.read("/g")).toBe("theirs\n");
  expect(Object.values(rig.texts()).sort()).toEqual(["mine\n", "theirs\n"]);
});

test("[W-9] a file that has one name again says so at the server, and no late revision undoes its deletion", async () => {
  const rig = new Rig(embeddedQuirks);
  const a = rig.device("a").start();
  const b = rig.device("b").start();
  await rig.run(1000);
  a.write("/f", "text\n");
  a.link("/f", "/g");
  await quiet(rig, a, b);
  const linkOf = (path: string) =>
    [...rig.model.table.all()].find((doc) => doc.filepath === path)?.metadata?.sfs_link;
  expect(linkOf("/f")).toBe(linkOf("/g"));
  expect(linkOf("/f")).toBeDefined();
  a.unlink("/g");
  await quiet(rig, a, b);
  expect(linkOf("/f")).toBeUndefined();
});
