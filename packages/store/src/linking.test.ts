import { O_RDONLY, O_RDWR } from "@smfs/core";
import { expect, test } from "vitest";
import { encode, RemoteFixture } from "./testing/remote-fixture.ts";
import { user } from "./testing/store-fixture.ts";

const one = (ino: number, count: number) => Array.from({ length: count }, () => [ino, count]);

test("[LINK-1] documents of one link with the same bytes are one inode, clean, whichever of them has its bytes here", () => {
  const r = new RemoteFixture();
  r.arrive("a", "text");
  r.arrive("b", "text", {}, false);
  expect(r.shape("a", "b")).toEqual(one(r.f.ino("/a"), 2));
  expect(r.f.read("/b")).toBe("text");
  expect([r.isClean("a"), r.isClean("b")]).toEqual([true, true]);
  expect(r.f.check()).toEqual([]);

  const later = new RemoteFixture();
  later.arrive("a", "text", {}, false);
  later.arrive("b", "text");
  expect(later.shape("a", "b")).toEqual(one(later.f.ino("/a"), 2));
  expect(later.f.read("/a")).toBe("text");
  expect(later.f.check()).toEqual([]);
});

test("[LINK-1] names whose bytes are not here share what they stand for, and are filled once", () => {
  const r = new RemoteFixture();
  for (const name of ["a", "b", "c"]) r.arrive(name, "text", {}, false);
  expect(r.shape("a", "b", "c")).toEqual(one(r.f.ino("/a"), 3));
  const blob = r.f.bytes.putBlob(encode("text"));
  r.f.db.transaction(() => r.transitions.hydrated(r.f.ino("/c"), blob));
  expect(r.f.read("/a")).toBe("text");
  expect(r.f.check()).toEqual([]);
});

test("[LINK-1] empty files of one link are one", () => {
  const r = new RemoteFixture();
  r.arrive("a", "");
  r.arrive("b", "");
  expect(r.shape("a", "b")).toEqual(one(r.f.ino("/a"), 2));
  expect(r.f.check()).toEqual([]);
});

test("[LINK-1] a write by one name is a write by all, and makes all of them dirty", () => {
  const r = new RemoteFixture();
  r.arrive("a", "text");
  r.arrive("b", "text");
  r.f.overwrite("/b", "more");
  expect(r.f.read("/a")).toBe("more");
  expect([r.isClean("a"), r.isClean("b")]).toEqual([false, false]);
  r.f.settle();
  expect(r.f.check()).toEqual([]);
});

test("[LINK-1] bytes that arrive for one name after the other: two files in between, one in the end, with the old number", () => {
  const r = new RemoteFixture();
  r.arrive("a", "text");
  r.arrive("b", "text");
  const before = r.f.ino("/a");
  r.change("a", "news");
  expect([r.f.read("/a"), r.f.read("/b")]).toEqual(["news", "text"]);
  expect(r.f.ino("/a")).not.toBe(r.f.ino("/b"));
  r.change("b", "news");
  expect(r.shape("a", "b")).toEqual(one(before, 2));
  expect(r.f.read("/a")).toBe("news");
  expect(r.f.check()).toEqual([]);
});

test.each([
  ["other bytes", "other", {}],
  ["other permissions", "text", { mode: "600" }],
  ["another time", "text", { mtime: "2000000002" }],
  ["another link", "text", { link: "2".repeat(32) }],
  ["no link", "text", { link: "" }],
] as const)("[LINK-2] documents with %s stay files of their own", (_what, text, changes) => {
  const r = new RemoteFixture();
  r.arrive("a", "text");
  r.arrive("b", text, changes);
  expect(r.shape("a", "b").map(([, nlink]) => nlink)).toEqual([1, 1]);
  expect([r.f.read("/a"), r.f.read("/b")]).toEqual(["text", text]);
});

test("[LINK-2] a name that is dirty, or being written, stays a file of its own with what was written", () => {
  const r = new RemoteFixture();
  r.arrive("a", "text");
  const { fh } = r.f.store.open(r.f.ino("/a"), O_RDWR, user);
  r.arrive("b", "text");
  expect(r.f.ino("/a")).not.toBe(r.f.ino("/b"));
  r.f.store.write(fh, encode("mine"), 0);
  r.f.store.release(fh);
  r.arrive("c", "text");
  expect(r.shape("b", "c")).toEqual(one(r.f.ino("/b"), 2));
  expect([r.f.read("/a"), r.f.read("/b")]).toEqual(["mine", "text"]);
  r.f.settle();
  expect(r.f.check()).toEqual([]);
});

test("[LINK-2] what has been renamed with its directory and is not marked yet stays as it is", () => {
  const r = new RemoteFixture();
  r.f.mkdir("/d");
  r.arrive("d/a", "text", {}, false);
  r.f.rename("/d", "/e");
  r.arrive("b", "text");
  expect(r.f.ino("/e/a")).not.toBe(r.f.ino("/b"));
  expect(r.f.check()).toEqual([]);
});

test("[LINK-2] an attempt in progress keeps its name a file of its own", () => {
  const r = new RemoteFixture();
  r.arrive("a", "text");
  const { fid } = r.f.entry("/a");
  r.f.db.sql
    .prepare(
      `INSERT INTO op (fid, op_id, kind, claim_ver, with_bytes, chain, path, attrs, phase)
       VALUES (?, 'me:1', 'put', 1, 0, '[]', '/a', '{}', 'claimed')`,
    )
    .run(fid);
  r.arrive("b", "text");
  expect(r.f.ino("/a")).not.toBe(r.f.ino("/b"));
});

