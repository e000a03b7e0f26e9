/**
 * Moves of whole containers into another one, in the background: a unit for each slice, so that others are served
 * meanwhile. What is queued is in the storage, so a merge that a crash broke off goes on after the next start.
 */
import type { Clock, Logger, Random } from "@smfs/core";
import { BackgroundPasses } from "../background-passes.ts";
import { toHttpError } from "../http/error-of.ts";
import type { StoredMerge } from "../storage/memory.ts";
import type { Storage, Transaction } from "../storage/storage.ts";
import { fullAccess } from "./access.ts";
import type { WriteContext } from "./document-write.ts";
import type { DocumentWriter } from "./put-document.ts";

export interface ContainerMergesOptions {
  readonly storage: Storage;
  readonly documents: DocumentWriter;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
}

const documentsPerUnit = 200;
const mergesMax = 16;
const oldestFirst = { by: "createdAt", descending: false } as const;

/** Whoever asked for the merge reaches its containers; other containers of a document stay as they are. */
const merging: WriteContext = {
  access: fullAccess,
  writer: { origin: null, actor: null, session: null },
  conditions: {},
};

export class ContainerMerges {
  readonly #options: ContainerMergesOptions;
  readonly #passes: BackgroundPasses;

  constructor(options: ContainerMergesOptions) {
    this.#options = options;
    const { clock, random } = options;
    this.#passes = new BackgroundPasses({ pass: () => this.#pass(), clock, random });
  }

  /** There may be merges that are queued. */
  wake(): void {
    this.#passes.wake();
  }

  /** Resolves when no merge is left that could be carried out now. */
  idle(): Promise<void> {
    return this.#passes.idle();
  }

  close(): Promise<void> {
    return this.#passes.close();
  }

  async #pass(): Promise<boolean> {
    const { storage, logger } = this.#options;
    try {
      for (;;) {
        const queued = await storage.mergesQueued(mergesMax);
        for (const merge of queued) await this.#carryOut(merge);
        if (queued.length < mergesMax) return true;
        if (this.#passes.signal.aborted) return false;
      }
    } catch (error) {
      if (!this.#passes.signal.aborted) {
        logger.log("warn", "containers could not be merged yet", { reason: String(error) });
      }
      return false;
    }
  }

  /**
   * Notes how the merge ended. A document whose path or custom id is taken in the target stays where it is, and the merge
   * has failed with its name; what has moved has moved.
   */
  async #carryOut(merge: StoredMerge): Promise<void> {
    const { storage, clock } = this.#options;
    let error: string | null = null;
    try {
      for (const source of merge.sourceTags) await this.#mergeOne(source, merge.targetTag);
    } catch (thrown) {
      const { status, body } = toHttpError(thrown);
      if (status >= 500) throw thrown;
      error = body.details ?? body.error;
    }
    const status = error === null ? "done" : "failed";
    await storage.write((tx) => tx.putMerge({ ...merge, status, error, updatedAt: clock.now() }));
  }

  async #mergeOne(source: string, target: string): Promise<void> {
    const { storage } = this.#options;
    while (!(await storage.write((tx) => this.#moveSlice(tx, source, target)))) {
      this.#passes.signal.throwIfAborted();
    }
  }

  /** Moves some documents, and with the last ones, whenever they were written, the memories. @returns whether all are moved */
  async #moveSlice(tx: Transaction, source: string, target: string): Promise<boolean> {
    const scope = { containerTags: [source] };
    const documents = await tx.documentsAfter(scope, oldestFirst, undefined, documentsPerUnit);
    for (const document of documents) {
      const others = document.containerTags.filter((tag) => tag !== source && tag !== target);
      const containerTags = [target, ...others];
      await this.#options.documents.change(tx, document, { containerTags }, merging);
    }
    if (documents.length === documentsPerUnit) return false;
    await tx.moveMemories(source, target);
    await tx.removeTag(source);
    return true;
  }
}
