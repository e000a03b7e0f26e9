import { O_RDWR, Parked } from "@smfs/core";
import { expect, test } from "vitest";
import { StoreFixture, user } from "./testing/store-fixture.ts";
import { Transitions } from "./transitions.ts";

const kib = 1024;
const text = (char: string) => char.repeat(8 * kib);

/** A store whose budget holds three files of 8 KiB. */
function filled(names: readonly string[]): StoreFixture {
  const f = new StoreFixture({ cacheBytes: 24 * kib });
  for (const name of names) f.write(`/${name}`, text(name));
  for (const name of names) f.makeClean(`/${name}`);
  return f;
}

/** Lets the time pass in which a budget is looked after. */
function later(f: StoreFixture): void {
  f.write("/.touch", "");
  f.clock.advance(10_000);
  f.settle();
  f.clock.advance(10_000);
  f.settle();
}

function stubs(f: StoreFixture): string[] {
  return f.list("/").filter((name) => f.inode(`/${name}`).stub === 1);
}

test("[EVICT-1] above the budget files that the server holds become stubs, and are fetched when they are opened", () => {
  const f = filled(["a", "b", "c", "d", "e"]);
  later(f);
  expect(stubs(f)).toEqual(["a", "b", "c"]);
  expect(f.store.cacheUsedBytes).toBe(16 * kib);
  expect(f.store.getattr(f.ino("/a"))).toMatchObject({ size: 8 * kib, blocks: 0 });
  expect(f.bytes.listWork()).not.toContain(f.ino("/a"));
  expect(() => f.read("/a")).toThrow(Parked);
  expect(f.events).toContainEqual({ kind: "want", ino: f.ino("/a") });

  const blob = f.bytes.putBlob(new TextEncoder().encode(text("a")));
  const port = new Transitions(f.store.context);
  expect(f.db.transaction(() => port.hydrated(f.ino("/a"), blob))).toBe("done");
  expect(f.read("/a")).toBe(text("a"));
  expect(f.entry("/a").local_ver).toBe(f.entry("/a").base_ver);
  f.settle();
  expect(f.check()).toEqual([]);
});

test("[EVICT-1] within the budget everything stays, and without one no bytes are summed", () => {
  const f = filled(["a", "b", "c"]);
  later(f);
  expect(stubs(f)).toEqual([]);
  expect(f.store.cacheUsedBytes).toBe(24 * kib);
  expect(new StoreFixture().store.cacheUsedBytes).toBeUndefined();
});

test("[EVICT-1] what was opened lately goes last", () => {
  const f = filled(["a", "b", "c", "d", "e"]);
  f.read("/a");
  f.read("/b");
  later(f);
  expect(stubs(f)).toEqual(["c", "d", "e"]);
});

test("[EVICT-2] what only is here stays, whatever the budget", () => {
  const f = filled(["changed", "named", "pending", "newer", "attempt", "other", "diverged"]);
  const { context } = f.store;
  f.write("/changed", "x");
  f.store.link(f.ino("/named"), 1, "second", user);
  context.pend.put(f.entry("/pending").doc_id ?? "", "gone", null);
  context.entries.update(f.entry("/newer").fid, { r_hash: "0".repeat(64) });
  context.entries.update(f.entry("/other").fid, { doc_id: null });
  context.entries.update(f.entry("/diverged").fid, { diverged: 1 });
  const attempt = f.entry("/attempt");
  f.db.sql
    .prepare(
      `INSERT INTO op (fid, op_id, kind, claim_ver, with_bytes, chain, path, attrs, phase)
       VALUES (?, 'o', 'put', 1, 0, '[]', '/attempt', '{}', 'sent')`,
    )
    .run(attempt.fid);
  later(f);
  expect(stubs(f)).toEqual([]);
});

test("[EVICT-2] what is open, or may be written, stays", () => {
  const f = filled(["a", "b", "c", "d", "e"]);
  const reader = f.store.open(f.ino("/a"), 0, user).fh;
  const writer = f.store.open(f.ino("/b"), O_RDWR, user).fh;
  const mapping = f.bytes.mapShared(f.ino("/c"));
  later(f);
  later(f);
  expect(stubs(f)).toEqual(["d", "e"]);
  mapping.unmap();
  f.store.release(writer);
  f.store.release(reader);
  f.settle();
  expect(f.check()).toEqual([]);
});

test("[EVICT-3] bytes that may have changed unseen are compared first; other bytes than base's stay", () => {
  const f = filled(["a", "b", "c", "d", "e"]);
  const { inodes } = f.store.context;
  inodes.update(f.ino("/a"), { work_ctime: "unknown" });
  const fd = f.bytes.openWork(f.ino("/b"), "write");
  f.bytes.write(fd, new TextEncoder().encode("damaged"), 0);
  f.bytes.close(fd);
  later(f);
  expect(stubs(f)).toEqual(["a", "c", "d"]);
  expect(f.logged.join("\n")).toContain("not what the server holds");
});

test("[EVICT-3] an eviction survives a power loss with all that it relied on", () => {
  const f = filled(["a", "b", "c", "d", "e"]);
  later(f);
  expect(stubs(f)).toEqual(["a", "b", "c"]);
  expect(f.db.durableCount).toBeGreaterThan(0);
  f.losePower(() => "kept");
  f.settle();
  expect(stubs(f)).toEqual(["a", "b", "c"]);
  for (const name of ["d", "e"]) expect(f.read(`/${name}`)).toBe(text(name));
  expect(f.check()).toEqual([]);
});

test("[EVICT-3] what a power loss has damaged goes to the trash, not away", () => {
  const f = filled(["a", "b", "c", "d", "e"]);
  const fd = f.bytes.openWork(f.ino("/b"), "write");
  f.bytes.write(fd, new TextEncoder().encode("damaged"), 0);
  f.bytes.close(fd);
  f.losePower(() => "kept");
  f.store = f.open({ database: f.db, cacheBytes: 24 * kib });
  later(f);
  const kept = f.db.sql.prepare("SELECT path, size FROM trash WHERE blob IS NOT NULL").all();
  expect(kept).toEqual([{ path: "/b", size: 8 * kib }]);
  expect(stubs(f)).toContain("b");
  expect(f.check()).toEqual([]);
});

test("[EVICT-1] a large file goes without one long call", () => {
  const f = new StoreFixture({ cacheBytes: kib });
  const { fh } = f.store.create(1, "large", 0o644, O_RDWR, user).file;
  for (let at = 0; at < 20; at += 1) f.store.write(fh, new Uint8Array(1 << 20), at << 20);
  f.store.release(fh);
  f.makeClean("/large");
  later(f);
  expect(stubs(f)).toEqual(["large"]);
  f.settle();
  expect(f.bytes.listWork()).not.toContain(f.ino("/large"));
  expect(f.bytes.listBlobs()).toEqual([]);
  expect(f.check()).toEqual([]);
});
