/** The matrix of one model, kept equal to the storage: it follows what was added, and drops what it is told is gone. */
import type { SearchReads } from "../storage/storage.ts";
import { vectorPageMax } from "./limits.ts";
import { isZero } from "./quantise.ts";
import { type DocumentSet, VectorMatrix } from "./vector-matrix.ts";

export class ModelVectors {
  readonly #reads: Pick<SearchReads, "vectorsAfter">;
  readonly #model: string;
  readonly #dimension: number;
  #matrix: VectorMatrix;
  /** Number of the last vector read. */
  #lastNo = 0;

  constructor(reads: Pick<SearchReads, "vectorsAfter">, model: string, dimension: number) {
    this.#reads = reads;
    this.#model = model;
    this.#dimension = dimension;
    this.#matrix = new VectorMatrix(dimension);
  }

  get size(): number {
    return this.#matrix.size;
  }

  /** Reads the vectors that were committed since the last time. */
  async follow(): Promise<void> {
    for (;;) {
      const page = await this.#reads.vectorsAfter(this.#model, this.#lastNo, vectorPageMax);
      for (const { no, chunkNo, documentNo, bytes } of page) {
        if (!isZero(bytes)) this.#matrix.put(chunkNo, documentNo, bytes);
        this.#lastNo = no;
      }
      if (page.length < vectorPageMax) return;
    }
  }

  /** Reads everything anew: more rows are of chunks that are gone than it is worth to find one by one. */
  async rebuild(): Promise<void> {
    this.#matrix = new VectorMatrix(this.#dimension);
    this.#lastNo = 0;
    await this.follow();
  }

  nearest(
    query: Uint8Array,
    limit: number,
    allowed: DocumentSet | undefined,
  ): ReadonlyMap<number, number> {
    return this.#matrix.nearest(query, limit, allowed);
  }

  remove(chunkNo: number): void {
    this.#matrix.remove(chunkNo);
  }
}
