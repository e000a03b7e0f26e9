import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { silentLogger, systemClock, systemRandom } from "@smfs/core";
import { afterEach, beforeEach, expect, test } from "vitest";
import { StaticEmbedder } from "../embed/static-embedder.ts";
import { openSqliteStorage } from "../storage/sqlite/sqlite-storage.ts";
import type { Storage } from "../storage/storage.ts";
import type { NewDocument, StoredDocument } from "../storage/stored.ts";
import { draft, nobody } from "../storage/testing/drafts.ts";
import { parseFilter } from "./filter.ts";
import { indexText } from "./index-text.ts";
import { SearchEngine } from "./search-engine.ts";
import type { SearchQuery } from "./search-service.ts";

const embedder = new StaticEmbedder();
let directory: string;
let storage: Storage;
let engine: SearchEngine;

beforeEach(async () => {
  directory = mkdtempSync(join(tmpdir(), "smfs-search-"));
  storage = await openSqliteStorage({
    dataDir: directory,
    clock: systemClock,
    random: systemRandom,
    logger: silentLogger,
  });
  engine = new SearchEngine(storage, embedder);
});

afterEach(async () => {
  await storage.close();
  rmSync(directory, { recursive: true });
});

async function add(text: string, more: Partial<NewDocument> = {}): Promise<StoredDocument> {
  return storage.write(async (tx) => {
    const document = await tx.create(draft(text, more));
    await tx.putChunks(document, text, indexText(text, embedder));
    return document;
  });
}

async function paths(q: string, more: Partial<SearchQuery> = {}): Promise<(string | null)[]> {
  const found = await engine.search({ q, scope: {}, limit: 10, ...more }, []);
  return found.map((hit) => hit.document.filepath);
}

async function addThree(): Promise<void> {
  await add("The violin lesson is cancelled because the teacher has the flu.", {
    filepath: "/music/violin.md",
  });
  await add("Rotate the TLS certificate before March.", { filepath: "/ops/tls.md" });
  await add("Two cups of flour, one egg, bake for forty minutes.", {
    filepath: "/kitchen/cake.md",
  });
}

test("[SEARCH-1] a document is found by meaning without a common word, and first", async () => {
  await addThree();
  expect((await paths("music class does not take place", { threshold: 0 }))[0]).toBe(
    "/music/violin.md",
  );
});

test("[SEARCH-2] a word that only the document has finds it", async () => {
  await addThree();
  await add("Ticket XK-4711 was closed.", { filepath: "/tickets.md" });
  expect((await paths("4711"))[0]).toBe("/tickets.md");
});

test("[SEARCH-3] what was written or deleted a moment ago is already found or gone", async () => {
  await addThree();
  expect(await paths("penguins")).not.toContain("/new.md");
  const document = await add("Penguins walk on ice.", { filepath: "/new.md" });
  expect((await paths("penguins"))[0]).toBe("/new.md");
  await storage.write((tx) => tx.remove(document, nobody));
  expect(await paths("penguins", { threshold: 0 })).not.toContain("/new.md");
});

test("[SEARCH-3] a document that was written a thousand times is found in its last state among others", async () => {
  const text = (i: number): string => `Penguins walk on ice, day ${i}.`;
  await addThree();
  const document = await add(text(0), { filepath: "/diary.md" });
  await engine.warm();
  for (let i = 1; i <= 1000; i += 1) {
    await storage.write((tx) => tx.putChunks(document, text(i), indexText(text(i), embedder)));
  }
  await add("Penguins dive for fish.", { filepath: "/other.md" });
  expect((await paths("penguins", { threshold: 0 })).toSorted()).toContain("/other.md");
  expect(await paths("birds of the antarctic", { threshold: 0 })).toHaveLength(5);
});

test("[SEARCH-4] scope is the union of containers, and a path exact or with all below it", async () => {
  await add("Penguins on ice.", { filepath: "/a/one.md", containerTags: ["first"] });
  await add("Penguins in water.", { filepath: "/a/b/two.md", containerTags: ["second"] });
  await add("Penguins elsewhere.", { filepath: null, containerTags: ["second"] });
  const q = "penguins";
  expect(await paths(q, { scope: { containerTags: ["first"] } })).toEqual(["/a/one.md"]);
  expect(await paths(q, { scope: { containerTags: ["first", "second"] } })).toHaveLength(3);
  expect(await paths(q, { scope: { containerTags: ["none"] } })).toEqual([]);
  expect(await paths(q, { scope: { filepath: "/a/" } })).toHaveLength(2);
  expect(await paths(q, { scope: { filepath: "/a/b/" } })).toEqual(["/a/b/two.md"]);
  expect(await paths(q, { scope: { filepath: "/a/one.md" } })).toEqual(["/a/one.md"]);
  expect(await paths(q, { scope: { filepath: "/a" } })).toEqual([]);
  expect(await paths(q, { scope: { filepath: "/" } })).toHaveLength(2);
});

