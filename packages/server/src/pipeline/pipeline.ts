/**
 * The pipeline: queued → extracting → chunking → indexing → done or failed, for what is not indexed when it is written.
 *
 * The storage is the queue: a document is owed work as long as its status or dreaming status says so, whatever crashes
 * in between. Documents are taken one after another, each at a certain revision of its bytes; what is worked out for
 * another revision is thrown away. A document at fault fails with a sentence. Texts, files, and files that take long have
 * a lane each, so that none of these holds up the others.
 */
import type { Clock, Logger, Random } from "@smfs/core";
import { BackgroundPasses, payEach } from "../background-passes.ts";
import type { Sharpener } from "../embed/sharpener.ts";
import { StaticEmbedder } from "../embed/static-embedder.ts";
import { extracts } from "../extract/extract.ts";
import { extractMs, quickExtractMs } from "../extract/limits.ts";
import { indexText } from "../search/index-text.ts";
import { inlineTextLengthMax } from "../search/limits.ts";
import { isSearchable } from "../search/searchable.ts";
import type { Storage, Transaction } from "../storage/storage.ts";
import type { DocumentStatus, IndexedChunk, StoredDocument } from "../storage/stored.ts";
import { WorkerError } from "../workers/worker-calls.ts";
import { type Lane, lanes, type PipelineThread } from "./pipeline-thread.ts";
import type { WorkInput, WorkOutput } from "./pipeline-work.ts";

export interface PipelineOptions {
  readonly storage: Storage;
  readonly thread: PipelineThread;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  /** Woken when there are new chunks. */
  readonly sharpener?: Sharpener;
}

/** Times a document may throw, and times it may end its worker, before it fails. */
const attemptsMax = 3;
const workerAttemptsMax = 2;

const pipelineWriter = { origin: null, actor: null, session: null };

export class Pipeline {
  /** UTF-16 units of a text that `indexText` takes on the caller's thread, in the document's own transaction. */
  readonly inlineLengthMax: number = inlineTextLengthMax;
  readonly #options: PipelineOptions;
  readonly #embedder = new StaticEmbedder();
  readonly #passes: Readonly<Record<Lane, BackgroundPasses>>;
  /** Files that have taken longer than the others are to wait for. */
  readonly #slow = new Set<number>();
  /** How often each document has thrown. */
  readonly #attempts = new Map<number, number>();

  constructor(options: PipelineOptions) {
    this.#options = options;
    const { clock, random } = options;
    const passes = (lane: Lane) =>
      new BackgroundPasses({ pass: () => this.#pass(lane), clock, random });
    this.#passes = { texts: passes("texts"), files: passes("files"), slow: passes("slow") };
  }

  /** A text's chunks with what both indexes need, for the transaction that stores the text. */
  indexText(text: string, mediaType?: string): IndexedChunk[] {
    return indexText(text, this.#embedder, mediaType);
  }

  /** Whether text can be drawn from bytes of this media type. */
  extracts(mediaType: string): boolean {
    return extracts(mediaType);
  }

  /** There may be documents to work on. Called after writes, and once at start for what a crash left. */
  wake(): void {
    this.#options.sharpener?.wake();
    for (const lane of lanes) this.#passes[lane].wake();
  }

  /** Resolves when nothing is left to do, or work has to wait. */
  async idle(): Promise<void> {
    // The last lane is given work by the one before it.
    for (const lane of lanes) await this.#passes[lane].idle();
  }

  /** Stops after the document at hand; the rest is done after the next start. */
  async close(): Promise<void> {
    for (const lane of lanes) this.#passes[lane].stop();
    await this.#options.thread.close();
    for (const lane of lanes) await this.#passes[lane].close();
  }

  /** All lanes are stopped together. */
  get #signal(): AbortSignal {
    return this.#passes.texts.signal;
  }

  #laneOf(document: StoredDocument): Lane {
    if (document.isText) return "texts";
    return this.#slow.has(document.no) ? "slow" : "files";
  }

  /** Takes every unfinished document of a lane once; whether nothing has to be tried again. */
  async #pass(lane: Lane): Promise<boolean> {
    const { storage, logger } = this.#options;
    try {
      return await payEach(
        (after, countMax) => storage.unfinishedAfter(after, countMax),
        ({ no }) => no,
        async (document) => this.#laneOf(document) !== lane || this.#attempt(document),
        this.#signal,
      );
    } catch (error) {
      logger.log("error", "the pipeline waits for the storage", { error: String(error) });
      return false;
    }
  }

