/** What is known of chunks while candidates are gathered from both indexes. */
import type { VectorOfChunk } from "../storage/stored.ts";
import { cosine } from "./quantise.ts";
import type { Candidate } from "./rank.ts";

interface Known {
  readonly documentNo: number;
  readonly lexicalShare: number;
  readonly vectors: VectorOfChunk[];
}

/** A question's vector of one model. */
export interface AskedVector {
  readonly model: string;
  readonly vector: Float32Array;
}

export class Candidates {
  readonly #known = new Map<number, Known>();

  /** A chunk that the lexical index gave. */
  addHit(chunkNo: number, documentNo: number, lexicalShare: number): void {
    this.#known.set(chunkNo, { documentNo, lexicalShare, vectors: [] });
  }

  /**
   * Stored vectors, all models' of a chunk together. Chunks whose vectors are known already stay as they are.
   * @param documentNos the documents of chunks that the lexical index did not give
   */
  addVectors(
    vectors: readonly VectorOfChunk[],
    documentNos: ReadonlyMap<number, number> = new Map(),
  ): void {
    const added = new Set<number>();
    for (const vector of vectors) {
      const { chunkNo } = vector;
      const documentNo = documentNos.get(chunkNo);
      if (documentNo !== undefined && !this.#known.has(chunkNo))
        this.addHit(chunkNo, documentNo, 0);
      const known = this.#known.get(chunkNo);
      if (known === undefined) continue;
      if (known.vectors.length === 0) added.add(chunkNo);
      if (added.has(chunkNo)) known.vectors.push(vector);
    }
  }

  /** Chunks whose vectors are not known yet. */
  withoutVectors(): number[] {
    return [...this.#known].flatMap(([no, { vectors }]) => (vectors.length === 0 ? [no] : []));
  }

  /** Each with its cosines to the question's vectors. */
  scored(asked: readonly AskedVector[]): Candidate[] {
    return [...this.#known].map(([chunkNo, { documentNo, lexicalShare, vectors }]) => ({
      chunkNo,
      documentNo,
      lexicalShare,
      cosines: vectors.flatMap(({ model, bytes }) => {
        const question = asked.find((vector) => vector.model === model);
        return question === undefined ? [] : [{ model, cosine: cosine(bytes, question.vector) }];
      }),
    }));
  }
}
