import { O_CREAT, O_EXCL, O_RDWR, O_WRONLY, rootIno } from "@smfs/core";
import { lookup } from "@smfs/core/testing";
import { expect, test } from "vitest";
import { GeneratedFixture } from "../testing/generated-fixture.ts";
import { user } from "../testing/store-fixture.ts";

const profile = { kind: "text", text: "# Profile\n\n- likes roses\n" } as const;

test("[GEN-1] .smfs is found by name and never listed", () => {
  const g = new GeneratedFixture();
  g.f.write("/a", "x");
  expect(g.list("/")).toEqual(["a"]);
  expect(g.list("/.smfs").sort()).toEqual(["conflicts", "history", "search", "status.json"]);
  expect(lookup(g.fs, rootIno, ".smfs")).toMatchObject({ stable: false, transient: true });
  expect(g.code(() => g.ino("/.smfs/nothing"))).toBe("ENOENT");
  expect(g.code(() => g.ino("/.smfs/toString"))).toBe("ENOENT");
});

test("[GEN-2] a real file of the same name always wins", () => {
  const g = new GeneratedFixture();
  g.later(0);
  g.answer("profile", profile);
  g.f.write("/profile.md", "mine");
  g.f.mkdir("/.smfs");
  g.f.write("/.smfs/a", "x");
  expect(g.read("/profile.md")).toBe("mine");
  expect(g.list("/").sort()).toEqual([".smfs", "profile.md"]);
  expect(g.list("/.smfs")).toEqual(["a"]);
  g.fs.unlink(rootIno, "profile.md", user);
  expect(g.read("/profile.md")).toBe(profile.text);
});

test("[GEN-3] what is generated cannot be changed", () => {
  const g = new GeneratedFixture();
  g.later(0);
  g.answer("profile", profile);
  g.f.write("/a", "x");
  const [smfs, shown] = [g.ino("/.smfs"), g.ino("/profile.md")];
  const rename = (fromParent: number, fromName: string, toParent: number, toName: string) => () =>
    g.fs.rename({ fromParent, fromName, toParent, toName, flags: 0 }, user);
  const refused: [string, () => unknown][] = [
    ["EPERM", () => g.fs.open(shown, O_RDWR, user)],
    ["EPERM", () => g.fs.create(rootIno, "profile.md", 0o644, O_CREAT | O_WRONLY, user)],
    ["EEXIST", () => g.fs.create(rootIno, "profile.md", 0o644, O_CREAT | O_EXCL, user)],
    ["EPERM", () => g.fs.create(smfs, "new", 0o644, O_CREAT, user)],
    ["EPERM", () => g.fs.mkdir(smfs, "new", 0o755, user)],
    ["EEXIST", () => g.fs.mkdir(rootIno, ".smfs", 0o755, user)],
    ["EEXIST", () => g.fs.symlink(rootIno, "profile.md", "x", user)],
    ["EEXIST", () => g.fs.mknod(rootIno, "profile.md", 0o644, 0, user)],
    ["EEXIST", () => g.fs.link(g.ino("/a"), rootIno, "profile.md", user)],
    ["EPERM", () => g.fs.link(shown, rootIno, "b", user)],
    ["EPERM", () => g.fs.tmpfile(smfs, 0o644, O_RDWR, user)],
    ["EPERM", () => g.fs.setattr(shown, { mode: 0o600 }, user)],
    ["EPERM", () => g.fs.setxattr(shown, "user.a", new Uint8Array(), 0)],
    ["EPERM", () => g.fs.removexattr(shown, "user.a")],
    ["EPERM", rename(rootIno, "profile.md", rootIno, "b")],
    ["EPERM", rename(rootIno, "a", rootIno, "profile.md")],
    ["EPERM", rename(rootIno, "a", smfs, "a")],
    ["EPERM", () => g.fs.unlink(smfs, "status.json", user)],
    ["EPERM", () => g.fs.unlink(rootIno, ".smfs", user)],
    ["EPERM", () => g.fs.rmdir(rootIno, ".smfs", user)],
    ["EISDIR", () => g.fs.open(smfs, 0, user)],
    ["ENOTDIR", () => g.fs.opendir(shown)],
    ["EINVAL", () => g.fs.readlink(shown)],
    ["ESTALE", () => g.fs.getattr(2 ** 53 - 1)],
  ];
  for (const [index, [code, action]] of refused.entries())
    expect([index, g.code(action)]).toEqual([index, code]);
  expect(g.fs.listxattr(shown)).toEqual([]);
  expect(g.fs.getxattr(shown, "user.a")).toBeUndefined();
  expect(g.fs.backing(shown)).toBeUndefined();
});