test("[SEARCH-4] a small container is searched fully, however many better hits others have", async () => {
  for (let i = 0; i < 700; i += 1) await add(`Penguins on ice number ${i}.`);
  await add("A bird that cannot fly.", { filepath: "/bird.md", containerTags: ["small"] });
  expect(await paths("penguins", { scope: { containerTags: ["small"] }, threshold: 0 })).toEqual([
    "/bird.md",
  ]);
});

test("[SEARCH-5] a filter that lets few pass still fills the answer", async () => {
  for (let i = 0; i < 1500; i += 1) {
    await add(`Penguins on ice number ${i}.`, { metadata: { keep: i % 300 === 7 ? "yes" : "no" } });
  }
  const filter = parseFilter({ AND: [{ key: "keep", value: "yes" }] });
  const found = await engine.search({ q: "penguins", scope: {}, limit: 10, filter }, []);
  expect(found).toHaveLength(5);
});

test("[SEARCH-6] documents that stand for directories and symlinks are left out", async () => {
  await add("Penguins", { filepath: "/d/.smfs-dir", metadata: { sfs_kind: "dir" } });
  await add("Penguins", { filepath: "/link", metadata: { sfs_kind: "symlink" } });
  await add("Penguins", { filepath: "/plain.md" });
  expect(await paths("penguins")).toEqual(["/plain.md"]);
  expect(await paths("*")).toEqual(["/plain.md"]);
});

test("[SEARCH-7] hits come by similarity, at most three of one document, and none below the threshold", async () => {
  const paragraph = "Penguins walk on the ice and dive for fish in the cold sea. ";
  await add(`${paragraph.repeat(12)}\n\n`.repeat(8), { filepath: "/long.md" });
  await add("Penguins are mentioned in this note about clouds and tea.", { filepath: "/short.md" });
  const found = await engine.search(
    { q: "penguins ice fish", scope: {}, limit: 10, threshold: 0 },
    [],
  );
  expect(found.filter((hit) => hit.document.filepath === "/long.md")).toHaveLength(3);
  expect(found.map((hit) => hit.document.filepath)).toContain("/short.md");
  const similarities = found.map((hit) => hit.similarity);
  expect(similarities).toEqual(similarities.toSorted((a, b) => b - a));
  expect(await paths("penguins ice fish", { threshold: 1.01 })).toEqual([]);
});

test("[SEARCH-8] a star lists what is in scope, changed last first", async () => {
  await addThree();
  expect(await paths("*")).toEqual(["/kitchen/cake.md", "/ops/tls.md", "/music/violin.md"]);
  expect(await paths(" * ", { limit: 1 })).toEqual(["/kitchen/cake.md"]);
  expect(await paths("*", { scope: { filepath: "/ops/" } })).toEqual(["/ops/tls.md"]);
});

test("[SEARCH-9] no question is refused: marks, operators and nothing at all find nothing or something", async () => {
  await addThree();
  for (const q of [
    "",
    "   ",
    '"',
    '""',
    "AND",
    "NOT (",
    "a* OR b:c",
    "\u0000",
    "🎻",
    "^x",
    "x".repeat(100_000),
  ]) {
    await expect(paths(q), JSON.stringify(q.slice(0, 20))).resolves.toBeInstanceOf(Array);
  }
});

test("[SEARCH-10] only one document is looked into when it is named", async () => {
  await addThree();
  const document = await add("Flour and eggs are sold out.", { filepath: "/shop.md" });
  expect(await paths("flour", { documentNo: document.no })).toEqual(["/shop.md"]);
  expect(
    await paths("flour", { documentNo: document.no, scope: { filepath: "/kitchen/" } }),
  ).toEqual([]);
});

test("[SEARCH-4] a scope follows what is written, moved and deleted between two searches", async () => {
  const scope = { containerTags: ["first"], filepath: "/in/" };
  const q = "penguins";
  const there = await add("Penguins on ice.", { filepath: "/in/a.md", containerTags: ["first"] });
  const outside = await add("Penguins in water.", {
    filepath: "/out/b.md",
    containerTags: ["first"],
  });
  const other = await add("Penguins elsewhere.", {
    filepath: "/in/c.md",
    containerTags: ["second"],
  });
  expect(await paths(q, { scope })).toEqual(["/in/a.md"]);
  await add("Penguins again.", { filepath: "/in/d.md", containerTags: ["first"] });
  expect((await paths(q, { scope })).toSorted()).toEqual(["/in/a.md", "/in/d.md"]);
  await storage.write((tx) =>
    tx.change(there, { op: "rename", writer: nobody, filepath: "/out/a.md" }),
  );
  await storage.write((tx) =>
    tx.change(outside, { op: "rename", writer: nobody, filepath: "/in/b.md" }),
  );
  await storage.write((tx) =>
    tx.change(other, { op: "metadata", writer: nobody, containerTags: ["second", "first"] }),
  );
  expect((await paths(q, { scope })).toSorted()).toEqual(["/in/b.md", "/in/c.md", "/in/d.md"]);
});
