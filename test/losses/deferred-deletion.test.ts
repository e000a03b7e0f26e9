// A deletion that could not be carried out when it was told: the feed tells it once, so the store has to remember it.
import { O_RDWR } from "@smfs/core";
import { expect, test } from "vitest";
import { embeddedQuirks } from "../hosted-model/quirks.ts";
import { caller, type Device, Rig } from "./rig.ts";

/** Both have `/f`; b holds it open for writing while a deletes it, and is told. */
async function toldWhileOpen(): Promise<{ rig: Rig; a: Device; b: Device; fh: number }> {
  const rig = new Rig(embeddedQuirks);
  const a = rig.device("a").start();
  const b = rig.device("b").start();
  await rig.run(1000);
  a.write("/f", "text\n");
  await rig.until(() => b.ino("/f") !== undefined && b.isClean() && a.isClean(), "both have it");
  await rig.until(() => b.store.context.inodes.get(b.ino("/f") ?? 0).stub === 0, "b has bytes");
  const { fh } = b.store.open(b.ino("/f") ?? 0, O_RDWR, caller);
  a.unlink("/f");
  await rig.until(() => a.isClean(), "it is deleted");
  await rig.until(() => b.transitions.pending(10).length === 1, "b is told");
  return { rig, a, b, fh };
}

test("[W-32, PULL-2] a deletion that was told while a file was open is carried out after a restart", async () => {
  const { rig, a, b } = await toldWhileOpen();
  const after = b.restart();
  await rig.until(() => after.isClean(), "all is quiet");
  expect(after.paths()).toEqual([]);
  expect(a.paths()).toEqual([]);
  expect(rig.texts()).toEqual({});
});

test("[W-32, PULL-2] what was written into the file meanwhile wins over the deletion, also after a restart", async () => {
  const { rig, a, b, fh } = await toldWhileOpen();
  b.store.write(fh, new TextEncoder().encode("more"), 5);
  const after = b.restart();
  await rig.until(() => after.isClean() && a.ino("/f") !== undefined, "it comes back");
  expect(after.read("/f")).toBe("text\nmore");
  await rig.until(() => a.isClean(), "all is quiet");
  expect(rig.texts()).toEqual({ "/f": "text\nmore" });
});
