// Directories that were renamed elsewhere, as the store carries the moves of their documents out.
import type { Invalidation } from "@smfs/core";
import { expect, test } from "vitest";
import type { Plan, RemoteVersion } from "./sync-model.ts";
import { StoreFixture } from "./testing/store-fixture.ts";
import { Transitions } from "./transitions.ts";

class Elsewhere {
  readonly f = new StoreFixture();
  readonly #transitions = new Transitions(this.f.store.context);
  #srev = 1;

  /** Files and their directories, clean. */
  constructor(...paths: readonly string[]) {
    for (const path of paths) {
      const above = path.split("/").slice(1, -1);
      above.forEach((_, at) => {
        const directory = `/${above.slice(0, at + 1).join("/")}`;
        if (!this.#has(directory)) this.#makeDirectory(directory);
      });
      this.f.write(path, path);
      this.f.makeClean(path);
    }
    this.f.store.takeInvalidations();
  }

  #has(path: string): boolean {
    try {
      return this.f.ino(path) > 0;
    } catch {
      return false;
    }
  }

  /** Clean, and without a document: because of what is in it. */
  #makeDirectory(path: string): void {
    this.f.mkdir(path);
    const { fid, local_ver } = this.f.entry(path);
    this.f.store.context.entries.update(fid, { base_ver: local_ver });
  }

  /** The documents of these paths are moved, in one transaction. */
  move(...moves: readonly (readonly [from: string, to: string])[]): Invalidation[] {
    return this.apply(
      ...moves.map(([from, to]): Plan => {
        const entry = this.f.entry(from);
        this.#srev += 1;
        const remote: RemoteVersion = {
          docId: entry.doc_id ?? "",
          customId: entry.cid,
          fid: entry.fid,
          path: to,
          rev: `moved:${this.#srev}`,
          chain: [],
          stampRev: null,
          srev: this.#srev,
          etag: `"${this.#srev}"`,
          hash: entry.base_hash ?? "",
          size: -1,
          attrs: to.endsWith("/.smfs-dir") ? { kind: "dir", mode: "700" } : {},
          status: "done",
          updatedAt: "",
          settled: true,
          by: null,
        };
        return {
          do: "fast-forward",
          docId: remote.docId,
          fid: entry.fid,
          expect: { localVer: entry.local_ver, baseVer: entry.base_ver },
          remote,
          content: undefined,
        };
      }),
    );
  }

  delete(path: string): void {
    const entry = this.f.entry(path);
    const kept = this.f.bytes.digest(this.f.content(path));
    this.f.bytes.putBlob(this.f.content(path));
    this.apply({
      do: "vanish",
      docId: entry.doc_id ?? "",
      fid: entry.fid,
      expect: { localVer: entry.local_ver, baseVer: entry.base_ver },
      srev: 99,
      why: "deleted",
      kept: { blob: kept, size: path.length },
    });
  }

  apply(...plans: Plan[]): Invalidation[] {
    const { db } = this.f.store.context;
    const applied = db.transaction(() => this.#transitions.apply(plans));
    expect(applied).toEqual(plans.map(() => "done"));
    expect(this.f.check()).toEqual([]);
    return [...this.f.store.takeInvalidations()];
  }

  /** The kernel knows this directory: somebody may stand in it. */
  hold(path: string): number {
    const ino = this.f.ino(path);
    this.f.store.context.orphans.hold(ino);
    return ino;
  }
}

test("[AGREE-12] a renamed directory keeps its inode, with all that is below it", () => {
  const e = new Elsewhere("/d/a", "/d/b", "/d/in/c", "/x");
  const inos = ["/d", "/d/in", "/d/a", "/d/in/c"].map((path) => e.hold(path));
  e.move(["/d/a", "/q/a"], ["/d/in/c", "/q/in/c"]);
  expect(e.f.ino("/d")).toBe(inos[0]);
  expect(e.f.list("/d")).toEqual(["b"]);
  const told = e.move(["/d/b", "/q/b"]);
  expect(["/q", "/q/in", "/q/a", "/q/in/c"].map((path) => e.f.ino(path))).toEqual(inos);
  expect(e.f.list("/")).toEqual(["q", "x"]);
  expect(e.f.list("/q")).toEqual(["a", "b", "in"]);
  // Who stands in it is told of no removal, and asks anew for names that were gone.
  expect(told).toContainEqual({ kind: "entry", parent: 1, name: "d", isExpired: true });
  expect(told).toContainEqual({ kind: "entry", parent: inos[0], name: "a" });
  expect(told.filter(({ kind }) => kind === "delete")).toEqual([]);
  expect(e.f.inode("/q").nlink).toBe(3);
});

