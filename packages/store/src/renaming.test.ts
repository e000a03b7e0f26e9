import {
  O_RDWR,
  RENAME_EXCHANGE,
  RENAME_NOREPLACE,
  RENAME_WHITEOUT,
  rootIno,
  S_IFIFO,
} from "@smfs/core";
import { expect, test } from "vitest";
import { StoreFixture, user } from "./testing/store-fixture.ts";

/** `paths` with a document each, and the entry of each. */
function clean(...paths: string[]): StoreFixture {
  const f = new StoreFixture();
  for (const path of paths) {
    f.write(path, `bytes of ${path}`);
    f.makeClean(path);
  }
  return f;
}

test("[RENAME-1] a rename moves the version of that entry, not of its bytes, and keeps its document", () => {
  const f = clean("/a");
  const before = f.entry("/a");
  const { bytes_ver, ino } = f.inode("/a");
  f.rename("/a", "/b");
  const after = f.entry("/b");
  expect(after).toMatchObject({ fid: before.fid, doc_id: before.doc_id, base_path: "/a", ino });
  expect(after.local_ver).toBeGreaterThan(before.local_ver);
  expect(f.inode("/b").bytes_ver).toBe(bytes_ver);
});

test("[RENAME-2] over a known document the inode is the renamed one's and the document the name's", () => {
  const f = clean("/f");
  const before = f.entry("/f");
  const oldIno = f.ino("/f");
  const newIno = f.write("/tmp", "new bytes");
  f.settle();
  const tmp = f.entry("/tmp").fid;
  f.rename("/tmp", "/f");
  const after = f.entry("/f");
  expect(after).toMatchObject({
    fid: before.fid,
    doc_id: before.doc_id,
    base_ver: before.base_ver,
    ino: newIno,
  });
  expect(f.inode("/f")).toMatchObject({ bytes_ver: after.local_ver, nlink: 1 });
  expect(after.local_ver).toBeGreaterThan(before.base_ver);
  expect(f.store.context.entries.byFid(tmp)).toBeUndefined();
  expect(f.store.context.inodes.find(oldIno)).toBeUndefined();
  expect(f.read("/f")).toBe("new bytes");
  expect(f.check()).toEqual([]);
});

test("[RENAME-2] a renamed entry that has a document of its own is deleted by it", () => {
  const f = clean("/f", "/tmp");
  const target = f.entry("/f");
  const source = f.entry("/tmp");
  f.rename("/tmp", "/f");
  expect(f.entry("/f")).toMatchObject({ fid: target.fid, doc_id: target.doc_id });
  expect(f.store.context.entries.byFid(source.fid)).toMatchObject({
    state: "deleted",
    doc_id: source.doc_id,
  });
  expect(f.check()).toEqual([]);
  f.unlink("/f");
  f.settle();
  expect(f.check()).toEqual([]);
});

test("[RENAME-2] a name that was never sent goes, and the renamed entry keeps what it is", () => {
  const f = clean("/a");
  const before = f.entry("/a");
  f.write("/b", "never sent");
  const dropped = f.entry("/b").fid;
  f.rename("/a", "/b");
  expect(f.entry("/b")).toMatchObject({ fid: before.fid, doc_id: before.doc_id });
  expect(f.store.context.entries.byFid(dropped)).toBeUndefined();
});

test("[RENAME-2] while it is open the old file goes on for its handles", () => {
  const f = clean("/f");
  const old = f.store.open(f.ino("/f"), O_RDWR, user);
  f.write("/tmp", "new");
  f.rename("/tmp", "/f");
  const into = new Uint8Array(20);
  expect(f.store.read(old.fh, into, 0)).toBe("bytes of /f".length);
  f.store.write(old.fh, into.subarray(0, 3), 0);
  f.store.release(old.fh);
  f.settle();
  expect(f.read("/f")).toBe("new");
  expect(f.check()).toEqual([]);
});

test("[RENAME-3] a stub keeps its document when it takes a name, and the other's is deleted", () => {
  const f = clean("/stub", "/f");
  const stub = f.entry("/stub");
  const target = f.entry("/f");
  f.db.transaction(() => f.store.context.inodes.update(stub.ino, { stub: 1 }));
  f.bytes.removeWork(stub.ino);
  f.rename("/stub", "/f");
  expect(f.entry("/f")).toMatchObject({ fid: stub.fid, doc_id: stub.doc_id });
  expect(f.store.context.entries.byFid(target.fid)).toMatchObject({
    state: "deleted",
    doc_id: target.doc_id,
  });
  expect(f.check()).toEqual([]);
});

test("[RENAME-3] a directory takes an empty directory's place, a special file a file's", () => {
  const f = clean("/f");
  f.mkdir("/d");
  f.write("/d/x", "x");
  f.mkdir("/e");
  const d = f.entry("/d").fid;
  f.rename("/d", "/e");
  expect(f.entry("/e").fid).toBe(d);
  expect(f.list("/e")).toEqual(["x"]);
  const document = f.entry("/f").fid;
  f.store.mknod(rootIno, "p", S_IFIFO | 0o600, 0, user);
  f.rename("/p", "/f");
  expect(f.entry("/f").local_only).toBe(1);
  expect(f.store.context.entries.byFid(document)?.state).toBe("deleted");
  expect(f.check()).toEqual([]);
});

test("[RENAME-3] a file in the place of a special one is an ordinary file to push", () => {
  const f = new StoreFixture();
  f.store.mknod(rootIno, "p", S_IFIFO | 0o600, 0, user);
  f.write("/a", "text");
  f.rename("/a", "/p");
  expect(f.entry("/p").local_only).toBe(0);
});

