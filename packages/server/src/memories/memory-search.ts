/**
 * Finds memories by meaning and words. They are few and short, so all of a scope are compared with the question; their
 * vectors are kept.
 */
import type { Clock } from "@smfs/core";
import type { StaticEmbedder } from "../embed/static-embedder.ts";
import { questionWords } from "../search/question.ts";
import { fused, onCurve } from "../search/rank.ts";
import type { MemoryReads, MemoryScope, StoredMemory } from "../storage/memory.ts";

export interface FoundMemory {
  readonly memory: StoredMemory;
  /** 0…1, as of chunks: about 0.6 and above is relevant. */
  readonly similarity: number;
}

/** Memories that one question is compared with, and vectors that are kept: 1 KiB each. */
const comparedMax = 20_000;
const vectorsMax = 20_000;
const pageMax = 1000;

export class MemorySearch {
  readonly #memories: Pick<MemoryReads, "memoriesAfter">;
  readonly #embedder: StaticEmbedder;
  readonly #clock: Clock;
  readonly #vectors = new Map<number, Float32Array>();

  constructor(
    memories: Pick<MemoryReads, "memoriesAfter">,
    embedder: StaticEmbedder,
    clock: Clock,
  ) {
    this.#memories = memories;
    this.#embedder = embedder;
    this.#clock = clock;
  }

  /** All memories in scope by falling similarity; those whose time is over are forgotten. */
  async search(question: string, scope: MemoryScope): Promise<FoundMemory[]> {
    const vector = this.#embedder.embedNow(question);
    const words = questionWords(question);
    const found: FoundMemory[] = [];
    let after = 0;
    while (found.length < comparedMax) {
      const page = await this.#memories.memoriesAfter(scope, after, pageMax);
      for (const memory of page) {
        if (scope.withForgotten !== true && this.#isOver(memory)) continue;
        found.push({ memory, similarity: this.#similarity(memory, vector, words) });
      }
      after = page.at(-1)?.no ?? 0;
      if (page.length < pageMax) break;
    }
    return found.sort((a, b) => b.similarity - a.similarity || b.memory.no - a.memory.no);
  }

  #isOver(memory: StoredMemory): boolean {
    return memory.forgetAfter !== null && memory.forgetAfter <= this.#clock.now();
  }

  #similarity(memory: StoredMemory, question: Float32Array, words: readonly string[]): number {
    const own = this.#vectorOf(memory);
    let cosine = 0;
    for (const [index, value] of question.entries()) cosine += value * (own[index] ?? 0);
    const { calibration } = this.#embedder;
    return onCurve(fused(cosine, shareOf(words, memory.memory), calibration), calibration.curve);
  }

  #vectorOf(memory: StoredMemory): Float32Array {
    const kept = this.#vectors.get(memory.no);
    if (kept !== undefined) return kept;
    const vector = this.#embedder.embedNow(memory.memory);
    if (this.#vectors.size >= vectorsMax) this.#vectors.clear();
    this.#vectors.set(memory.no, vector);
    return vector;
  }
}

/** The share of the question's words that a text has. */
function shareOf(words: readonly string[], text: string): number {
  if (words.length === 0) return 0;
  const own = ` ${text.toLowerCase().replace(/[^\p{L}\p{M}\p{N}]+/gu, " ")} `;
  const hits = words.filter((word) => own.includes(` ${word} `)).length;
  return hits / words.length;
}
