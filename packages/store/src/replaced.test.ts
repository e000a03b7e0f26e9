import { O_RDONLY, O_RDWR, O_TRUNC, rootIno } from "@smfs/core";
import { expect, test } from "vitest";
import { encode, RemoteFixture } from "./testing/remote-fixture.ts";
import { user } from "./testing/store-fixture.ts";

/** A file that somebody reads, and the kernel knows, whose name goes on with other bytes from elsewhere. */
function replaced() {
  const r = new RemoteFixture();
  r.arrive("a", "text", { link: "" });
  const old = r.f.ino("/a");
  r.f.store.hold(old);
  const { fh } = r.f.store.open(old, O_RDONLY, user);
  r.change("a", "news", { link: "" });
  expect(r.f.ino("/a")).not.toBe(old);
  return { r, old, fh };
}

test("[LINK-5] who looked a name up before it became another file's is told to look again, and writes into none", () => {
  const { r, old } = replaced();
  for (const call of [
    () => r.f.store.open(old, O_RDWR, user),
    () => r.f.store.open(old, O_RDONLY | O_TRUNC, user),
    () => r.f.store.setattr(old, { size: 0 }, user),
    () => r.f.store.setattr(old, { mode: 0o600 }, user),
    () => r.f.store.link(old, rootIno, "c", user),
  ])
    expect(call).toThrow("ESTALE");
  r.f.overwrite("/a", "mine");
  expect(r.f.read("/a")).toBe("mine");
});

test("[LINK-5] who has the old file open goes on with it, and it can be opened for reading", () => {
  const { r, old, fh } = replaced();
  const into = new Uint8Array(4);
  r.f.store.read(fh, into, 0);
  expect(into).toEqual(encode("text"));
  const again = r.f.store.open(old, O_RDONLY, user);
  r.f.store.setattr(old, { mode: 0o600 }, user, again.fh);
  expect(r.f.store.getattr(old).mode & 0o777).toBe(0o600);
});

test("[LINK-5] a file that its user has removed can be opened for writing while it is open, as by its descriptor's name", () => {
  const r = new RemoteFixture();
  r.arrive("a", "text", { link: "" });
  const ino = r.f.ino("/a");
  r.f.store.open(ino, O_RDONLY, user);
  r.f.unlink("/a");
  expect(r.f.store.open(ino, O_RDWR, user).fh).toBeGreaterThan(0);
});
