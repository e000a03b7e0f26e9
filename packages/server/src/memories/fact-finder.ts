/**
 * Asks a language model for the facts of memory documents, one after another, in the background.
 *
 * What is owed is in the storage, so nothing is forgotten by a crash; what was found for bytes that are no longer the
 * document's is thrown away. A document that the model fails on again and again gets its own sentences instead.
 */
import { backoffMs, type Clock, type Logger, type Random } from "@smfs/core";
import type { FactDebt } from "../storage/memory.ts";
import type { Storage } from "../storage/storage.ts";
import type { StoredDocument } from "../storage/stored.ts";
import { contextOf, putFacts } from "./draw-memories.ts";
import type { Fact, FactSource } from "./fact-source.ts";
import { findFacts } from "./find-facts.ts";

export interface FactFinderOptions {
  readonly storage: Storage;
  readonly source: FactSource;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
}

const pageMax = 64;
/** Times that the model is asked about one document. */
const attemptsMax = 5;

export class FactFinder {
  readonly #options: FactFinderOptions;
  readonly #stop = new AbortController();
  /** Failures by document. */
  readonly #attempts = new Map<number, number>();
  #running: Promise<void> | undefined;
  #isWoken = false;

  constructor(options: FactFinderOptions) {
    this.#options = options;
  }

  /** There may be documents whose facts are owed. */
  wake(): void {
    this.#isWoken = true;
    if (this.#running !== undefined || this.#stop.signal.aborted) return;
    this.#running = this.#run().finally(() => {
      this.#running = undefined;
      if (this.#isWoken) this.wake();
    });
  }

  /** Resolves when nothing is owed that could be done now. */
  async idle(): Promise<void> {
    while (this.#running !== undefined) await this.#running;
  }

  async close(): Promise<void> {
    this.#stop.abort();
    await this.#running;
  }

  async #run(): Promise<void> {
    const { clock, random } = this.#options;
    const { signal } = this.#stop;
    for (let failures = 0; this.#isWoken && !signal.aborted; ) {
      this.#isWoken = false;
      if (await this.#pass()) {
        failures = 0;
        continue;
      }
      if (signal.aborted) return;
      failures += 1;
      await clock.sleep(backoffMs(failures, random), signal);
      this.#isWoken = true;
    }
  }

  /** Takes every debt once; whether none has to be tried again. */
  async #pass(): Promise<boolean> {
    let isDone = true;
    for (let after = 0; ; ) {
      const page = await this.#options.storage.factsOwedAfter(after, pageMax);
      for (const debt of page) {
        if (this.#stop.signal.aborted) return false;
        isDone = (await this.#pay(debt)) && isDone;
      }
      if (page.length < pageMax) return isDone;
      after = page.at(-1)?.documentNo ?? after;
    }
  }

  async #pay(debt: FactDebt): Promise<boolean> {
    const { storage, source, logger } = this.#options;
    const [document] = await storage.documentsByNo([debt.documentNo]);
    const text = document && (await storage.documentText(document));
    if (document === undefined || text === undefined) {
      await storage.write((tx) => tx.payFacts(debt));
      return true;
    }
    try {
      const context = await contextOf(storage, document);
      await this.#settle(debt, document, await source.find(text, context, this.#stop.signal));
      return true;
    } catch (error) {
      if (this.#stop.signal.aborted) return false;
      const attempts = (this.#attempts.get(document.no) ?? 0) + 1;
      logger.log("warn", "facts could not be found", {
        id: document.id,
        source: source.label,
        reason: String(error),
      });
      if (attempts < attemptsMax) {
        this.#attempts.set(document.no, attempts);
        return false;
      }
      await this.#settle(debt, document, findFacts(text, await contextOf(storage, document)));
      return true;
    }
  }

  async #settle(debt: FactDebt, document: StoredDocument, facts: readonly Fact[]): Promise<void> {
    const { storage, random } = this.#options;
    this.#attempts.delete(document.no);
    await storage.write(async (tx) => {
      const [current] = await tx.documentsByNo([document.no]);
      if (current?.contentRev !== debt.contentRev) return;
      await putFacts(tx, random, current, facts);
      await tx.payFacts(debt);
    });
  }
}
