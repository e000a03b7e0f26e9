import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Logger, silentLogger, systemClock, systemRandom } from "@smfs/core";
import { afterEach, beforeEach, expect, test } from "vitest";
import { openSqliteStorage } from "../storage/sqlite/sqlite-storage.ts";
import type { Storage } from "../storage/storage.ts";
import type { NewDocument, StoredDocument } from "../storage/stored.ts";
import { draft, inline, nobody } from "../storage/testing/drafts.ts";
import { WorkerError } from "../workers/worker-calls.ts";
import { Pipeline } from "./pipeline.ts";
import { type PipelineThread, pipelineHere } from "./pipeline-thread.ts";

let directory: string;
let storage: Storage;
let pipeline: Pipeline;
const open = () =>
  openSqliteStorage({
    dataDir: directory,
    clock: systemClock,
    random: systemRandom,
    logger: silentLogger,
  });

// Waiting is not what is tested: every sleep is over at once.
const hastyClock = { ...systemClock, sleep: () => Promise.resolve() };

function start(thread: PipelineThread, logger: Logger = silentLogger): Pipeline {
  return new Pipeline({ storage, thread, clock: hastyClock, random: systemRandom, logger });
}

beforeEach(async () => {
  directory = mkdtempSync(join(tmpdir(), "smfs-pipeline-"));
  storage = await open();
  pipeline = start(pipelineHere);
});

afterEach(async () => {
  await pipeline.close();
  expect(await storage.check()).toEqual([]);
  await storage.close();
  rmSync(directory, { recursive: true });
});

async function add(text: string, more: Partial<NewDocument> = {}): Promise<StoredDocument> {
  return storage.write((tx) => tx.create(draft(text, more)));
}

const html = { isText: false, type: "webpage", mediaType: "text/html", status: "queued" } as const;

async function state(document: StoredDocument) {
  const current = await storage.documentById(document.id);
  const chunks = await storage.chunksOfDocument(document.no);
  return {
    status: current?.status,
    error: current?.errorMessage,
    chunks: chunks.map((c) => c.text),
  };
}

async function run(): Promise<void> {
  pipeline.wake();
  await pipeline.idle();
}

test("[PIPELINE-1] a queued file gets its text and its chunks, and is done with a visible change", async () => {
  const document = await add("<p>Penguins</p>", html);
  await run();
  expect(await state(document)).toEqual({ status: "done", error: null, chunks: ["Penguins"] });
  const current = await storage.documentById(document.id);
  expect(current?.rev).toBe(document.rev + 1);
  expect(current?.updatedAt).toBeGreaterThan(document.updatedAt);
  expect(await storage.documentText(document)).toBe("Penguins");
});

test("[PIPELINE-2] a long text is indexed in the background without a visible change", async () => {
  const text = "Penguins walk on the ice. ".repeat(2000);
  const document = await add(text, { dreamingStatus: "dreaming" });
  await run();
  const current = await storage.documentById(document.id);
  expect(current).toMatchObject({
    dreamingStatus: "done",
    rev: document.rev,
    updatedAt: document.updatedAt,
  });
  const { chunks } = await state(document);
  expect(chunks.length).toBeGreaterThan(50);
  for (const chunk of chunks) expect(text).toContain(chunk);
});

test("[PIPELINE-3] a file at fault fails with a sentence, and the others are done", async () => {
  const before = await add("<p>one</p>", html);
  const bad = await add("%PDF-1.7 nothing", { ...html, mediaType: "application/pdf" });
  const after = await add("<p>two</p>", html);
  await run();
  expect((await state(before)).status).toBe("done");
  expect((await state(after)).status).toBe("done");
  expect(await state(bad)).toMatchObject({ status: "failed", chunks: [] });
  expect((await state(bad)).error).toMatch(/^The file is a damaged PDF.*\.$/);
});

