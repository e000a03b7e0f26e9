// Two devices that do the same thing at once: what they have done comes to rest, equal on both, and nobody's is lost.
import { expect, test } from "vitest";
import { embeddedQuirks, hostedQuirks, type Quirks } from "../hosted-model/quirks.ts";
import { type Device, Rig } from "./rig.ts";

/** A server that knows documents by customer id only: two may have one path. */
const doubling: Quirks = {
  ...hostedQuirks,
  processingMs: [200, 400],
  pathTaken: "duplicate",
  moveOntoTaken: "duplicate",
};
/** One that takes a creation at a path that is taken for a change of what is there. */
const upserting: Quirks = { ...doubling, pathTaken: "upsert" };

async function quiet(rig: Rig, ...devices: Device[]): Promise<void> {
  await rig.run(3000);
  await rig.until(() => devices.every((device) => device.isClean()), "all is quiet", 600_000);
  await rig.run(150_000);
  await rig.until(() => devices.every((device) => device.isClean()), "all is quiet again", 600_000);
  for (const device of devices) expect(device.errors).toEqual([]);
}

/** Names in the root of a mount. */
function names(device: Device): string[] {
  const found: string[] = [];
  const dh = device.store.opendir(1);
  device.store.readdir(dh, 0, ({ name }) => found.push(name) > 0);
  device.store.releasedir(dh);
  return found.filter((name) => name !== "." && name !== "..").sort();
}

function directoryPaths(rig: Rig): (string | null)[] {
  return [...rig.model.table.all()]
    .map(({ filepath }) => filepath)
    .filter((path) => path?.endsWith("/.smfs-dir") === true)
    .sort();
}

async function offlinePair(quirks: Quirks) {
  const rig = new Rig(quirks);
  const a = rig.device("a").start();
  const b = rig.device("b").start();
  await rig.run(5000);
  return { rig, a, b };
}

for (const [server, quirks] of Object.entries({
  "two documents at a path": doubling,
  "a count": embeddedQuirks,
})) {
  test(`[AGREE-5] a directory that two devices make is one, with one document, on a server with ${server}`, async () => {
    const { rig, a, b } = await offlinePair(quirks);
    a.mkdir("/d");
    b.mkdir("/d");
    await quiet(rig, a, b);
    expect(names(a)).toEqual(["d"]);
    expect(names(b)).toEqual(["d"]);
    expect(directoryPaths(rig)).toEqual(["/d/.smfs-dir"]);
  });

  test(`[AGREE-5] two directories that get one name are one, with ${server}`, async () => {
    const { rig, a, b } = await offlinePair(quirks);
    a.mkdir("/from-a");
    b.mkdir("/from-b");
    await quiet(rig, a, b);
    a.rename("/from-a", "/d");
    b.rename("/from-b", "/d");
    await quiet(rig, a, b);
    expect(names(a)).toEqual(["d"]);
    expect(names(b)).toEqual(["d"]);
    expect(directoryPaths(rig)).toEqual(["/d/.smfs-dir"]);
  });
}

test("[AGREE-6] a directory is never moved into itself: its document gets a new one there", async () => {
  const { rig, a, b } = await offlinePair(doubling);
  a.mkdir("/d");
  await quiet(rig, a, b);
  // One puts it into a directory of its own, the other gives it that directory's name.
  a.mkdir("/e");
  a.rename("/d", "/e/d");
  b.rename("/d", "/e");
  b.write("/e/kept", "of b\n");
  await quiet(rig, a, b);
  expect(a.read("/e/kept")).toBe("of b\n");
  expect(b.read("/e/kept")).toBe("of b\n");
  expect(names(a)).toEqual(names(b));
});