test("[RENAME-4] NOREPLACE never replaces", () => {
  const f = clean("/a", "/b");
  expect(() => f.rename("/a", "/b", RENAME_NOREPLACE)).toThrow("EEXIST");
  expect(f.read("/b")).toBe("bytes of /b");
  f.rename("/a", "/c", RENAME_NOREPLACE);
  expect(f.list("/")).toEqual(["b", "c"]);
});

test("[RENAME-4] EXCHANGE swaps names, and each inode stays with its document", () => {
  const f = clean("/a", "/b");
  const a = f.entry("/a");
  const b = f.entry("/b");
  f.rename("/a", "/b", RENAME_EXCHANGE);
  expect(f.entry("/b")).toMatchObject({ fid: a.fid, ino: a.ino, doc_id: a.doc_id });
  expect(f.entry("/a")).toMatchObject({ fid: b.fid, ino: b.ino, doc_id: b.doc_id });
  expect(f.entry("/a").local_ver).toBeGreaterThan(b.local_ver);
  expect(f.inode("/a").bytes_ver).toBeLessThanOrEqual(b.base_ver);
  expect(() => f.rename("/a", "/none", RENAME_EXCHANGE)).toThrow("ENOENT");
});

test("[RENAME-4] EXCHANGE of a file and a directory in two directories counts links anew", () => {
  const f = new StoreFixture();
  f.mkdir("/x");
  f.mkdir("/x/d");
  f.mkdir("/y");
  f.write("/y/f", "text");
  f.rename("/x/d", "/y/f", RENAME_EXCHANGE);
  expect(f.store.getattr(f.ino("/x")).nlink).toBe(2);
  expect(f.store.getattr(f.ino("/y")).nlink).toBe(3);
  expect(f.read("/x/d")).toBe("text");
  expect(f.check()).toEqual([]);
});

test("[RENAME-5] no directory comes to lie in itself, by renaming or by exchanging", () => {
  const f = new StoreFixture();
  f.mkdir("/a");
  f.mkdir("/a/b");
  f.mkdir("/a/b/c");
  expect(() => f.rename("/a", "/a/b/x")).toThrow("EINVAL");
  expect(() => f.rename("/a", "/a/b/c", RENAME_EXCHANGE)).toThrow("EINVAL");
  expect(() => f.rename("/a/b/c", "/a", RENAME_EXCHANGE)).toThrow("EINVAL");
  expect(f.check()).toEqual([]);
});

test("[W-21] flags that are not known are refused, and nothing has happened", () => {
  const f = clean("/a");
  expect(() => f.rename("/a", "/b", RENAME_WHITEOUT)).toThrow("EINVAL");
  expect(() => f.rename("/a", "/b", RENAME_EXCHANGE | 8)).toThrow("EINVAL");
  expect(f.list("/")).toEqual(["a"]);
});

test("[STORE-1] renaming a name to itself, or to another name of its file, does nothing", () => {
  const f = clean("/a");
  const before = f.entry("/a");
  f.rename("/a", "/a");
  f.store.link(f.ino("/a"), rootIno, "b", user);
  const linked = f.entry("/a").local_ver;
  f.rename("/a", "/b");
  expect(f.list("/")).toEqual(["a", "b"]);
  expect(f.entry("/a")).toMatchObject({ fid: before.fid, local_ver: linked });
});

test("[BASE-1] base bytes are kept when a save replaces them, so that the save can be merged", () => {
  const f = clean("/f");
  const base = f.entry("/f").base_hash;
  f.write("/tmp", "new bytes");
  f.rename("/tmp", "/f");
  expect(f.entry("/f").base_blob).toBe(base);
  expect(new TextDecoder().decode(f.bytes.readBlob(base ?? ""))).toBe("bytes of /f");
  expect(f.check()).toEqual([]);
});

test("[ALIAS-1] when its path becomes free an aliased document gets it", () => {
  for (const free of [
    (f: StoreFixture) => f.unlink("/f"),
    (f: StoreFixture) => f.rename("/f", "/elsewhere"),
  ]) {
    const f = clean("/f", "/f (doc)");
    const { fid } = f.entry("/f (doc)");
    f.store.context.entries.update(fid, { alias: 1, base_path: "/f" });
    f.store.takeInvalidations();
    free(f);
    const shown = f.entry("/f");
    expect(shown).toMatchObject({ fid, alias: 0 });
    expect(shown.local_ver).toBe(shown.base_ver);
    expect(f.store.takeInvalidations()).toContainEqual({
      kind: "entry",
      parent: rootIno,
      name: "f",
    });
    expect(f.check()).toEqual([]);
  }
});

test("[ALIAS-1] an alias that the user renames is none any more", () => {
  const f = clean("/f", "/f (doc)");
  const { fid } = f.entry("/f (doc)");
  f.store.context.entries.update(fid, { alias: 1, base_path: "/f" });
  f.rename("/f (doc)", "/mine");
  f.unlink("/f");
  expect(f.entry("/mine")).toMatchObject({ fid, alias: 0 });
  expect(f.list("/")).toEqual(["mine"]);
});

test("[ALIAS-2] who moves the directory of an alias moves the alias", () => {
  const f = new StoreFixture();
  f.mkdir("/d");
  f.write("/d/f (doc)", "bytes");
  const { fid } = f.entry("/d/f (doc)");
  f.store.context.entries.update(fid, { alias: 1, base_path: "/d/f" });
  f.rename("/d", "/e");
  f.settle();
  expect(f.entry("/e/f (doc)")).toMatchObject({ fid, alias: 0 });
});
