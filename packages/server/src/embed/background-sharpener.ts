/**
 * Runs a sharper model in the background: loads it on demand, gives every chunk a vector of it while little else is
 * going on, embeds questions while it is loaded, and frees it when nobody needs it.
 *
 * Nothing waits for it and nothing fails with it: without it, search answers from the static vectors.
 */
import { availableParallelism, loadavg } from "node:os";
import { backoffMs, type Cancel, type Clock, type Logger, type Random } from "@smfs/core";
import { knownChunks } from "../search/index-text.ts";
import { quantised } from "../search/quantise.ts";
import type { QuestionVector } from "../search/search-engine.ts";
import type { ModelStatus } from "../search/search-service.ts";
import type { Storage } from "../storage/storage.ts";
import type { StoredChunk } from "../storage/stored.ts";
import type { Embedder, ModelSource } from "./embedder.ts";
import type { Sharpener } from "./sharpener.ts";
import { StaticEmbedder } from "./static-embedder.ts";

export interface SharpenerOptions {
  readonly storage: Storage;
  readonly model: ModelSource;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  /** Load of the machine per processor; above `loadMax` sharpening waits. */
  readonly load?: () => number;
}

/** Chunks embedded at once: short enough to stop soon, long enough to be worth a commit. */
const batchMax = 16;
/** Milliseconds of quiet before sharpening starts or goes on. */
const quietMs = 2000;
/** Milliseconds without a question or a chunk to embed after which the model is freed. */
const unusedMs = 5 * 60_000;
/** Load per processor above which sharpening waits, and milliseconds between two looks at it. */
const loadMax = 0.75;
const busyMs = 1000;
/** Milliseconds after which one batch is embedded even though the machine never comes to rest. */
const patienceMs = 10_000;

export class BackgroundSharpener implements Sharpener {
  readonly #options: SharpenerOptions;
  readonly #stop = new AbortController();
  #state: ModelStatus["state"] = "idle";
  #problem: string | undefined;
  #embedder: Embedder | undefined;
  #loading: Promise<Embedder> | undefined;
  #running: Promise<void> | undefined;
  #isWoken = false;
  #lastUse = 0;
  #failures = 0;
  #retryAt = 0;
  #cancelUnused: Cancel = () => undefined;
  /** Name of the model beside which there are no vectors of others any more. */
  #aloneSince: string | undefined;
  /** All chunks up to this number have a vector of the model of this name. Numbers grow, so none is missed. */
  #done: { readonly model: string; readonly chunkNo: number } | undefined;

  constructor(options: SharpenerOptions) {
    this.#options = options;
  }

  async questionVector(question: string): Promise<QuestionVector | undefined> {
    const { clock, model } = this.#options;
    this.#lastUse = clock.monotonic();
    this.#use();
    const embedder = this.#embedder;
    if (embedder === undefined) {
      // The next questions will have it. A failed load is told by `status`, and tried again in time.
      this.#load().catch(() => undefined);
      return undefined;
    }
    const timeout = new AbortController();
    const cancel = clock.after(model.questionMs, () => timeout.abort());
    try {
      const [vector] = await embedder.embed([question], timeout.signal);
      return vector && { model: embedder.name, calibration: embedder.calibration, vector };
    } catch (error) {
      if (!timeout.signal.aborted) await this.#failed(error);
      return undefined;
    } finally {
      cancel();
    }
  }

