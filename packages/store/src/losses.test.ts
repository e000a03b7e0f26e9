import { O_CREAT, O_RDONLY, O_RDWR, O_TRUNC, rootIno } from "@smfs/core";
import { expect, test } from "vitest";
import { StoreFixture, user } from "./testing/store-fixture.ts";

const bytes = (text: string) => new TextEncoder().encode(text);

const isDirty = (f: StoreFixture, path: string) => {
  f.settle();
  const { local_ver, base_ver } = f.entry(path);
  return local_ver !== base_ver;
};

test("[W-9] removing one of two names leaves the file, and deletes that name's document only", () => {
  const f = new StoreFixture();
  const ino = f.write("/a", "shared");
  f.store.link(ino, rootIno, "b", user);
  const a = f.makeClean("/a");
  const b = f.makeClean("/b");
  f.unlink("/a");
  expect(f.read("/b")).toBe("shared");
  expect(f.entry("/b")).toMatchObject({ fid: b.fid, doc_id: b.doc_id, state: "live" });
  expect(f.store.context.entries.byFid(a.fid)).toMatchObject({
    state: "deleted",
    doc_id: a.doc_id,
  });
  expect(f.store.getattr(ino).nlink).toBe(1);
  expect(f.check()).toEqual([]);
});

test("[W-9a] renaming over one of two names leaves the file under the other", () => {
  const f = new StoreFixture();
  const ino = f.write("/a", "shared");
  f.store.link(ino, rootIno, "b", user);
  f.makeClean("/a");
  f.makeClean("/b");
  f.write("/c", "other");
  f.rename("/c", "/a");
  expect(f.read("/a")).toBe("other");
  expect(f.read("/b")).toBe("shared");
  expect(f.store.getattr(ino).nlink).toBe(1);
  f.settle();
  expect(f.check()).toEqual([]);
});

test("[W-9b] each name is an entry of its own to push, and a write makes all of them dirty", () => {
  const f = new StoreFixture();
  const ino = f.write("/a", "shared");
  f.makeClean("/a");
  f.store.link(ino, rootIno, "b", user);
  expect(f.entry("/b").fid).not.toBe(f.entry("/a").fid);
  expect(isDirty(f, "/b")).toBe(true);
  f.makeClean("/a");
  f.makeClean("/b");
  f.write("/b", "changed");
  expect(isDirty(f, "/a")).toBe(true);
  expect(isDirty(f, "/b")).toBe(true);
});

test("[W-13] cutting a file, also to nothing and without a handle, is to be pushed; so is an empty file", () => {
  const f = new StoreFixture();
  const ino = f.write("/a", "secret");
  for (const cut of [
    () => void f.store.setattr(ino, { size: 3 }, user),
    () => void f.store.setattr(ino, { size: 0 }, user),
    () => f.store.release(f.store.open(ino, O_RDWR | O_TRUNC, user).fh),
  ]) {
    f.makeClean("/a");
    cut();
    expect(isDirty(f, "/a")).toBe(true);
  }
  const { file } = f.store.create(rootIno, "empty", 0o644, O_CREAT | O_RDONLY, user);
  f.store.release(file.fh);
  expect(isDirty(f, "/empty")).toBe(true);
  expect(f.inode("/empty")).toMatchObject({ writers: 0, size: 0, stub: 0 });
});

test("[W-16] sparse and extended files read as they were written", () => {
  const f = new StoreFixture();
  const ino = f.write("/a", "head");
  f.write("/a", "tail", 8188);
  expect(f.read("/a")).toBe(`head${"\0".repeat(8184)}tail`);
  f.store.setattr(ino, { size: 2 }, user);
  f.store.setattr(ino, { size: 5 }, user);
  expect(f.read("/a")).toBe("he\0\0\0");
  f.settle();
  expect(f.inode("/a").size).toBe(5);
});

test("[W-17] a file that is renamed while it is open takes further writes under its new name", () => {
  const f = new StoreFixture();
  const { file } = f.store.create(rootIno, "app.log", 0o644, O_CREAT | O_RDWR, user);
  f.store.write(file.fh, bytes("one\n"), 0);
  f.rename("/app.log", "/app.log.1");
  f.store.write(file.fh, bytes("two\n"), 4);
  f.store.release(file.fh);
  f.settle();
  expect(f.list("/")).toEqual(["app.log.1"]);
  expect(f.read("/app.log.1")).toBe("one\ntwo\n");
  expect(f.store.context.entries.path(f.entry("/app.log.1"))).toBe("/app.log.1");
});

