/**
 * Asks a language model for the facts of memory documents, one after another, in the background.
 *
 * What is owed is in the storage, so nothing is forgotten by a crash; what was found for bytes that are no longer the
 * document's is thrown away. A document that the model fails on again and again gets its own sentences instead.
 */
import type { Clock, Logger, Random } from "@smfs/core";
import { BackgroundPasses, payEach } from "../background-passes.ts";
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

/** Times that the model is asked about one document. */
const attemptsMax = 5;

export class FactFinder {
  readonly #options: FactFinderOptions;
  readonly #passes: BackgroundPasses;
  /** Failures by document. */
  readonly #attempts = new Map<number, number>();

  constructor(options: FactFinderOptions) {
    this.#options = options;
    const { clock, random } = options;
    this.#passes = new BackgroundPasses({ pass: () => this.#pass(), clock, random });
  }

  /** There may be documents whose facts are owed. */
  wake(): void {
    this.#passes.wake();
  }

  /** Resolves when nothing is owed that could be done now. */
  idle(): Promise<void> {
    return this.#passes.idle();
  }

  close(): Promise<void> {
    return this.#passes.close();
  }

  #pass(): Promise<boolean> {
    return payEach(
      (after, countMax) => this.#options.storage.factsOwedAfter(after, countMax),
      ({ documentNo }) => documentNo,
      (debt) => this.#pay(debt),
      this.#passes.signal,
    );
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
      await this.#settle(debt, document, await source.find(text, context, this.#passes.signal));
      return true;
    } catch (error) {
      if (this.#passes.signal.aborted) return false;
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
