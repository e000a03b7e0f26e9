// Search, pipeline and the sharper model in their built workers, on a real data directory.
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { present, silentLogger, systemClock, systemRandom } from "@smfs/core";
import { minilmModel } from "@smfs/embed-minilm";
import { afterEach, beforeEach, expect, test } from "vitest";
import { sharedWordPiece } from "../../packages/server/src/embed/static-embedder.ts";
import { pdfOf } from "../../packages/server/src/extract/testing/pdf.ts";
import { zipOf } from "../../packages/server/src/extract/testing/zip.ts";
import {
  type Indexing,
  openIndexing,
} from "../../packages/server/src/pipeline/testing/open-indexing.ts";
import { openSqliteStorage } from "../../packages/server/src/storage/sqlite/sqlite-storage.ts";
import type { Storage } from "../../packages/server/src/storage/storage.ts";
import type { NewDocument, StoredDocument } from "../../packages/server/src/storage/stored.ts";
import { draft } from "../../packages/server/src/storage/testing/drafts.ts";

const shared = { clock: systemClock, random: systemRandom, logger: silentLogger };
const docx = "application/vnd.openxmlformats-officedocument.wordprocessingml.document";
let directory: string;
let storage: Storage;
let indexing: Indexing;

beforeEach(async () => {
  directory = mkdtempSync(join(tmpdir(), "smfs-workers-"));
  storage = await openSqliteStorage({ dataDir: directory, ...shared });
  indexing = openIndexing({ storage, workersOn: directory, ...shared });
});

afterEach(async () => {
  await indexing.close();
  await storage.close();
  rmSync(directory, { recursive: true });
});

async function add(text: string, more: Partial<NewDocument> = {}): Promise<StoredDocument> {
  return storage.write(async (tx) => {
    const document = await tx.create(draft(text, more));
    await tx.putChunks(document, text, indexing.pipeline.indexText(text));
    return document;
  });
}

async function addFile(
  bytes: Buffer,
  mediaType: string,
  filepath: string,
): Promise<StoredDocument> {
  const writer = await storage.receiveBlob();
  await writer.write(bytes);
  const content = await writer.finish();
  const file = {
    isText: false,
    status: "queued",
    type: "webpage",
    content,
    mediaType,
    filepath,
  } as const;
  return storage.write((tx) => tx.create(draft("", file)));
}

const search = async (q: string) =>
  (await indexing.search.search({ q, scope: {}, limit: 5, threshold: 0 })).hits;

test("[SEARCH-11] the worker finds what was written a moment ago, with its text and lines", async () => {
  await add("one\n\ntwo", { filepath: "/other.md" });
  await add("# Birds\n\nPenguins walk on ice.", { filepath: "/birds.md" });
  const [hit] = await search("penguins");
  expect(hit).toMatchObject({
    document: { filepath: "/birds.md" },
    chunk: { lineStart: 1, lineEnd: 3 },
  });
  expect(hit?.chunk?.text).toContain("Penguins walk");
  await add("Penguins dive.", { filepath: "/later.md" });
  expect((await search("penguins dive"))[0]?.document.filepath).toBe("/later.md");
});

test("[SEARCH-11] a hundred searches at once are all answered, while documents are written", async () => {
  for (let i = 0; i < 300; i += 1) await add(`Penguins walk on ice, day ${i}.`);
  const searches = Promise.all(Array.from({ length: 100 }, () => search("penguins on ice")));
  const slowest = { ms: 0 };
  for (let i = 0; i < 30; i += 1) {
    const started = performance.now();
    await add(`Another note, number ${i}.`);
    slowest.ms = Math.max(slowest.ms, performance.now() - started);
  }
  for (const hits of await searches) expect(hits).toHaveLength(5);
  // A hundred searches take a second of the worker's time: a write that waited for them would show it.
  expect(slowest.ms).toBeLessThan(1000);
});