test("[W-20] what is renamed to a name is found under it, whatever the name", () => {
  const f = new StoreFixture();
  for (const name of ["profile.md", ".smfs", "status.json", "a.image-transcription.md"]) {
    f.write("/x", `bytes of ${name}`);
    f.rename("/x", `/${name}`);
    expect(f.read(`/${name}`)).toBe(`bytes of ${name}`);
    expect(isDirty(f, `/${name}`)).toBe(true);
  }
});

test("[W-24] a file that stays open for writing is dirty all the time, though sampled, and fsync makes it durable", () => {
  const f = new StoreFixture();
  const { attr, file } = f.store.create(rootIno, "log", 0o644, O_CREAT | O_RDWR, user);
  f.store.write(file.fh, bytes("line\n"), 0);
  f.clock.advance(3_600_000);
  f.settle();
  expect(isDirty(f, "/log")).toBe(true);
  f.store.fsync(file.fh, false, user);
  f.bytes.restore(f.bytes.powerLoss(() => "lost"));
  const fd = f.bytes.openWork(attr.ino, "read");
  expect(f.bytes.stat(fd).size).toBe(5);
});

test("[W-25] a file may be as large as the disk lets it, and a write that fails is not acknowledged", () => {
  const f = new StoreFixture({ capacityBytes: 64 << 20 });
  const { attr, file } = f.store.create(rootIno, "a", 0o644, O_CREAT | O_RDWR, user);
  const far = 2 ** 40;
  expect(f.store.write(file.fh, bytes("far"), far)).toBe(3);
  expect(f.store.getattr(attr.ino).size).toBe(far + 3);
  expect(() => f.store.write(file.fh, bytes("x"), 2 ** 45)).toThrow("EFBIG");
  expect(() => f.store.fallocate(file.fh, 0, 0, 1 << 30)).toThrow("ENOSPC");
  expect(f.store.write(file.fh, bytes("still"), 0)).toBe(5);
  expect(f.store.getattr(attr.ino).size).toBe(far + 3);
  f.store.release(file.fh);
  expect(isDirty(f, "/a")).toBe(true);
});

test("[W-40] an unlinked file stays readable and writable for who has it open", () => {
  const f = new StoreFixture();
  const { file } = f.store.create(rootIno, "tmp", 0o600, O_CREAT | O_RDWR, user);
  f.unlink("/tmp");
  f.store.write(file.fh, bytes("scratch"), 0);
  const into = new Uint8Array(7);
  expect(f.store.read(file.fh, into, 0)).toBe(7);
  f.settle();
  expect(f.store.read(file.fh, into, 0)).toBe(7);
  f.store.release(file.fh);
  f.settle();
  expect(f.bytes.listWork()).toEqual([]);
});

test("[W-41] deleting entries while listing them deletes all, also when the one to go on from is gone", () => {
  const f = new StoreFixture();
  for (let index = 0; index < 300; index += 1) f.mkdir(`/d${index}`);
  const fh = f.store.opendir(rootIno);
  let cookie = 2;
  for (;;) {
    const names: string[] = [];
    f.store.readdir(fh, cookie, (entry) => {
      names.push(entry.name);
      cookie = entry.cookie;
      return names.length < 7;
    });
    if (names.length === 0) break;
    for (const name of names) f.store.rmdir(rootIno, name, user);
  }
  expect(f.list("/")).toEqual([]);
});

test("[W-42] replacing a file is never half done: before or after the commit it is the one or the other", () => {
  const f = new StoreFixture();
  f.write("/f", "old");
  f.makeClean("/f");
  f.write("/tmp", "new");
  f.settle();
  f.db.beforeCommit(() => {
    throw new Error("stopped");
  });
  expect(() => f.rename("/tmp", "/f")).toThrow("stopped");
  expect([f.read("/f"), f.read("/tmp")]).toEqual(["old", "new"]);
});

test("[W-43] when the database has no room the operation fails, and nothing else has happened", () => {
  const f = new StoreFixture();
  f.write("/a", "x");
  f.settle();
  const pages = f.db.sql.pragma("page_count", { simple: true }) as number;
  f.db.sql.pragma(`max_page_count = ${pages}`);
  let failure: unknown;
  let made = 0;
  try {
    for (; made < 10_000; made += 1) f.mkdir(`/d${made}`);
  } catch (error) {
    failure = error;
  }
  expect((failure as { code?: string }).code).toBe("SQLITE_FULL");
  expect(f.list("/")).toHaveLength(made + 1);
  f.db.sql.pragma("max_page_count = 1000000");
  f.mkdir("/room again");
  expect(f.check()).toEqual([]);
});