test("[GEN-3] a generated file is read as any other: in parts, to its end, by its holes", () => {
  const g = new GeneratedFixture();
  g.later(0);
  g.answer("profile", profile);
  const { fh } = g.fs.open(g.ino("/profile.md"), 0, user);
  const into = new Uint8Array(9);
  expect(g.fs.read(fh, into, 2)).toBe(9);
  expect(new TextDecoder().decode(into)).toBe("Profile\n\n");
  expect(g.fs.read(fh, into, 1000)).toBe(0);
  expect(g.fs.lseek(fh, 0, 3)).toBe(0);
  expect(g.fs.lseek(fh, 5, 4)).toBe(profile.text.length);
  expect(g.code(() => g.fs.lseek(fh, 1000, 3))).toBe("ENXIO");
  expect(g.code(() => g.fs.write(fh, into, 0))).toBe("EBADF");
  expect(g.code(() => g.fs.fallocate(fh, 0, 0, 1))).toBe("EBADF");
  const to = g.fs.create(rootIno, "copy", 0o644, O_CREAT | O_RDWR, user).file.fh;
  const range = { fromFh: fh, fromOffset: 0, toFh: to, toOffset: 0, length: 5 };
  expect(g.code(() => g.fs.copyFileRange(range))).toBe("EXDEV");
  g.fs.flush(fh);
  g.fs.fsync(fh, false, user);
  g.fs.release(fh);
  expect(g.code(() => g.fs.read(fh, into, 0))).toBe("EBADF");
});

test("[GEN-4] profile.md is shown while something is known, and follows what is known", () => {
  const g = new GeneratedFixture();
  expect(g.code(() => g.ino("/profile.md"))).toBe("ENOENT");
  expect(g.names.dueMs).toBeLessThanOrEqual(g.f.clock.monotonic());
  g.later(0);
  g.answer("profile", { kind: "text", text: "" });
  expect(g.list("/")).toEqual([]);
  // Nothing is asked while nothing happens.
  g.later(600_000);
  expect(g.questions("profile")).toEqual([]);
  expect(g.names.dueMs).toBe(Number.POSITIVE_INFINITY);

  g.names.stirred();
  g.later(10_000);
  g.f.store.takeInvalidations();
  g.answer("profile", profile);
  expect(g.list("/")).toEqual(["profile.md"]);
  expect(g.read("/profile.md")).toBe(profile.text);
  const name = { kind: "entry", parent: rootIno, name: "profile.md" };
  expect(g.f.store.takeInvalidations()).toContainEqual(name);

  g.names.stirred();
  g.later(10_000);
  g.answer("profile", { kind: "text", text: "" });
  expect(g.list("/")).toEqual([]);
  expect(g.f.store.takeInvalidations()).toContainEqual(name);
});

test("[GEN-4] a server that is away is asked for the profile again, not often", () => {
  const g = new GeneratedFixture();
  g.later(0);
  g.answer("profile", { kind: "failed", code: "EHOSTUNREACH" });
  g.names.stirred();
  g.later(20_000);
  expect(g.questions("profile")).toEqual([]);
  g.later(20_000);
  expect(g.questions("profile")).toHaveLength(1);
});