test("[PIPELINE-3] a file that ends its worker, or throws, fails after a few attempts, and the others are done", async () => {
  const attempts: string[] = [];
  await pipeline.close();
  pipeline = start({
    work: (input, ms, lane) => {
      const text = input.kind === "extract" ? Buffer.from(input.bytes).toString() : "";
      attempts.push(text);
      if (text === "kills") return Promise.reject(new WorkerError("died", "out of memory"));
      if (text === "throws") return Promise.reject(new Error("unforeseen"));
      return pipelineHere.work(input, ms, lane);
    },
    close: () => Promise.resolve(),
  });
  const kills = await add("kills", html);
  const throws = await add("throws", html);
  const good = await add("good", html);
  await run();
  expect(await state(kills)).toMatchObject({
    status: "failed",
    error: expect.stringMatching("out of memory"),
  });
  expect(await state(throws)).toMatchObject({ status: "failed" });
  expect(await state(good)).toMatchObject({ status: "done", chunks: ["good"] });
  expect(attempts.filter((text) => text === "kills")).toHaveLength(2);
  expect(attempts.filter((text) => text === "throws")).toHaveLength(3);
});

test("[PIPELINE-8] a file that takes long holds up neither texts nor other files", async () => {
  await pipeline.close();
  let end: (error: WorkerError) => void = () => undefined;
  const took: number[] = [];
  pipeline = start({
    work: (input, ms, lane) => {
      const isSlow = input.kind === "extract" && Buffer.from(input.bytes).includes("slow");
      if (!isSlow) return pipelineHere.work(input, ms, lane);
      took.push(ms);
      if (lane === "files") return Promise.reject(new WorkerError("timeout", "took too long"));
      return new Promise((_, reject) => {
        end = reject;
      });
    },
    close: () => Promise.resolve(),
  });
  const slow = await add("slow one", html);
  pipeline.wake();
  await expect.poll(() => took.length).toBe(2);
  const file = await add("good", html);
  const text = await add("Penguins walk on the ice. ".repeat(2000), { dreamingStatus: "dreaming" });
  pipeline.wake();
  await expect.poll(async () => (await state(file)).status).toBe("done");
  await expect.poll(async () => (await state(text)).chunks.length).toBeGreaterThan(50);
  expect((await state(slow)).status).toBe("extracting");
  end(new WorkerError("timeout", "took more than 60 s"));
  await pipeline.idle();
  expect(took).toEqual([5000, 60_000]);
  expect(await state(slow)).toMatchObject({
    status: "failed",
    error: "The file could not be read: took more than 60 s.",
  });
});

test("[PIPELINE-4] what was worked out for other bytes than the present ones is thrown away", async () => {
  const document = await add("<p>old</p>", html);
  await pipeline.close();
  pipeline = start({
    work: async (input, ms, lane) => {
      const output = await pipelineHere.work(input, ms, lane);
      const current = await storage.documentById(document.id);
      if (current?.rev === 1) {
        await storage.write((tx) =>
          tx.change(current, {
            op: "update",
            writer: nobody,
            content: inline("<p>new</p>"),
            status: "queued",
          }),
        );
        pipeline.wake();
      }
      return output;
    },
    close: () => Promise.resolve(),
  });
  await run();
  expect(await state(document)).toEqual({ status: "done", error: null, chunks: ["new"] });
});

test("[PIPELINE-4] a document that was deleted meanwhile stays deleted", async () => {
  const document = await add("<p>old</p>", html);
  await pipeline.close();
  pipeline = start({
    work: async (input, ms, lane) => {
      const current = await storage.documentById(document.id);
      if (current !== undefined) await storage.write((tx) => tx.remove(current, nobody));
      return pipelineHere.work(input, ms, lane);
    },
    close: () => Promise.resolve(),
  });
  await run();
  expect(await storage.documentById(document.id)).toBeUndefined();
});

test("[PIPELINE-5] what a crash left in the middle of any step is finished after the next start", async () => {
  const documents: StoredDocument[] = [];
  for (const status of ["queued", "extracting", "chunking", "embedding", "indexing"] as const) {
    documents.push(await add("<p>text</p>", { ...html, status }));
  }
  await storage.close();
  storage = await open();
  pipeline = start(pipelineHere);
  await run();
  for (const document of documents) {
    expect(await state(document)).toMatchObject({ status: "done", chunks: ["text"] });
  }
});

test("[PIPELINE-6] documents that stand for directories have no chunks", async () => {
  const document = await add("a".repeat(100), {
    filepath: "/d/.smfs-dir",
    metadata: { sfs_kind: "dir" },
    dreamingStatus: "dreaming",
  });
  await run();
  expect((await state(document)).chunks).toEqual([]);
});
