/** The model as an embedder: its worker, started once and ended by `close`. */
import { Worker } from "node:worker_threads";
import type { Cancel, Clock } from "@smfs/core";
import { loadMs, textMs, textsMax, tokensMax } from "./limits.ts";
import type { MinilmCall, MinilmReply } from "./minilm-worker.ts";
import type { Runtime } from "./runtime.ts";

/** `[CLS]` and `[SEP]` of BERT's vocabulary. */
const classToken = 101;
const separatorToken = 102;
const dimension = 384;

/** The token ids that the model takes for a text: special tokens around at most 254 of its own. */
export function modelTokens(tokenIds: readonly number[]): number[] {
  return [classToken, ...tokenIds.slice(0, tokensMax - 2), separatorToken];
}

/** How the server joins this model's scores with lexical ones (its Calibration). */
export interface MinilmCalibration {
  readonly lexicalWeight: number;
  readonly lexicalPower: number;
  readonly curve: readonly (readonly [fused: number, similarity: number])[];
}

/**
 * cosine + 0.5 · share²; fitted on the halves of the retrieval corpora that are for tuning (bench/retrieval.ts). Fused
 * scores there, of the document that answers: 0.26, 0.42, 0.57 (10th, 50th, 90th percentile) without a common word,
 * 0.50, 0.78, 1.01 and 0.61, 0.92, 1.16 with some; of another document, 99th percentile among short notes: 0.27.
 */
const minilmCalibration: MinilmCalibration = {
  lexicalWeight: 0.5,
  lexicalPower: 2,
  curve: [
    [0, 0],
    [0.17, 0.3],
    [0.33, 0.6],
    [0.6, 0.78],
    [0.9, 0.92],
    [1.5, 1],
  ],
};

/** What makes vectors comparable: the model, the runtime that computed them, the dimension. */
export function modelName({ name, version }: Runtime): string {
  return `minilm-int8/${name}-${version}/${dimension}`;
}

interface Pending {
  resolve(vector: Float32Array): void;
  reject(error: Error): void;
  readonly cancel: Cancel;
}

export interface MinilmOptions {
  /** WordPiece ids of a text by BERT's uncased vocabulary, without special tokens. */
  readonly tokenIds: (text: string) => readonly number[];
  readonly clock: Clock;
  readonly runtime: Runtime;
}

export class MinilmEmbedder {
  readonly name: string;
  readonly dimension: number = dimension;
  readonly calibration: MinilmCalibration = minilmCalibration;
  readonly #options: MinilmOptions;
  readonly #worker: Worker;
  readonly #pending = new Map<number, Pending>();
  #lastId = 0;
  #ended: Error | undefined;

  private constructor(options: MinilmOptions, worker: Worker) {
    this.name = modelName(options.runtime);
    this.#options = options;
    this.#worker = worker;
    worker.on("message", (reply: MinilmReply) => this.#settle(reply));
    worker.on("error", (error: Error) => this.#end(error));
    worker.on("exit", () => this.#end(new Error("the model's worker ended")));
  }

  /** Starts the worker and resolves when the model is loaded and warm. @throws Error when that fails */
  static async open(options: MinilmOptions): Promise<MinilmEmbedder> {
    const worker = new Worker(workerUrl(), { workerData: options.runtime.name, execArgv: [] });
    // It alone does not keep the process alive.
    worker.unref();
    try {
      await ready(worker, options.clock);
    } catch (error) {
      await worker.terminate();
      throw error;
    }
    return new MinilmEmbedder(options, worker);
  }

  /** Vectors of texts, one after another; an abort takes effect between two. */
  async embed(texts: readonly string[], signal?: AbortSignal): Promise<Float32Array[]> {
    if (texts.length > textsMax) throw new RangeError(`at most ${textsMax} texts at once`);
    const vectors: Float32Array[] = [];
    for (const text of texts) {
      signal?.throwIfAborted();
      const tokenIds = this.#options.tokenIds(text);
      vectors.push(
        tokenIds.length === 0 ? new Float32Array(dimension) : await this.#run(tokenIds, signal),
      );
    }
    return vectors;
  }

  async close(): Promise<void> {
    this.#end(new Error("the model was freed"));
    await this.#worker.terminate();
  }

  #run(tokenIds: readonly number[], signal: AbortSignal | undefined): Promise<Float32Array> {
    if (this.#ended !== undefined) return Promise.reject(this.#ended);
    this.#lastId += 1;
    const id = this.#lastId;
    return new Promise((resolve, reject) => {
      const abort = (): void => this.#fail(id, new Error("nobody waits any more"));
      const cancelTimer = this.#options.clock.after(textMs, () =>
        this.#fail(id, new Error("the model took too long")),
      );
      signal?.addEventListener("abort", abort, { once: true });
      const cancel = (): void => {
        cancelTimer();
        signal?.removeEventListener("abort", abort);
      };
      this.#pending.set(id, { resolve, reject, cancel });
      const call: MinilmCall = { id, tokenIds: modelTokens(tokenIds) };
      this.#worker.postMessage(call);
    });
  }

  #settle(reply: MinilmReply): void {
    if (reply.kind === "ready") return;
    if (reply.kind === "problem") {
      this.#fail(reply.id, new Error(reply.message));
      return;
    }
    this.#take(reply.id)?.resolve(reply.vector);
  }

  #fail(id: number, error: Error): void {
    this.#take(id)?.reject(error);
  }

  #take(id: number): Pending | undefined {
    const pending = this.#pending.get(id);
    this.#pending.delete(id);
    pending?.cancel();
    return pending;
  }

  #end(error: Error): void {
    this.#ended ??= error;
    for (const id of [...this.#pending.keys()]) this.#fail(id, error);
  }
}

function ready(worker: Worker, clock: Clock): Promise<void> {
  return new Promise((resolve, reject) => {
    const cancel = clock.after(loadMs, () => reject(new Error("the model took too long to load")));
    worker.once("message", () => {
      cancel();
      resolve();
    });
    // Later ones find the promise settled, and the embedder's own listeners beside these.
    worker.once("error", reject);
    worker.once("exit", () => {
      cancel();
      reject(new Error("the model's worker ended while it loaded"));
    });
  });
}

/** The built worker: sources run from `src`, but a worker is plain JavaScript in `dist`. */
function workerUrl(): URL {
  const isSource = import.meta.url.endsWith(".ts");
  return new URL(isSource ? "../dist/minilm-worker.js" : "./minilm-worker.js", import.meta.url);
}
