/** Text in images by Tesseract: its worker is started when an image is to be read, and ended by `close`. */
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { Worker } from "node:worker_threads";
import type { Clock } from "@smfs/core";
import type { ImageCall, ImageReply, ImageWorkerData } from "./image-worker.ts";
import { imageMs } from "./limits.ts";
import { readableOrientation } from "./readable.ts";

/** The server's ImageTextSource, in this package's own words: it depends on no other. */
export interface ImageText {
  readonly label: string;
  readonly mediaTypes: ReadonlySet<string>;
  read(image: { readonly bytes: Uint8Array }, signal: AbortSignal): Promise<string>;
  close(): Promise<void>;
}

export interface TesseractOptions {
  readonly clock: Clock;
  /** Tesseract's names of languages; each needs the package `@tesseract.js-data/<name>`. Default: English. */
  readonly languages?: readonly string[];
}

/** Folder of the data that suits the neural network alone, in each language's package. */
const dataFolder = "4.0.0_best_int";

/** The reader, or undefined when it, or the data of one of its languages, is not installed. */
export function tesseract({ clock, languages = ["eng"] }: TesseractOptions): ImageText | undefined {
  if (resolved("tesseract.js-core/package.json") === undefined) return undefined;
  const found = languages.flatMap((code) => dataOf(code) ?? []);
  return found.length === 0 || found.length < languages.length
    ? undefined
    : new Tesseract(clock, found);
}

class Tesseract implements ImageText {
  readonly label: string;
  readonly mediaTypes: ReadonlySet<string> = new Set(["image/png", "image/jpeg", "image/webp"]);
  readonly #clock: Clock;
  readonly #workerData: ImageWorkerData;
  #worker: Worker | undefined;

  constructor(clock: Clock, languages: ImageWorkerData["languages"]) {
    this.#clock = clock;
    this.#workerData = { languages };
    this.label = `tesseract (${languages.map(({ code }) => code).join(", ")})`;
  }

  /**
   * One image at a time.
   * @throws Error when the reader breaks, takes too long, or nobody waits any more; the next image gets a new one
   */
  async read({ bytes }: { readonly bytes: Uint8Array }, signal: AbortSignal): Promise<string> {
    const orientation = readableOrientation(bytes);
    if (orientation === undefined) return "";
    this.#worker ??= this.#start();
    try {
      return await this.#answer(this.#worker, { bytes, orientation }, signal);
    } catch (error) {
      await this.close();
      throw error;
    }
  }

  async close(): Promise<void> {
    const worker = this.#worker;
    this.#worker = undefined;
    await worker?.terminate();
  }

  #start(): Worker {
    const worker = new Worker(workerUrl(), { workerData: this.#workerData });
    // Whoever waits for an answer is told of it there.
    worker.on("error", () => undefined);
    worker.unref();
    return worker;
  }

  async #answer(worker: Worker, call: ImageCall, signal: AbortSignal): Promise<string> {
    let settle: () => void = () => undefined;
    const answered = new Promise<string>((resolve, reject) => {
      const giveUp = (): void => reject(new Error("reading an image was given up"));
      const exited = (): void => reject(new Error("the reader's worker ended"));
      const done = ({ text }: ImageReply): void => resolve(text);
      const cancel = this.#clock.after(imageMs, giveUp);
      worker.on("message", done).on("error", reject).on("exit", exited);
      signal.addEventListener("abort", giveUp);
      settle = () => {
        cancel();
        worker.off("message", done).off("error", reject).off("exit", exited);
        signal.removeEventListener("abort", giveUp);
      };
      if (signal.aborted) giveUp();
      else worker.postMessage(call);
    });
    try {
      return await answered;
    } finally {
      settle();
    }
  }
}

/** The built worker: sources run from `src`, but a worker is plain JavaScript in `dist`. */
function workerUrl(): URL {
  const isSource = import.meta.url.endsWith(".ts");
  return new URL(isSource ? "../dist/image-worker.js" : "./image-worker.js", import.meta.url);
}

const require = createRequire(import.meta.url);

function dataOf(code: string): { readonly code: string; readonly file: string } | undefined {
  const manifest = resolved(`@tesseract.js-data/${code}/package.json`);
  return manifest === undefined
    ? undefined
    : { code, file: join(dirname(manifest), dataFolder, `${code}.traineddata.gz`) };
}

function resolved(file: string): string | undefined {
  try {
    return require.resolve(file);
  } catch {
    // Not installed.
    return undefined;
  }
}
