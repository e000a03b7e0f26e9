/**
 * Has the text in images read, one after another, in the background: an image is stored and done at once, and is found
 * by its text a while later.
 *
 * What is owed is in the storage, so nothing is forgotten by a crash; what was read of bytes that are no longer the
 * document's is thrown away. Reading takes seconds of a processor, so it rests for as long as it worked.
 */
import type { Clock, Logger, Random } from "@smfs/core";
import { BackgroundPasses, payEach } from "../background-passes.ts";
import type { Indexer } from "../documents/indexer.ts";
import { isSearchable } from "../search/searchable.ts";
import type { Storage, TextDebt } from "../storage/storage.ts";
import type { StoredDocument } from "../storage/stored.ts";
import type { ImageTextSource } from "./image-text.ts";

export interface ImageReaderOptions {
  readonly storage: Storage;
  readonly source: ImageTextSource;
  readonly indexText: Indexer["indexText"];
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
}

/** Times that one image is tried when the reader fails. */
const attemptsMax = 3;
/** Milliseconds without an image after which the reader is freed. */
const unusedMs = 60_000;
/** Milliseconds of rest after one image at most. */
const restMsMax = 10_000;
/** Bytes of an image that is read: it is in memory meanwhile. */
const imageBytesMax: number = 32 << 20;
/** UTF-16 units of text that are kept of one image. */
const textLengthMax = 32_768;

export class ImageReader {
  readonly #options: ImageReaderOptions;
  readonly #passes: BackgroundPasses;
  /** Failures by document. */
  readonly #attempts = new Map<number, number>();
  #cancelUnused: () => void = () => undefined;

  constructor(options: ImageReaderOptions) {
    this.#options = options;
    const { clock, random } = options;
    this.#passes = new BackgroundPasses({ pass: () => this.#pass(), clock, random });
  }

  /** There may be images whose text is owed. */
  wake(): void {
    this.#passes.wake();
  }

  /** Resolves when nothing is owed that could be done now. */
  idle(): Promise<void> {
    return this.#passes.idle();
  }

  async close(): Promise<void> {
    this.#passes.stop();
    this.#cancelUnused();
    await this.#passes.close();
    await this.#free();
  }

  #pass(): Promise<boolean> {
    return payEach(
      (after, countMax) => this.#options.storage.textsOwedAfter(after, countMax),
      ({ documentNo }) => documentNo,
      (debt) => this.#pay(debt),
      this.#passes.signal,
    );
  }

  async #pay(debt: TextDebt): Promise<boolean> {
    const { storage, source, clock, logger } = this.#options;
    const [document] = await storage.documentsByNo([debt.documentNo]);
    const isOwed =
      document?.contentRev === debt.contentRev &&
      document.content.size <= imageBytesMax &&
      source.mediaTypes.has(document.mediaType);
    if (document === undefined || !isOwed) {
      await storage.write((tx) => tx.payText(debt));
      return true;
    }
    const started = clock.monotonic();
    try {
      await this.#settle(debt, await this.#read(document));
      await clock.sleep(Math.min(clock.monotonic() - started, restMsMax), this.#passes.signal);
      return true;
    } catch (error) {
      if (this.#passes.signal.aborted) return false;
      const attempts = (this.#attempts.get(document.no) ?? 0) + 1;
      logger.log("warn", "an image could not be read", {
        id: document.id,
        source: source.label,
        reason: String(error),
      });
      if (attempts < attemptsMax) {
        this.#attempts.set(document.no, attempts);
        return false;
      }
      await this.#settle(debt, "");
      return true;
    }
  }

  async #read(document: StoredDocument): Promise<string> {
    const { storage, source, clock } = this.#options;
    this.#cancelUnused();
    const bytes = await storage.readContent(document.content);
    try {
      return await source.read({ bytes }, this.#passes.signal);
    } finally {
      this.#cancelUnused = clock.after(unusedMs, () => void this.#free());
    }
  }

  async #free(): Promise<void> {
    const { source, logger } = this.#options;
    try {
      await source.close();
    } catch (error) {
      logger.log("warn", "the reader of images does not end", { reason: String(error) });
    }
  }

  async #settle(debt: TextDebt, read: string): Promise<void> {
    const { storage, indexText } = this.#options;
    this.#attempts.delete(debt.documentNo);
    // A lone surrogate at the cut has no UTF-8 form: it becomes the replacement character.
    const text = Buffer.from(read.slice(0, textLengthMax), "utf8").toString("utf8");
    await storage.write(async (tx) => {
      const [current] = await tx.documentsByNo([debt.documentNo]);
      await tx.payText(debt);
      if (current?.contentRev !== debt.contentRev || text.trim() === "") return;
      await tx.putExtractedText(current.no, current.contentRev, text);
      if (isSearchable(current)) await tx.putChunks(current, text, indexText(text, "text/plain"));
    });
  }
}