test("[AGREE-1] what the server says of another entry's document takes it from nobody", async () => {
  const { rig, a, b } = await offlinePair(upserting);
  a.write("/f", "of a\n");
  await quiet(rig, a, b);
  const document = a.store.context.entries.find(1, "f")?.doc_id;
  // A second entry whose creation is answered with the first one's document.
  const fid = a.store.context.db.transaction(() => {
    const ino = a.store.context.inodes.insert({ mode: 0o100644, uid: 1, gid: 1, nlink: 1 });
    a.store.context.bytes.close(a.store.context.bytes.openWork(ino, "create"));
    const version = a.store.context.versions.next();
    return a.store.context.entries.insert({ ino, parent: 1, name: "g", localVer: version });
  });
  const claimed = a.transitions.claim(fid, false);
  if (claimed.kind !== "op") throw new Error(`no attempt: ${claimed.kind}`);
  expect(a.transitions.note(fid, claimed.op.opId, { docId: document ?? "" })).toBeNull();
  expect(a.store.context.entries.find(1, "f")?.doc_id).toBe(document);
  const other = a.store.context.entries.find(1, "g");
  expect(other).toMatchObject({ doc_id: null, sent: 0, base_ver: 0 });
  expect(other?.fid).not.toBe(fid);
  await quiet(rig, a, b);
  expect(rig.texts()).toEqual({ "/f": "of a\n", "/g": "" });
});

test("[AGREE-2] a document that is adopted keeps its identity: no two say that they are one file", async () => {
  const { rig, a, b } = await offlinePair(embeddedQuirks);
  a.isOffline = true;
  b.isOffline = true;
  a.write("/f", "of a\n");
  b.write("/f", "of b\n");
  a.isOffline = false;
  await rig.until(() => rig.model.table.size > 0, "a has sent it");
  b.isOffline = false;
  await quiet(rig, a, b);
  const fids = [...rig.model.table.all()].map(({ metadata }) => metadata?.sfs_fid);
  expect(new Set(fids).size).toBe(fids.length);
  expect(Object.values(rig.texts()).sort()).toEqual(["of a\n", "of b\n"]);
});

test("[AGREE-3] where a document is shown under another name, its path is not sent to again", async () => {
  const { rig, a, b } = await offlinePair(upserting);
  a.write("/f", "of a\n");
  await quiet(rig, a, b);
  const entry = a.store.context.entries.find(1, "f");
  if (entry === undefined) throw new Error("f is there");
  a.store.context.db.transaction(() =>
    a.store.context.entries.update(entry.fid, { name: "f (other)", alias: 1 }),
  );
  a.write("/f", "mine\n");
  await quiet(rig, a, b);
  expect(Object.values(rig.texts()).sort()).toEqual(["mine\n", "of a\n"]);
  expect(names(a)).toEqual(names(b));
});

test("[AGREE-4] a creation that the server carries out after the file went on in another document is deleted", async () => {
  const { rig, a, b } = await offlinePair(doubling);
  a.write("/f", "first\n");
  await quiet(rig, a, b);
  const [doc] = rig.model.table.all();
  if (doc === undefined) throw new Error("f is there");
  // The same request once more, under a customer id of its own, as a proxy may repeat it.
  const response = rig.model.handle({
    method: "POST",
    path: "/v3/documents",
    body: {
      kind: "json",
      value: {
        content: "first\n",
        customId: `${doc.customId}_2`,
        filepath: "/f",
        metadata: doc.metadata,
        containerTag: "notes",
      },
    },
  });
  expect(response).toMatchObject({ status: 200 });
  expect(rig.model.table.size).toBe(2);
  await quiet(rig, a, b);
  expect(rig.texts()).toEqual({ "/f": "first\n" });
  expect(rig.model.table.size).toBe(1);
  expect([a.read("/f"), b.read("/f")]).toEqual(["first\n", "first\n"]);
});

