/**
 * One score from two: how near a chunk's vector is to the question's, and how much of the question's words it has.
 *
 * Scores are fused, not ranks: ranks of weak lexical matches drown good vector hits. Scores of different models are
 * made comparable by each model's own curve (embedder.ts, Calibration).
 */
import type { Calibration } from "../embed/embedder.ts";

/** What the indexes found out about a chunk. */
export interface Candidate {
  readonly chunkNo: number;
  readonly documentNo: number;
  /** BM25 of the chunk over the best that the question could reach, 0…1; 0 for a chunk without any of its words. */
  readonly lexicalShare: number;
  /** Cosine with the question for each model that has a vector of the chunk and one of the question. */
  readonly cosines: readonly { readonly model: string; readonly cosine: number }[];
}

export interface RankedChunk {
  readonly chunkNo: number;
  readonly documentNo: number;
  /** 0…1 */
  readonly similarity: number;
}

/** The models whose scores may count, best first: a chunk is scored by the first one that has a vector of it. */
export type RankingModels = readonly { readonly name: string; readonly calibration: Calibration }[];

/** Similarity that a document about something else rarely reaches: see the curves' points. */
export const chanceSimilarity = 0.3;
/** Share of the best hit's similarity below which others are left out. */
const nearTheBest = 0.5;

/** Candidates by falling similarity; equal ones by chunk number. */
export function rank(candidates: readonly Candidate[], models: RankingModels): RankedChunk[] {
  return candidates
    .map((candidate) => ({
      chunkNo: candidate.chunkNo,
      documentNo: candidate.documentNo,
      similarity: similarityOf(candidate, models),
    }))
    .sort((a, b) => b.similarity - a.similarity || a.chunkNo - b.chunkNo);
}

function similarityOf(candidate: Candidate, models: RankingModels): number {
  for (const { name, calibration } of models) {
    const own = candidate.cosines.find((score) => score.model === name);
    if (own !== undefined) {
      return onCurve(fused(own.cosine, candidate.lexicalShare, calibration), calibration.curve);
    }
  }
  // No vector yet, or a question without any token: the words alone, as if the vectors said nothing.
  const fallback = models.at(-1)?.calibration;
  if (fallback === undefined) return candidate.lexicalShare;
  return onCurve(fused(0, candidate.lexicalShare, fallback), fallback.curve);
}

/** cosine + weight · share^power */
export function fused(cosine: number, lexicalShare: number, calibration: Calibration): number {
  return cosine + calibration.lexicalWeight * lexicalShare ** calibration.lexicalPower;
}

/** The height of a rising curve, straight between its points, level outside. */
export function onCurve(at: number, curve: Calibration["curve"]): number {
  let [leftX, leftY] = curve[0] ?? [0, 0];
  if (at <= leftX) return leftY;
  for (const [x, y] of curve) {
    if (at < x) return leftY + ((y - leftY) * (at - leftX)) / (x - leftX);
    [leftX, leftY] = [x, y];
  }
  return leftY;
}

/**
 * The least similarity that is worth showing when nobody said one: what is no better than chance goes, and so does
 * what is far below the best hit.
 * @param ranked by falling similarity
 */
export function adaptiveThreshold(ranked: readonly RankedChunk[]): number {
  return Math.max(chanceSimilarity, (ranked[0]?.similarity ?? 0) * nearTheBest);
}

/** Counts the chunks that each document may still give. */
export class Grouping {
  readonly #perDocument: number;
  readonly #counts = new Map<number, number>();

  constructor(perDocument: number) {
    this.#perDocument = perDocument;
  }

  /** Whether one more chunk of this document is taken; counts it when it is. */
  takes(documentNo: number): boolean {
    const count = this.#counts.get(documentNo) ?? 0;
    if (count >= this.#perDocument) return false;
    this.#counts.set(documentNo, count + 1);
    return true;
  }
}