test("[GEN-5] what is listed can be removed, and stays away until there is something new", () => {
  const g = new GeneratedFixture();
  g.later(0);
  g.answer("profile", profile);
  g.fs.unlink(rootIno, "profile.md", user);
  expect(g.list("/")).toEqual([]);
  expect(g.code(() => g.ino("/profile.md"))).toBe("ENOENT");
  g.names.stirred();
  g.later(10_000);
  g.answer("profile", profile);
  expect(g.list("/")).toEqual([]);
  g.names.stirred();
  g.later(10_000);
  g.answer("profile", { kind: "text", text: "more" });
  expect(g.read("/profile.md")).toBe("more");
});

test("[GEN-6] status.json is asked for when it is looked at, and is one state for each who opens it", () => {
  const g = new GeneratedFixture();
  const first = { kind: "text", text: '{"tag":"notes"}\n' } as const;
  expect(g.withAnswer("status", first, () => g.read("/.smfs/status.json"))).toBe(first.text);
  const { fh } = g.fs.open(g.ino("/.smfs/status.json"), 0, user);
  g.later(5000);
  const second = { kind: "text", text: '{"tag":"notes","queue_len":1}\n' } as const;
  expect(g.withAnswer("status", second, () => g.read("/.smfs/status.json"))).toBe(second.text);
  const into = new Uint8Array(100);
  expect(g.fs.read(fh, into, 0)).toBe(first.text.length);
});

test("[GEN-7] a question is a directory: nothing is asked before it is listed, then its files are, by rank", () => {
  const g = new GeneratedFixture();
  expect(g.list("/.smfs/search")).toEqual([]);
  g.ino("/.smfs/search/when is the boiler serviced?");
  expect(g.asked).toEqual([]);
  const paths = { kind: "paths", paths: ["/house/heating.md", "/größe.md", "/a.md"] } as const;
  const path = "/.smfs/search/boiler";
  expect(g.withAnswer("search", paths, () => g.list(path, 1))).toEqual([
    "1-heating.md",
    `2-gr\u00c3\u00b6\u00c3\u009fe.md`,
    "3-a.md",
  ]);
  expect(g.read(`${path}/1-heating.md`)).toBe("-> ../../../house/heating.md");
  expect(g.code(() => g.ino(`${path}/4-b.md`))).toBe("ENOENT");
  expect(g.asked).toEqual([]);
});

test("[GEN-7] a search that fails is an error within its time, and asked again later", () => {
  const g = new GeneratedFixture();
  const failed = { kind: "failed", code: "ETIMEDOUT" } as const;
  const list = () => g.list("/.smfs/search/boiler");
  expect(g.code(() => g.withAnswer("search", failed, list))).toBe("ETIMEDOUT");
  g.later(5000);
  expect(g.withAnswer("search", { kind: "paths", paths: ["/a"] }, list)).toEqual(["1-a"]);
});

test("[GEN-7] a wait that is given up is not resumed", () => {
  const g = new GeneratedFixture();
  let ticket = 0;
  try {
    g.list("/.smfs/search/boiler");
  } catch (error) {
    ticket = (error as { ticket: number }).ticket;
  }
  expect(ticket).toBeGreaterThan(0);
  g.fs.abandon(ticket);
  g.answer("search", { kind: "paths", paths: [] });
  expect(g.fs.takeResumed()).toEqual([]);
});