test("[AGREE-7] what was changed here and deleted elsewhere goes on as a file of its own, on each device", async () => {
  const { rig, a, b } = await offlinePair(doubling);
  const c = rig.device("c").start();
  a.write("/f", "first\n");
  await quiet(rig, a, b, c);
  const [first] = rig.model.table.all();
  a.isOffline = true;
  b.isOffline = true;
  a.write("/f", "of a\n");
  b.write("/f", "of b\n");
  c.unlink("/f");
  await rig.until(() => rig.model.table.size === 0, "c has deleted it");
  a.isOffline = false;
  b.isOffline = false;
  await quiet(rig, a, b, c);
  const docs = [...rig.model.table.all()];
  expect(docs.map(({ text }) => text).sort()).toEqual(["of a\n", "of b\n"]);
  const fids = new Set([first, ...docs].map((doc) => doc?.metadata?.sfs_fid));
  expect(fids.size).toBe(3);
  for (const device of [a, b, c]) expect(names(device)).toHaveLength(2);
});

test("[AGREE-8] a directory's document that is moved takes nothing along: files have documents of their own", async () => {
  const { rig, a, b } = await offlinePair(doubling);
  a.mkdir("/d");
  await quiet(rig, a, b);
  a.write("/d/f", "stays\n");
  await quiet(rig, a, b);
  const doc = [...rig.model.table.all()].find(({ filepath }) => filepath === "/d/.smfs-dir");
  rig.model.handle({
    method: "PATCH",
    path: `/v3/documents/${doc?.id}`,
    body: { kind: "json", value: { filepath: "/e/.smfs-dir" } },
  });
  await quiet(rig, a, b);
  for (const device of [a, b]) {
    expect(names(device)).toEqual(["d", "e"]);
    expect(device.read("/d/f")).toBe("stays\n");
  }
  expect(rig.texts()["/d/f"]).toBe("stays\n");
});

test("[AGREE-9] permissions that another device gives one hard link are those of that name, here and at the server", async () => {
  const { rig, a, b } = await offlinePair(embeddedQuirks);
  a.write("/f", "linked\n");
  a.link("/f", "/g");
  await quiet(rig, a, b);
  const caller = { uid: 1000, gid: 1000, pid: 1, umask: 0o022 };
  b.store.setattr(b.ino("/g") ?? 0, { mode: 0o600 }, caller);
  await quiet(rig, a, b);
  const told = [...rig.model.table.all()].map(({ filepath, metadata }) => [
    filepath ?? "",
    metadata?.sfs_mode,
  ]);
  expect(told.find(([path]) => path === "/g")).toEqual(["/g", "600"]);
  for (const device of [a, b])
    for (const [path = "", mode] of told) {
      const attr = device.store.getattr(device.ino(String(path)) ?? 0);
      expect([path, (attr.mode & 0o7777).toString(8)]).toEqual([path, mode]);
      expect(device.read(String(path))).toBe("linked\n");
    }
});

test("[PULL-8] what was deleted before the feed was first read is found all the same", async () => {
  const rig = new Rig(embeddedQuirks);
  const a = rig.device("a", { engine: { pull: false } }).start();
  for (const name of ["/kept", "/gone"]) a.write(name, `${name}\n`);
  await rig.until(() => rig.model.table.size === 2, "both are sent");
  await rig.run(2000);
  const b = rig.device("b").start();
  await rig.until(() => b.ino("/gone") !== undefined && b.isClean(), "b has them");
  b.unlink("/gone");
  await rig.until(() => rig.model.table.size === 1, "it is deleted");
  // From here on it reads the feed, from its beginning: that names what there is.
  const again = a.restart({});
  await quiet(rig, again, b);
  expect(again.paths()).toEqual(["/kept"]);
});

test("[PULL-8] a server that has lost much does not empty the mount, unless that is confirmed", async () => {
  const rig = new Rig(embeddedQuirks);
  const a = rig.device("a").start();
  for (let count = 0; count < 20; count += 1) a.write(`/f${count}`, `${count}\n`);
  await rig.until(() => rig.model.table.size === 20 && a.isClean(), "all are sent");
  for (const doc of [...rig.model.table.all()].slice(0, 15))
    rig.model.table.remove(doc, rig.sched.now, rig.sched.now, null, "request");
  a.store.context.db.transaction(() => a.transitions.setCursor("feed", null));
  const again = a.restart();
  await rig.run(60_000);
  expect(again.paths()).toHaveLength(20);
  const { problems } = again.transitions.status();
  expect(problems.map(({ message }) => message).join("\n")).toMatch(
    /15 of 20 documents are gone .* smfs sync --confirm-deletes/,
  );
  again.engine.confirmDeletes();
  await rig.until(() => again.paths().length === 5, "the deletions are carried out");
  expect(again.transitions.status().problems).toEqual([]);
});