  wake(): void {
    this.#isWoken = true;
    this.#lastUse = this.#options.clock.monotonic();
    if (this.#running !== undefined || this.#stop.signal.aborted) return;
    this.#running = this.#run().finally(() => {
      this.#running = undefined;
    });
  }

  status(): Omit<ModelStatus, "chunks"> {
    return {
      // By the name of its vectors where that is known: what it has read before it is loaded again counts.
      name: this.#embedder?.name ?? this.#options.model.name ?? this.#options.model.label,
      state: this.#state,
      ...(this.#problem === undefined ? {} : { problem: this.#problem }),
    };
  }

  /** Resolves when every chunk has a vector, or sharpening has to wait. */
  async idle(): Promise<void> {
    await this.#running;
  }

  async close(): Promise<void> {
    this.#stop.abort();
    this.#cancelUnused();
    await this.#running;
    await this.#loading?.catch(() => undefined);
    await this.#free();
  }

  async #run(): Promise<void> {
    const { signal } = this.#stop;
    const { clock, random } = this.#options;
    while (this.#isWoken && !signal.aborted) {
      this.#isWoken = false;
      try {
        await this.#sharpen();
      } catch (error) {
        if (signal.aborted) return;
        // A failed load has been noted where it happened.
        if (this.#embedder !== undefined) await this.#failed(error);
        await clock.sleep(backoffMs(this.#failures, random), signal);
        this.#isWoken = true;
      }
    }
  }

  /** Gives every chunk that has none a vector; then vectors of other models are of no use. */
  async #sharpen(): Promise<void> {
    const { storage } = this.#options;
    const { signal } = this.#stop;
    await this.#quiet();
    if (signal.aborted) return;
    for (;;) {
      const known = this.#embedder?.name ?? this.#options.model.name;
      if (known !== undefined && !(await this.#isOwedWork(known))) break;
      const embedder = await this.#load();
      const after = this.#doneTo(embedder.name);
      const chunks = await storage.chunksWithoutVector(embedder.name, after, batchMax);
      const last = chunks.at(-1);
      if (last === undefined) break;
      await this.#embed(embedder, chunks);
      this.#done = { model: embedder.name, chunkNo: last.no };
      this.#failures = 0;
      await this.#quiet();
      if (signal.aborted) return;
    }
    await this.#dropOthers();
  }

  /** Whether there are chunks without a vector of the model of this name. */
  async #isOwedWork(name: string): Promise<boolean> {
    const { storage } = this.#options;
    const [first] = await storage.chunksWithoutVector(name, this.#doneTo(name), 1);
    return first !== undefined;
  }

  #doneTo(model: string): number {
    return this.#done?.model === model ? this.#done.chunkNo : 0;
  }

  async #embed(embedder: Embedder, chunks: readonly StoredChunk[]): Promise<void> {
    const { storage } = this.#options;
    const texts: string[] = [];
    let cached: { readonly no: number; readonly known: ReadonlyMap<number, string> } | undefined;
    for (const chunk of chunks) {
      if (cached?.no !== chunk.documentNo) {
        cached = { no: chunk.documentNo, known: await this.#knownTexts(chunk.documentNo) };
      }
      texts.push(cached.known.get(chunk.start) ?? chunk.text);
    }
    const vectors = await embedder.embed(texts, this.#stop.signal);
    this.#use();
    const rows = chunks.flatMap(({ no }, i) => {
      const vector = vectors[i];
      return vector === undefined ? [] : [{ chunkNo: no, bytes: quantised(vector) }];
    });
    await storage.write((tx) => tx.putVectors(embedder.name, rows));
  }

  /** What each chunk of a document is known by, by the chunk's start. */
  async #knownTexts(documentNo: number): Promise<Map<number, string>> {
    const { storage } = this.#options;
    const [document] = await storage.documentsByNo([documentNo]);
    const text = document === undefined ? undefined : await storage.documentText(document);
    if (document === undefined || text === undefined) return new Map();
    const mediaType = document.isText ? document.mediaType : "text/plain";
    const chunks = knownChunks(text, mediaType);
    return new Map(chunks.map(({ chunk, known }) => [chunk.start, known]));
  }

  /** Drops vectors of models that are used no more, once for each model that has embedded everything. */
  async #dropOthers(): Promise<void> {
    const { storage, model } = this.#options;
    const name = this.#embedder?.name ?? model.name;
    if (name === undefined || name === this.#aloneSince) return;
    const own = new Set([new StaticEmbedder().name, name]);
    const { vectors } = await storage.indexCounts();
    for (const [other, count] of Object.entries(vectors)) {
      if (count > 0 && !own.has(other)) await storage.write((tx) => tx.dropVectors(other));
    }
    this.#aloneSince = name;
  }

  /** Waits until nothing was written or asked for a while, and the machine has room. */
  async #quiet(): Promise<void> {
    const { clock } = this.#options;
    const { signal } = this.#stop;
    const load = this.#options.load ?? (() => (loadavg()[0] ?? 0) / availableParallelism());
    const patience = clock.monotonic() + patienceMs;
    while (!signal.aborted && clock.monotonic() < patience) {
      const quiet = clock.monotonic() - this.#lastUse;
      if (quiet < quietMs) await clock.sleep(quietMs - quiet, signal);
      else if (load() > loadMax) await clock.sleep(busyMs, signal);
      else return;
    }
  }

  #load(): Promise<Embedder> {
    if (this.#embedder !== undefined) return Promise.resolve(this.#embedder);
    if (this.#stop.signal.aborted) return Promise.reject(new Error("the server stops"));
    const { clock, model } = this.#options;
    if (this.#loading !== undefined) return this.#loading;
    if (clock.monotonic() < this.#retryAt) {
      return Promise.reject(new Error(this.#problem ?? "the model is not available"));
    }
    this.#state = "loading";
    this.#loading = model
      .load()
      .then((embedder) => {
        this.#embedder = embedder;
        this.#state = "answering";
        this.#problem = undefined;
        this.#use();
        return embedder;
      })
      .catch(async (error: unknown) => {
        await this.#failed(error);
        throw error;
      })
      .finally(() => {
        this.#loading = undefined;
      });
    return this.#loading;
  }

  /** The model is needed: it is freed only when that is long ago. */
  #use(): void {
    this.#cancelUnused();
    if (this.#stop.signal.aborted) return;
    this.#cancelUnused = this.#options.clock.after(unusedMs, () => {
      if (this.#running === undefined) this.#free().catch(() => undefined);
      else this.#use();
    });
  }

  async #free(): Promise<void> {
    this.#cancelUnused();
    const embedder = this.#embedder;
    this.#embedder = undefined;
    if (this.#state === "answering") this.#state = "idle";
    await embedder?.close();
  }

  /** Notes a failure for `status` and for the time of the next attempt. */
  async #failed(error: unknown): Promise<void> {
    const { clock, random, logger, model } = this.#options;
    this.#failures += 1;
    this.#retryAt = clock.monotonic() + backoffMs(this.#failures, random);
    this.#problem = error instanceof Error ? error.message : String(error);
    this.#state = "failed";
    logger.log("warn", "the sharper model is not available", {
      model: model.label,
      problem: this.#problem,
    });
    await this.#free();
  }
}
