import { rootIno } from "@smfs/core";
import { lookup } from "@smfs/core/testing";
import { expect, test } from "vitest";
import { GeneratedFixture } from "../testing/generated-fixture.ts";
import { user } from "../testing/store-fixture.ts";
import { Transitions } from "../transitions.ts";
import { GeneratedNames } from "./generated-names.ts";
import { tellingTransitions } from "./settled-transitions.ts";

function refuse(g: GeneratedFixture, path: string, why: string | null): void {
  const entry = g.f.entry(path);
  g.f.store.context.entries.update(entry.fid, {
    rejected_ver: why === null ? null : entry.local_ver,
    rejected_why: why,
  });
  g.names.stirred();
  g.later(1000);
}

/** A file that the server holds, whose text is asked for. */
function withText(g: GeneratedFixture, path: string, text: string | null): void {
  g.f.write(path, `bytes of ${path}`);
  g.names.settled(g.f.makeClean(path).fid);
  g.later(20_000);
  g.answer("extract", { kind: "extract", of: "pdf", text });
}

test("[SIDECAR-1] beside a refused file stands what the server said, until a version is taken", () => {
  const g = new GeneratedFixture();
  g.f.mkdir("/d");
  g.f.write("/d/a.bin", "x");
  g.f.store.takeInvalidations();
  refuse(g, "/d/a.bin", "it is too large");
  expect(g.list("/d", 1)).toEqual(["a.bin", "a.bin.smfs-error.txt"]);
  expect(g.read("/d/a.bin.smfs-error.txt")).toContain("it is too large");
  const name = { kind: "entry", parent: g.f.ino("/d"), name: "a.bin.smfs-error.txt" };
  expect(g.f.store.takeInvalidations()).toContainEqual(name);
  refuse(g, "/d/a.bin", null);
  expect(g.list("/d")).toEqual(["a.bin"]);
  expect(g.code(() => g.ino("/d/a.bin.smfs-error.txt"))).toBe("ENOENT");
  expect(g.f.store.takeInvalidations()).toContainEqual(name);
});

test("[SIDECAR-2] beside a document that is no text stands the text that the server drew from it", () => {
  const g = new GeneratedFixture();
  withText(g, "/a.pdf", "what it says");
  withText(g, "/b.pdf", null);
  expect(g.list("/")).toEqual(["a.pdf", "b.pdf", "a.pdf.pdf-transcription.md"]);
  expect(g.read("/a.pdf.pdf-transcription.md")).toBe("what it says");
  expect(g.code(() => g.ino("/a.pdf.image-transcription.md"))).toBe("ENOENT");
  expect(g.f.entry("/a.pdf").local_ver).toBe(g.f.entry("/a.pdf").base_ver);
  expect(g.f.check()).toEqual([]);
  // It is kept: the next start needs no server for it.
  g.f.kill();
  const again = new GeneratedNames(g.f.store.context, () => undefined);
  expect(again.list(rootIno).map(({ name }) => name)).toEqual(["a.pdf.pdf-transcription.md"]);
});

test("[SIDECAR-2] text is asked for once for the same bytes, a few files at a time, and again when they change", () => {
  const g = new GeneratedFixture();
  withText(g, "/a.pdf", "one");
  const { fid } = g.f.entry("/a.pdf");
  g.names.settled(fid);
  g.later(60_000);
  expect(g.questions("extract")).toEqual([]);
  g.f.overwrite("/a.pdf", "other bytes");
  g.names.settled(fid);
  g.later(60_000);
  expect(g.questions("extract")).toEqual([]);
  g.names.settled(g.f.makeClean("/a.pdf").fid);
  g.later(60_000);
  g.answer("extract", { kind: "extract", of: "pdf", text: "two" });
  expect(g.read("/a.pdf.pdf-transcription.md")).toBe("two");

  for (let n = 0; n < 10; n += 1) {
    g.f.write(`/${n}.png`, `${n}`);
    g.names.settled(g.f.makeClean(`/${n}.png`).fid);
  }
  g.f.write("/text.md", "no");
  g.names.settled(g.f.makeClean("/text.md").fid);
  g.later(0);
  expect(g.questions("extract")).toHaveLength(4);
});

test("[SIDECAR-2] a document that is still processed, or a server that is away, is asked again later", () => {
  const g = new GeneratedFixture();
  g.f.write("/a.pdf", "x");
  g.names.settled(g.f.makeClean("/a.pdf").fid);
  g.later(0);
  for (const answer of [{ kind: "later" }, { kind: "failed", code: "EHOSTUNREACH" }] as const) {
    g.answer("extract", answer);
    g.later(1000);
    expect(g.questions("extract")).toEqual([]);
    g.later(20_000);
    expect(g.questions("extract")).toHaveLength(1);
  }
  g.answer("extract", { kind: "extract", of: "pdf", text: "done" });
  expect(g.read("/a.pdf.pdf-transcription.md")).toBe("done");
  g.later(60_000);
  expect(g.names.dueMs).toBe(Number.POSITIVE_INFINITY);
});