test("[PULL-11] what is held is named, and a confirmation concerns what could be seen", async () => {
  const rig = new Rig(embeddedQuirks);
  const a = rig.device("a").start();
  a.mkdir("/d");
  for (let count = 0; count < 60; count += 1) a.write(`/d/f${count}`, `${count}\n`);
  await rig.until(() => a.isClean(), "all are sent");
  // The feed has forgotten that they were deleted: read from its beginning it only lacks them.
  const lose = (count: number, device: Device) => {
    const files = [...rig.model.table.all()].filter(
      ({ metadata }) => metadata?.sfs_kind === "file",
    );
    for (const doc of files.slice(0, count))
      rig.model.table.remove(doc, rig.sched.now, rig.sched.now, null, "request");
    device.store.context.db.transaction(() => device.transitions.setCursor("feed", null));
  };
  lose(20, a);
  const again = a.restart();
  const status = async () => {
    const asked = again.status();
    await rig.run(10);
    return asked;
  };
  await rig.until(async () => (await status()).deletions === "held", "they are held");
  const { heldDeletions } = await status();
  expect(heldDeletions).toMatchObject({ count: 20, total: 60, changedCount: 0 });
  const named = heldDeletions?.paths ?? [];
  expect(named).toHaveLength(20);
  expect(named).toEqual([...named].sort());
  for (const path of named) expect(rig.texts()).not.toHaveProperty(path);

  // Until the answer comes others are lost, too, and one is changed here.
  const kept = named[0] ?? "";
  again.write(kept, "edited\n");
  again.isOffline = true;
  await rig.run(60_000);
  lose(15, again);
  again.engine.confirmDeletes();
  again.isOffline = false;
  await rig.until(async () => (await status()).heldDeletions?.count === 34, "34 are held");
  expect(again.paths()).toHaveLength(60);
  expect((await status()).deletions).toBe("held");
  again.engine.confirmDeletes();
  await rig.until(() => again.paths().length === 26, "34 are deleted here");
  await rig.until(() => again.isClean(), "all is quiet");
  expect(await status()).toMatchObject({ deletions: "none", heldDeletions: null });
  expect(rig.texts()[kept]).toBe("edited\n");
});

test("[PULL-9] a server that goes on from a backup gets again what it lacks, and takes nothing away", async () => {
  const { rig, a, b } = await offlinePair(embeddedQuirks);
  a.write("/edited", "old\n");
  a.write("/same", "same\n");
  a.write("/removed", "removed\n");
  await quiet(rig, a, b);
  const backup = [...rig.model.table.all()];
  a.write("/edited", "new\n");
  a.write("/made", "made\n");
  b.unlink("/removed");
  await quiet(rig, a, b);
  expect(rig.texts()).toEqual({ "/edited": "new\n", "/same": "same\n", "/made": "made\n" });

  // What a restore does: the documents of then, their numbers, and another name for the history.
  const kept = new Set(backup.map(({ id }) => id));
  for (const doc of [...rig.model.table.all()]) {
    if (!kept.has(doc.id))
      rig.model.table.remove(doc, rig.sched.now, rig.sched.now, null, "request");
  }
  for (const doc of backup) rig.model.table.put(doc, rig.sched.now, "request");
  rig.model.epoch = "restored";
  await quiet(rig, a, b);
  const all = { "/edited": "new\n", "/same": "same\n", "/made": "made\n", "/removed": "removed\n" };
  expect(rig.texts()).toEqual(all);
  for (const device of [a, b]) {
    const texts = Object.fromEntries(device.paths().map((path) => [path, device.read(path)]));
    expect(texts).toEqual(all);
  }
});
