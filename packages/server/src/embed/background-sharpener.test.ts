import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Clock, silentLogger, systemClock, systemRandom } from "@smfs/core";
import { afterEach, beforeEach, expect, test } from "vitest";
import { indexText } from "../search/index-text.ts";
import { Searcher, searchHere } from "../search/searcher.ts";
import { openSqliteStorage } from "../storage/sqlite/sqlite-storage.ts";
import type { Storage } from "../storage/storage.ts";
import { draft } from "../storage/testing/drafts.ts";
import { BackgroundSharpener } from "./background-sharpener.ts";
import type { Embedder, ModelSource } from "./embedder.ts";
import { StaticEmbedder } from "./static-embedder.ts";

let directory: string;
let storage: Storage;
let sharpener: BackgroundSharpener;
const embedder = new StaticEmbedder();

/** A clock whose sleeps take no time but count as their length; timers never fire by themselves. */
class HastyClock implements Clock {
  #at = 0;
  readonly timers: { readonly at: number; action(): void }[] = [];
  now(): number {
    return this.#at;
  }
  monotonic(): number {
    return this.#at;
  }
  async sleep(ms: number): Promise<void> {
    this.#at += ms;
  }
  after(ms: number, action: () => void): () => void {
    const timer = { at: this.#at + ms, action };
    this.timers.push(timer);
    return () => {
      const index = this.timers.indexOf(timer);
      if (index !== -1) this.timers.splice(index, 1);
    };
  }
  pass(ms: number): void {
    this.#at += ms;
    for (const timer of this.timers.filter(({ at }) => at <= this.#at)) {
      this.timers.splice(this.timers.indexOf(timer), 1);
      timer.action();
    }
  }
}

/** A model that knows two things: whether a text is about birds, and whether it is about money. */
class TopicModel implements Embedder {
  readonly name: string;
  readonly dimension = 64;
  readonly calibration = {
    lexicalWeight: 0,
    lexicalPower: 1,
    curve: [
      [0, 0],
      [1, 1],
    ],
  } as const;
  closed = 0;
  readonly embedded: string[] = [];
  constructor(name = "topics") {
    this.name = name;
  }
  async embed(texts: readonly string[]): Promise<Float32Array[]> {
    this.embedded.push(...texts);
    return texts.map((text) => {
      const vector = new Float32Array(64);
      vector[/penguin|feather/i.test(text) ? 0 : /cash|coin/i.test(text) ? 1 : 2] = 1;
      return vector;
    });
  }
  async close(): Promise<void> {
    this.closed += 1;
  }
}

let clock: HastyClock;
let model: TopicModel;
let loads: number;
let problem: Error | undefined;
const source = (): ModelSource => ({
  label: "topic model",
  questionMs: 1000,
  load: async () => {
    loads += 1;
    if (problem !== undefined) throw problem;
    return model;
  },
});

beforeEach(async () => {
  directory = mkdtempSync(join(tmpdir(), "smfs-sharpen-"));
  storage = await openSqliteStorage({
    dataDir: directory,
    clock: systemClock,
    random: systemRandom,
    logger: silentLogger,
  });
  clock = new HastyClock();
  model = new TopicModel();
  loads = 0;
  problem = undefined;
  sharpener = open();
});

function open(load = 0, name?: string): BackgroundSharpener {
  return new BackgroundSharpener({
    storage,
    model: { ...source(), ...(name === undefined ? {} : { name }) },
    clock,
    random: systemRandom,
    logger: silentLogger,
    load: () => load,
  });
}

afterEach(async () => {
  await sharpener.close();
  await storage.close();
  rmSync(directory, { recursive: true });
});

async function add(text: string): Promise<void> {
  await storage.write(async (tx) => {
    const document = await tx.create(draft(text, { filepath: `/${text.slice(0, 8)}` }));
    await tx.putChunks(document, text, indexText(text, embedder));
  });
}

async function run(): Promise<void> {
  sharpener.wake();
  await sharpener.idle();
}

const counts = async () => (await storage.indexCounts()).vectors;

test("[SHARPEN-1] every chunk gets a vector of the model, also those that come later", async () => {
  for (let i = 0; i < 40; i += 1) await add(`note ${i}`);
  await run();
  expect(await counts()).toEqual({ "static-256": 40, topics: 40 });
  await add("one more");
  await run();
  expect((await counts()).topics).toBe(41);
  expect(model.embedded).toHaveLength(41);
});

test("[SHARPEN-1] a chunk is embedded with what it is known by", async () => {
  const filler = "Some words to fill a paragraph of text. ".repeat(20);
  await add(`# Penguin handbook\n\n${filler}\n\n${filler}`);
  await run();
  expect(model.embedded.length).toBeGreaterThan(1);
  for (const text of model.embedded) expect(text).toContain("Penguin handbook");
});

test("[SHARPEN-2] a question is answered with the static vectors while the model is loaded, then with the sharper ones", async () => {
  await add("Feathers keep them warm.");
  await add("Quarterly numbers of the bank.");
  await run();
  await sharpener.close();
  sharpener = open();
  const search = new Searcher(storage, searchHere(storage), sharpener);
  const ask = async () =>
    (await search.search({ q: "penguin", scope: {}, limit: 1, threshold: 0 })).hits[0];
  expect(loads).toBe(1);
  expect((await ask())?.similarity).toBeLessThan(1);
  await expect.poll(() => sharpener.status().state).toBe("answering");
  expect(await ask()).toMatchObject({
    similarity: expect.closeTo(1, 6),
    chunk: { text: "Feathers keep them warm." },
  });
  await search.close();
});

test("[SHARPEN-3] a model that cannot be loaded hinders nothing, is told, and is tried again", async () => {
  problem = new Error("no such model");
  await add("Feathers keep them warm.");
  expect(await sharpener.questionVector("penguin")).toBeUndefined();
  await expect
    .poll(() => sharpener.status())
    .toMatchObject({ state: "failed", problem: "no such model" });
  expect(await sharpener.questionVector("penguin")).toBeUndefined();
  expect(loads).toBe(1);
  problem = undefined;
  clock.pass(120_000);
  await run();
  expect(sharpener.status().state).toBe("answering");
  expect((await counts()).topics).toBe(1);
});

test("[SHARPEN-4] an unused model is freed, and loaded again when it is needed", async () => {
  await add("Feathers keep them warm.");
  await run();
  clock.pass(6 * 60_000);
  await expect.poll(() => model.closed).toBe(1);
  expect(sharpener.status().state).toBe("idle");
  await sharpener.questionVector("penguin");
  await expect.poll(() => sharpener.status().state).toBe("answering");
  expect(loads).toBe(2);
});

test("[SHARPEN-5] vectors of a model that is used no more go when the new one has embedded everything", async () => {
  await add("Feathers keep them warm.");
  await run();
  await sharpener.close();
  model = new TopicModel("better topics");
  sharpener = open();
  await run();
  expect(await counts()).toEqual({ "static-256": 1, "better topics": 1 });
});

test("[SHARPEN-6] on a busy machine sharpening waits, but not for ever", async () => {
  await add("Feathers keep them warm.");
  sharpener = open(1);
  const before = clock.monotonic();
  await run();
  expect(clock.monotonic() - before).toBeGreaterThanOrEqual(10_000);
  expect((await counts()).topics).toBe(1);
});

test("[SHARPEN-4] a model whose name is known is not loaded when nothing is left to embed", async () => {
  await add("Feathers keep them warm.");
  await run();
  await sharpener.close();
  sharpener = open(0, "topics");
  await run();
  expect(loads).toBe(1);
  await add("Coins are cold.");
  await run();
  expect(loads).toBe(2);
  expect((await counts()).topics).toBe(2);
});