test("[AGREE-12] what the renamed directory is marked with at its new place is not a change of this device", () => {
  const e = new Elsewhere("/d/a", "/d/in/b");
  e.move(["/d/a", "/q/a"], ["/d/in/b", "/q/in/b"]);
  for (const path of ["/q", "/q/in", "/q/a", "/q/in/b"]) {
    const { local_ver, base_ver } = e.f.entry(path);
    expect(local_ver).toBe(base_ver);
  }
  e.f.write("/q/new", "n");
  e.f.rename("/q", "/r");
  expect(e.f.list("/r")).toEqual(["a", "in", "new"]);
  e.f.settle();
  expect(e.f.check()).toEqual([]);
});

test("[AGREE-12] a directory with a document of its own is renamed as well", () => {
  const e = new Elsewhere("/d/a");
  const { fid, doc_id } = e.f.makeClean("/d");
  e.f.store.context.entries.update(fid, { base_path: "/d/.smfs-dir" });
  const ino = e.hold("/d");
  e.move(["/d", "/q/.smfs-dir"]);
  expect(e.f.ino("/d")).toBe(ino);
  e.move(["/d/a", "/q/a"]);
  expect(e.f.ino("/q")).toBe(ino);
  expect(e.f.entry("/q")).toMatchObject({ doc_id, base_path: "/q/.smfs-dir" });
  expect(e.f.inode("/q").mode & 0o777).toBe(0o700);
});

test("[AGREE-12] what is not sent, and what only is here, stays where it is, and the directory with it", () => {
  const e = new Elsewhere("/d/a", "/d/b");
  const ino = e.hold("/d");
  e.f.write("/d/new", "mine");
  e.move(["/d/a", "/q/a"], ["/d/b", "/q/b"]);
  expect(e.f.ino("/d")).toBe(ino);
  expect(e.f.read("/d/new")).toBe("mine");
  expect(e.f.list("/q")).toEqual(["a", "b"]);
});

test("[AGREE-12] what was put into the new directory meanwhile stays in it", () => {
  const e = new Elsewhere("/d/a", "/d/b");
  const ino = e.hold("/d");
  e.move(["/d/a", "/q/a"]);
  e.f.mkdir("/q/dir");
  e.f.write("/q/new", "mine");
  e.move(["/d/b", "/q/b"]);
  expect(e.f.ino("/q")).toBe(ino);
  expect(e.f.list("/q")).toEqual(["a", "b", "dir", "new"]);
  expect(e.f.read("/q/new")).toBe("mine");
  expect(e.f.inode("/q").nlink).toBe(3);
});

test.each<[string, (e: Elsewhere) => void]>([
  ["there already", (e) => [e.f.mkdir("/q"), e.move(["/d/a", "/q/a"], ["/d/b", "/q/b"])]],
  ["two", (e) => e.move(["/d/a", "/q/a"], ["/d/b", "/r/b"])],
  ["for some, and others were deleted", (e) => [e.move(["/d/a", "/q/a"]), e.delete("/d/b")]],
  [
    "in use, and the old one is not",
    (e) => {
      e.f.store.context.orphans.forget(e.f.ino("/d"));
      e.move(["/d/a", "/q/a"]);
      e.hold("/q");
      e.move(["/d/b", "/q/b"]);
    },
  ],
])("[AGREE-12] file by file where the new directory is %s", (_what, happens) => {
  const e = new Elsewhere("/d/a", "/d/b");
  const ino = e.hold("/d");
  happens(e);
  expect(e.f.list("/")).not.toContain("d");
  expect(e.f.ino("/q")).not.toBe(ino);
  expect(e.f.store.context.inodes.find(ino)?.nlink ?? 0).toBe(0);
});

test("[AGREE-12] of two directories that become one the first keeps its inode, and nothing is lost", () => {
  const e = new Elsewhere("/d/a", "/e/b");
  const [d] = [e.hold("/d"), e.hold("/e")];
  e.move(["/d/a", "/q/a"], ["/e/b", "/q/b"]);
  expect(e.f.ino("/q")).toBe(d);
  expect(e.f.list("/")).toEqual(["q"]);
  expect(e.f.list("/q")).toEqual(["a", "b"]);
});

test("[AGREE-12] a directory that is renamed and back again keeps its inode", () => {
  const e = new Elsewhere("/d/a", "/d/b");
  const ino = e.hold("/d");
  e.move(["/d/a", "/q/a"], ["/d/b", "/q/b"]);
  e.move(["/q/a", "/d/a"], ["/q/b", "/d/b"]);
  expect(e.f.ino("/d")).toBe(ino);
  expect(e.f.list("/")).toEqual(["d"]);
});