test("[LINK-2] extended attributes and an owner of its own keep a file as it is", () => {
  const r = new RemoteFixture();
  r.arrive("a", "text", { link: "" });
  r.arrive("b", "text");
  r.arrive("c", "text", { link: "" });
  const [a, c] = [r.f.ino("/a"), r.f.ino("/c")];
  r.f.store.setxattr(a, "user.mine", encode("x"), 0);
  r.f.store.setattr(c, { uid: 7 }, user);
  r.change("c", "text");
  r.change("a", "text");
  expect(r.f.ino("/a")).toBe(a);
  expect(new Uint8Array(r.f.store.getxattr(a, "user.mine") ?? [])).toEqual(encode("x"));
  expect(r.f.ino("/c")).toBe(c);
});

test("[LINK-3] a name whose link is gone has an inode of its own, the bytes, and no part in what is written by the other", () => {
  const r = new RemoteFixture();
  r.arrive("a", "text");
  r.arrive("b", "text");
  r.change("b", "text", { link: "" });
  expect(r.shape("a", "b").map(([, nlink]) => nlink)).toEqual([1, 1]);
  r.f.overwrite("/a", "mine");
  expect([r.f.read("/a"), r.f.read("/b")]).toEqual(["mine", "text"]);
  r.f.settle();
  expect(r.f.check()).toEqual([]);
});

test("[LINK-3] who reads a file goes on reading it when its name leaves or comes", () => {
  const r = new RemoteFixture();
  r.arrive("a", "text");
  r.arrive("b", "text", {}, false);
  const { fh } = r.f.store.open(r.f.ino("/b"), O_RDONLY, user);
  r.change("b", "text", { link: "" });
  r.change("a", "news", { link: "" });
  const into = new Uint8Array(4);
  r.f.store.read(fh, into, 0);
  expect(new TextDecoder().decode(into)).toBe("text");
  r.f.store.release(fh);
});

test("[LINK-3] a name that was written stays with the file: what comes from elsewhere is another plan's", () => {
  const r = new RemoteFixture();
  r.arrive("a", "text");
  r.arrive("b", "text");
  const { fid, local_ver, base_ver, doc_id } = r.f.entry("/b");
  r.f.overwrite("/a", "mine");
  const remote = { ...r.version("b", "text", { link: "" }), docId: doc_id ?? "" };
  const plan = {
    do: "fast-forward" as const,
    docId: remote.docId,
    fid,
    expect: { localVer: local_ver, baseVer: base_ver },
    remote,
    content: undefined,
  };
  expect(r.f.db.transaction(() => r.transitions.apply([plan]))).toEqual(["stale"]);
  expect(r.f.ino("/a")).toBe(r.f.ino("/b"));
  expect(r.f.read("/b")).toBe("mine");
});

test("[LINK-4] a claim that tells another link makes the other names tell it, too", () => {
  const r = new RemoteFixture();
  r.arrive("a", "text");
  r.arrive("b", "text");
  r.arrive("c", "text");
  // The names here have identities of their own: they are another smallest one.
  r.f.rename("/a", "/z");
  r.f.clock.advance(60_000);
  const { fid } = r.f.entry("/z");
  const claimed = r.f.db.transaction(() => r.transitions.claim(fid, true));
  expect(claimed.kind).toBe("op");
  expect([r.isClean("b"), r.isClean("c")]).toEqual([false, false]);
});

test("[LINK-5] who waits for the bytes of a name that became another file's looks again", () => {
  const r = new RemoteFixture();
  r.arrive("a", "text");
  r.arrive("b", "text", { link: "" }, false);
  const old = r.f.ino("/b");
  r.f.store.hold(old);
  let ticket: number | undefined;
  try {
    r.f.store.open(old, O_RDONLY, user);
  } catch (error) {
    ticket = (error as { ticket?: number }).ticket;
  }
  expect(ticket).toBeDefined();
  r.f.store.takeResumed();
  const remote = { ...r.version("b", "text"), docId: "doc-b" };
  const { fid, local_ver, base_ver } = r.f.entry("/b");
  r.f.db.transaction(() =>
    r.transitions.apply([
      {
        do: "fast-forward",
        docId: "doc-b",
        fid,
        expect: { localVer: local_ver, baseVer: base_ver },
        remote,
        content: undefined,
      },
    ]),
  );
  expect(r.f.ino("/b")).toBe(r.f.ino("/a"));
  expect(r.f.store.takeResumed()).toEqual([ticket]);
  expect(() => r.f.store.open(old, O_RDONLY, { ...user, resumed: ticket ?? 0 })).toThrow("ESTALE");
});

test("[HYDRATE-1] a deletion that is still to be sent does not say what the bytes of the other names are", () => {
  const r = new RemoteFixture();
  r.arrive("a", "text");
  r.arrive("b", "text");
  const { ino } = r.f.inode("/a");
  r.f.unlink("/a");
  const remote = { ...r.version("b", "another text"), docId: "doc-b" };
  const { fid, local_ver } = r.f.entry("/b");
  r.f.store.context.entries.update(fid, { base_ver: local_ver });
  r.f.db.transaction(() =>
    r.transitions.apply([
      {
        do: "fast-forward",
        docId: "doc-b",
        fid,
        expect: { localVer: local_ver, baseVer: local_ver },
        remote,
        content: undefined,
      },
    ]),
  );
  expect(r.f.ino("/b")).toBe(ino);
  expect(r.transitions.stub(ino)?.hash).toBe(remote.hash);
});