test("[PIPELINE-7] files of every kind become searchable, bombs fail, and the server goes on", async () => {
  const word = (body: string) =>
    zipOf([{ name: "word/document.xml", content: `<w:body>${body}</w:body>` }]);
  const bomb = await addFile(word("A".repeat(300 << 20)), docx, "/bomb.docx");
  const good = await addFile(word("<w:p><w:t>Walrus tusks</w:t></w:p>"), docx, "/walrus.docx");
  const paper = await addFile(pdfOf(["Narwhal horns"]), "application/pdf", "/narwhal.pdf");
  const long = "Some sentences about the sea and its ice. ".repeat(3000);
  await storage.write((tx) =>
    tx.create(draft(`${long}Beluga songs.`, { filepath: "/long.md", dreamingStatus: "dreaming" })),
  );
  indexing.start();
  await indexing.pipeline.idle();
  expect(await storage.documentById(bomb.id)).toMatchObject({
    status: "failed",
    errorMessage: "The file holds more than 128 MiB.",
  });
  for (const { id } of [good, paper]) {
    expect(await storage.documentById(id)).toMatchObject({ status: "done" });
  }
  expect((await search("walrus"))[0]?.document.filepath).toBe("/walrus.docx");
  expect((await search("narwhal"))[0]?.chunk?.text).toBe("Narwhal horns");
  const [beluga] = await search("beluga");
  expect(beluga?.document.filepath).toBe("/long.md");
  expect(beluga?.chunk?.text.endsWith("Beluga songs.")).toBe(true);
  expect(await storage.check()).toEqual([]);
});

interface TestVector {
  readonly text: string;
  readonly vector: readonly number[];
}

const model = present(
  minilmModel((text) => sharedWordPiece().tokenIds(text), systemClock),
  "an ONNX runtime (npm install onnxruntime-web)",
);
const testVectors = JSON.parse(
  readFileSync(
    new URL("../../packages/embed-minilm/assets/test-vectors.json", import.meta.url),
    "utf8",
  ),
) as TestVector[];

test("[MINILM-3] the built model reproduces the reference's vectors", async () => {
  const embedder = await model.load();
  const vectors = (await embedder.embed(testVectors.map(({ text }) => text))) ?? [];
  for (const [i, { text, vector }] of testVectors.entries()) {
    const cosine = vector.reduce((sum, value, at) => sum + value * (vectors[i]?.[at] ?? 0), 0);
    expect(cosine, text).toBeGreaterThan(0.99);
  }
  expect(await embedder.embed([""])).toEqual([new Float32Array(384)]);
  await embedder.close();
});

test("[MINILM-4] a freed model answers no more, and calls in flight end", async () => {
  const embedder = await model.load();
  const inFlight = embedder.embed(["a question"]);
  const ended = expect(inFlight).rejects.toThrow("freed");
  await embedder.close();
  await ended;
  await expect(embedder.embed(["another"])).rejects.toThrow("freed");
  const abort = new AbortController();
  abort.abort();
  await expect(embedder.embed(["third"], abort.signal)).rejects.toThrow();
});

test("[SHARPEN-1, MINILM-3] the sharper model embeds what is there and then answers", async () => {
  await add("Quarterly numbers of the bank.", { filepath: "/bank.md" });
  await add("The violin lesson is cancelled because the teacher has the flu.", {
    filepath: "/violin.md",
  });
  await indexing.close();
  indexing = openIndexing({
    storage,
    workersOn: directory,
    model,
    ...shared,
  });
  indexing.start();
  await expect
    .poll(async () => (await indexing.search.status()).models[1], { timeout: 60_000 })
    .toMatchObject({
      name: expect.stringMatching(/^minilm-int8\/onnxruntime-(web|node)-/),
      chunks: 2,
      state: "answering",
    });
  expect((await search("music class does not take place"))[0]?.document.filepath).toBe(
    "/violin.md",
  );
}, 90_000);