test("[GEN-8] history has a directory for each directory, and for each document its versions", () => {
  const g = new GeneratedFixture();
  g.f.mkdir("/d");
  g.f.write("/d/plan.md", "now");
  g.f.write("/d/unsent.md", "x");
  g.f.makeClean("/d/plan.md");
  expect(g.list("/.smfs/history")).toEqual(["d"]);
  expect(g.list("/.smfs/history/d")).toEqual(["plan.md"]);
  const versions = {
    kind: "versions",
    versions: [
      { rev: 7, size: 3, atMs: 1_000_000_000_000 },
      { rev: 2, size: 6, atMs: 999_999_999_000 },
    ],
  } as const;
  const path = "/.smfs/history/d/plan.md";
  expect(g.withAnswer("versions", versions, () => g.list(path))).toEqual([
    "000007-2001-09-09T01-46-40Z.md",
    "000002-2001-09-09T01-46-39Z.md",
  ]);
  const old = `${path}/000002-2001-09-09T01-46-39Z.md`;
  expect(g.fs.getattr(g.ino(old))).toMatchObject({ size: 6, mtimeS: 999_999_999 });
  const bytes = { kind: "bytes", bytes: new TextEncoder().encode("before") } as const;
  expect(g.withAnswer("version", bytes, () => g.read(old))).toBe("before");
});

test("[GEN-9] conflicts are links to the versions that were kept", () => {
  const g = new GeneratedFixture();
  g.f.mkdir("/.conflicts");
  for (const name of ["a.md.dev-1", "b.md.dev-2"]) {
    g.f.write(`/.conflicts/${name}`, "mine");
    const entry = g.f.entry(`/.conflicts/${name}`);
    g.f.db.sql
      .prepare("INSERT INTO conflict (fid, path, at_ms) VALUES (?, ?, ?)")
      .run(entry.fid, `/${name.slice(0, 4)}`, 1000);
  }
  expect(g.list("/.smfs/conflicts").sort()).toEqual(["a.md.dev-1", "b.md.dev-2"]);
  expect(g.read("/.smfs/conflicts/a.md.dev-1")).toBe("-> ../../.conflicts/a.md.dev-1");
  g.f.unlink("/.conflicts/a.md.dev-1");
  expect(g.list("/.smfs/conflicts")).toEqual(["b.md.dev-2"]);
});

test("[GEN-10] a read-only file system changes nothing, whatever the kernel asks", () => {
  const g = new GeneratedFixture({ isReadOnly: true });
  g.f.write("/a", "x");
  const a = g.f.ino("/a");
  const args = { fromParent: rootIno, fromName: "a", toParent: rootIno, toName: "b", flags: 0 };
  const refused = [
    () => g.fs.open(a, O_WRONLY, user),
    () => g.fs.create(rootIno, "b", 0o644, O_CREAT, user),
    () => g.fs.tmpfile(rootIno, 0o644, O_RDWR, user),
    () => g.fs.mkdir(rootIno, "b", 0o755, user),
    () => g.fs.symlink(rootIno, "b", "a", user),
    () => g.fs.mknod(rootIno, "b", 0o644, 0, user),
    () => g.fs.link(a, rootIno, "b", user),
    () => g.fs.rename(args, user),
    () => g.fs.unlink(rootIno, "a", user),
    () => g.fs.rmdir(rootIno, "a", user),
    () => g.fs.setattr(a, { size: 0 }, user),
    () => g.fs.setxattr(a, "user.a", new Uint8Array(), 0),
    () => g.fs.removexattr(a, "user.a"),
  ];
  for (const action of refused) expect(g.code(action)).toBe("EROFS");
  expect(g.read("/a")).toBe("x");
});

test("[GEN-11] numbers of what nobody knows any more are given up, those in use stay", () => {
  const g = new GeneratedFixture();
  const kept = g.ino("/.smfs/search/kept");
  g.fs.hold(kept);
  for (let n = 0; n < 10_000; n += 1) lookup(g.fs, g.ino("/.smfs/search"), `question ${n}`);
  expect(g.fs.getattr(kept).ino).toBe(kept);
  expect(g.ino("/.smfs/search/kept")).toBe(kept);
  g.fs.forget(kept);
  expect(g.code(() => g.fs.getattr(kept + 1))).toBe("ESTALE");
});