test("[SIDECAR-2] what an earlier start has not asked for is found at the next", () => {
  const g = new GeneratedFixture();
  g.f.write("/a.pdf", "x");
  g.f.makeClean("/a.pdf");
  g.later(0);
  expect(g.questions("extract")).toHaveLength(1);
});

test("[SIDECAR-3] a sidecar follows its file in every rename, and is gone with it", () => {
  const g = new GeneratedFixture();
  g.f.mkdir("/d");
  withText(g, "/a.pdf", "text");
  const sidecar = g.ino("/a.pdf.pdf-transcription.md");
  g.f.store.takeInvalidations();
  const args = { fromParent: rootIno, fromName: "a.pdf", flags: 0, toName: "b.pdf" };
  g.fs.rename({ ...args, toParent: g.f.ino("/d") }, user);
  expect(g.list("/")).toEqual(["d"]);
  expect(g.list("/d")).toEqual(["b.pdf", "b.pdf.pdf-transcription.md"]);
  expect(g.ino("/d/b.pdf.pdf-transcription.md")).toBe(sidecar);
  const name = { kind: "entry", parent: g.f.ino("/d"), name: "b.pdf.pdf-transcription.md" };
  expect(g.f.store.takeInvalidations()).toContainEqual(name);
  g.f.rename("/d", "/e");
  expect(g.read("/e/b.pdf.pdf-transcription.md")).toBe("text");
});

test("[SIDECAR-4] rm -r works in either order: what stood beside a file that is gone can be removed for a while", () => {
  const g = new GeneratedFixture();
  for (const order of ["file first", "sidecar first"]) {
    g.f.mkdir("/d");
    withText(g, "/d/a.pdf", order);
    const d = g.f.ino("/d");
    const names = g.list("/d");
    if (order === "sidecar first") names.reverse();
    for (const name of names) {
      lookup(g.fs, d, name);
      g.fs.unlink(d, name, user);
    }
    expect(g.list("/d")).toEqual([]);
    g.fs.rmdir(rootIno, "d", user);
  }
  g.f.mkdir("/d");
  withText(g, "/d/a.pdf", "text");
  g.fs.unlink(g.f.ino("/d"), "a.pdf", user);
  g.later(60_000);
  expect(g.code(() => g.ino("/d/a.pdf.pdf-transcription.md"))).toBe("ENOENT");
});

test("[SIDECAR-4] a sidecar that was removed stays away until there is another text", () => {
  const g = new GeneratedFixture();
  withText(g, "/a.pdf", "one");
  g.fs.unlink(rootIno, "a.pdf.pdf-transcription.md", user);
  expect(g.list("/")).toEqual(["a.pdf"]);
  g.f.overwrite("/a.pdf", "other bytes");
  g.names.settled(g.f.makeClean("/a.pdf").fid);
  g.later(60_000);
  g.answer("extract", { kind: "extract", of: "pdf", text: "two" });
  expect(g.read("/a.pdf.pdf-transcription.md")).toBe("two");
});

test("[SIDECAR-5] a real file of a sidecar's name is the one that is seen and listed once", () => {
  const g = new GeneratedFixture();
  withText(g, "/a.pdf", "generated");
  g.f.write("/a.pdf.pdf-transcription.md", "mine");
  expect(g.list("/")).toEqual(["a.pdf", "a.pdf.pdf-transcription.md"]);
  expect(g.read("/a.pdf.pdf-transcription.md")).toBe("mine");
  const long = `${"x".repeat(250)}.pdf`;
  withText(g, `/${long}`, "no name for it");
  expect(g.list("/")).toEqual(["a.pdf", "a.pdf.pdf-transcription.md", long]);
});

test("[SIDECAR-1] a transition that brings an entry to rest is told", () => {
  const g = new GeneratedFixture();
  g.f.write("/a.pdf", "x");
  const { fid, doc_id } = g.f.makeClean("/a.pdf");
  const { context } = g.f.store;
  const telling = tellingTransitions(new Transitions(context), context, g.names);
  const known = telling.viewRemote([
    { docId: doc_id ?? "", fid: null, customId: null, path: null },
  ]);
  expect(known).toHaveLength(1);
  expect(telling.verify(fid, "no such attempt", {} as never)).toBe("stale");
  g.f.db.transaction(() => telling.apply([{ do: "nothing", docId: doc_id ?? "" } as never]));
  g.later(0);
  expect(g.questions("extract")).toHaveLength(1);
});
