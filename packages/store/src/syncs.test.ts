import { type Caller, O_CREAT, O_RDWR, Parked, rootIno, type Ticket } from "@smfs/core";
import { expect, test } from "vitest";
import type { SyncJob } from "./syncs.ts";
import { StoreFixture, user } from "./testing/store-fixture.ts";

const bytes = (text: string) => new TextEncoder().encode(text);

function setUp() {
  const jobs: SyncJob[] = [];
  const f = new StoreFixture({ syncer: (job) => jobs.push(job) });
  const { attr, file } = f.store.create(rootIno, "a", 0o600, O_CREAT | O_RDWR, user);
  f.store.write(file.fh, bytes("text"), 0);
  /** Calls fsync; the ticket when it waits. */
  const fsync = (caller: Caller = user): Ticket | undefined =>
    parked(() => f.store.fsync(file.fh, false, caller));
  /** Ends the job that was begun last; the operation that waited goes on. */
  const end = (failure?: { of: "bytes" | "log"; code: "EIO" | "ENOSPC" }): Caller => {
    const { id } = jobs.at(-1) ?? { id: 0 };
    f.store.synced(failure === undefined ? { id } : { id, failure });
    const [resumed] = f.store.takeResumed();
    if (resumed === undefined) throw new Error("nobody goes on");
    return { ...user, resumed };
  };
  return { f, ino: attr.ino, fh: file.fh, jobs, fsync, end };
}

function parked(call: () => void): Ticket | undefined {
  try {
    call();
    return undefined;
  } catch (error) {
    if (!(error instanceof Parked)) throw error;
    expect(error.isBrief).toBe(true);
    return error.ticket;
  }
}

test("[FSYNC-3] a sync waits elsewhere: for the bytes and the name, then for the log that says so", () => {
  const { f, jobs, fsync, end, fh } = setUp();
  expect(fsync()).toBeDefined();
  expect(jobs).toMatchObject([{ file: expect.any(Number), names: true, log: false }]);
  // Others are served meanwhile, and what comes after the call is not what was synced.
  f.mkdir("/d");
  f.store.write(fh, bytes(" and more"), 4);
  expect(f.inode("/a").synced_ver).toBe(0);
  expect(fsync(end())).toBeDefined();
  expect(jobs[1]).toMatchObject({ file: undefined, names: false, log: true });
  expect(f.inode("/a")).toMatchObject({ synced_ver: f.inode("/a").bytes_ver, synced_size: 4 });
  expect(f.db.isDurable).toBe(false);
  expect(fsync(end())).toBeUndefined();
  expect(f.db.isDurable).toBe(true);
  expect(f.check()).toEqual([]);
});

test("[FSYNC-3] what is noted is synced in one wait, with the log only if there was a commit", () => {
  const { f, jobs, fsync, end } = setUp();
  fsync();
  fsync(end());
  expect(fsync(end())).toBeUndefined();
  fsync();
  expect(jobs[2]).toMatchObject({ names: false, log: false });
  expect(fsync(end())).toBeUndefined();
  f.mkdir("/d");
  fsync();
  expect(jobs[3]).toMatchObject({ names: false, log: true });
  expect(f.db.isDurable).toBe(false);
  // A commit after the call is not what the sync has made durable.
  f.mkdir("/e");
  expect(fsync(end())).toBeUndefined();
  expect(f.db.isDurable).toBe(false);
});

test("[FSYNC-3] a version that begins while the bytes are synced is not noted as synced", () => {
  const { f, fsync, end, fh, ino } = setUp();
  f.store.release(fh);
  f.settle();
  const first = f.store.open(ino, O_RDWR, user);
  const before = f.inode("/a").bytes_ver;
  const ticket = parked(() => f.store.fsync(first.fh, false, user));
  expect(ticket).toBeDefined();
  f.store.setattr(ino, { size: 2 }, user);
  f.db.transaction(() => {
    const row = f.inode("/a");
    f.store.context.inodes.update(ino, { bytes_ver: f.store.context.versions.next() });
    expect(row.bytes_ver).toBe(before);
  });
  const resumed = end();
  expect(parked(() => f.store.fsync(first.fh, false, resumed))).toBeDefined();
  expect(f.inode("/a")).toMatchObject({ synced_ver: before, synced_size: 2 });
  expect(() => fsync(end())).toThrow("EBADF");
});

test("[FSYNC-3] a disk that fails is EIO; a log that cannot be synced ends all commits", () => {
  const { f, fsync, end } = setUp();
  fsync();
  const full = end({ of: "bytes", code: "ENOSPC" });
  expect(() => fsync(full)).toThrow("ENOSPC");
  f.mkdir("/still");
  fsync();
  fsync(end());
  const failed = end({ of: "log", code: "EIO" });
  expect(() => fsync(failed)).toThrow("EIO");
  expect(f.db.isDurable).toBe(false);
  expect(() => f.mkdir("/never")).toThrow("EIO");
});

test("[FSYNC-3] syncing a directory waits elsewhere too; who is given up is not told", () => {
  const { f, jobs, end } = setUp();
  const fh = f.store.opendir(rootIno);
  const ticket = parked(() => f.store.fsyncdir(fh, false, user));
  expect(jobs).toMatchObject([{ file: undefined, names: true, log: true }]);
  const resumed = end();
  expect(resumed.resumed).toBe(ticket);
  expect(parked(() => f.store.fsyncdir(fh, false, resumed))).toBeUndefined();
  expect(f.db.isDurable).toBe(true);
  f.store.abandon(parked(() => f.store.fsyncdir(fh, false, user)) ?? 0);
  f.store.synced({ id: jobs.at(-1)?.id ?? 0 });
  expect(f.store.takeResumed()).toEqual([]);
});