  /** Works on one document; whether it is settled. One that throws again and again fails, so that it holds up nobody. */
  async #attempt(document: StoredDocument): Promise<boolean> {
    try {
      await this.#process(document);
      this.#attempts.delete(document.no);
      this.#slow.delete(document.no);
      return true;
    } catch (error) {
      if (this.#signal.aborted) return false;
      if (error instanceof PutOff) {
        this.#slow.add(document.no);
        this.#passes.slow.wake();
        return true;
      }
      const attempts = (this.#attempts.get(document.no) ?? 0) + 1;
      this.#tell(document, String(error));
      if (attempts < attemptsMax) {
        this.#attempts.set(document.no, attempts);
        return false;
      }
      this.#attempts.delete(document.no);
      this.#slow.delete(document.no);
      await this.#giveUp(document);
      return true;
    }
  }

  async #giveUp(document: StoredDocument): Promise<void> {
    await this.#commit(document, async (tx, current) => {
      await tx.setDreamingStatus(document.no, "done");
      if (!document.isText) await finish(tx, current, "failed", "The file could not be read.");
    });
  }

  async #process(document: StoredDocument): Promise<void> {
    const isQueued = document.status !== "done" && document.status !== "failed";
    if (document.isText) {
      await this.#indexOwn(document, isQueued);
    } else if (isQueued) {
      await this.#extract(document);
    } else {
      await this.#commit(document, (tx) => tx.setDreamingStatus(document.no, "done"));
    }
    this.#options.sharpener?.wake();
  }

  /** A text that was too long to be indexed while it was written. */
  async #indexOwn(document: StoredDocument, isQueued: boolean): Promise<void> {
    const text = isSearchable(document) ? await this.#options.storage.documentText(document) : "";
    const { mediaType } = document;
    const output = await this.#work({ kind: "index", text: text ?? "", mediaType }, document);
    await this.#commit(document, async (tx, current) => {
      if (output.kind === "indexed") await tx.putChunks(current, text ?? "", output.chunks);
      await tx.setDreamingStatus(document.no, "done");
      if (isQueued) await finish(tx, current, "done", null);
    });
    if (output.kind === "refused") this.#tell(document, output.reason);
  }

  async #extract(document: StoredDocument): Promise<void> {
    const { storage } = this.#options;
    await this.#step(document, "extracting");
    // Read whole: uploads are bounded, and one file is worked on at a time.
    const bytes = await storage.readContent(document.content);
    const { mediaType } = document;
    const output = await this.#work({ kind: "extract", bytes, mediaType }, document);
    await this.#step(document, "indexing");
    await this.#commit(document, async (tx, current) => {
      if (output.kind === "extracted") {
        await tx.putExtractedText(document.no, document.contentRev, output.text);
        await tx.putChunks(current, output.text, output.chunks);
        await finish(tx, current, "done", null);
      } else {
        await finish(tx, current, "failed", sentence(output));
      }
    });
    if (output.kind === "refused") this.#tell(document, output.reason);
  }

  /**
   * Work in the lane's worker. What ends the worker again and again is the document's fault.
   * @throws PutOff for a file that has to take its time where nobody waits behind it
   */
  async #work(input: WorkInput, document: StoredDocument): Promise<WorkOutput> {
    const lane = this.#laneOf(document);
    for (let attempt = 1; ; attempt += 1) {
      try {
        const ms = lane === "files" ? quickExtractMs : extractMs;
        return await this.#options.thread.work(input, ms, lane);
      } catch (error) {
        if (!(error instanceof WorkerError) || this.#signal.aborted) throw error;
        if (error.reason === "timeout" && lane === "files") throw new PutOff();
        this.#tell(document, error.message);
        if (attempt === workerAttemptsMax || error.reason === "timeout") {
          return { kind: "refused", reason: `could not be read: ${error.message}` };
        }
      }
    }
  }

  async #step(document: StoredDocument, status: DocumentStatus): Promise<void> {
    await this.#commit(document, (tx) => tx.setStatus(document.no, document.contentRev, status));
  }

  /** Writes a result, unless the document is gone or has other bytes by now. */
  async #commit(
    document: StoredDocument,
    write: (tx: Transaction, current: StoredDocument) => Promise<void>,
  ): Promise<void> {
    await this.#options.storage.write(async (tx) => {
      const [current] = await tx.documentsByNo([document.no]);
      if (current?.contentRev === document.contentRev) await write(tx, current);
    });
  }

  #tell(document: StoredDocument, reason: string): void {
    const { logger } = this.#options;
    logger.log("warn", "a document could not be indexed", { id: document.id, reason });
  }
}

/** A file that has taken long is taken up again in the lane of such files. */
class PutOff extends Error {
  constructor() {
    super("the file takes long");
    this.name = "PutOff";
  }
}

/** The end of processing, which everybody who follows the container sees. */
async function finish(
  tx: Transaction,
  current: StoredDocument,
  status: "done" | "failed",
  errorMessage: string | null,
): Promise<void> {
  await tx.change(current, { op: "status", status, errorMessage, writer: pipelineWriter });
}

function sentence(output: WorkOutput): string {
  return output.kind === "refused" ? `The file ${output.reason}.` : "The file could not be read.";
}
