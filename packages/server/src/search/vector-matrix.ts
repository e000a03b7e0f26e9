/**
 * The vectors of one model as sign bits in memory, for finding candidates: 32 bytes a vector of 256 dimensions.
 *
 * The share of equal signs of two vectors grows with their cosine, so the rows nearest by Hamming distance hold the
 * best ones; whoever asks rescores them with the stored vectors. 100,000 rows are scanned in about 2 ms.
 */
import { assert } from "@smfs/core";
import { signWords, writeSigns } from "./quantise.ts";

/** Which documents may be found: a byte for each document number, 1 = yes. Numbers beyond its end may not. */
export type DocumentSet = Uint8Array;

const rowsAtFirst = 1024;

export class VectorMatrix {
  readonly #dimension: number;
  readonly #words: number;
  #signs: Uint32Array;
  #chunkNos: Float64Array;
  #documentNos: Float64Array;
  #rows = 0;
  /** Row of each chunk. */
  readonly #rowOf = new Map<number, number>();

  constructor(dimension: number) {
    assert(dimension > 0, "a vector has a dimension");
    this.#dimension = dimension;
    this.#words = signWords(dimension);
    this.#signs = new Uint32Array(rowsAtFirst * this.#words);
    this.#chunkNos = new Float64Array(rowsAtFirst);
    this.#documentNos = new Float64Array(rowsAtFirst);
  }

  /** Rows in the matrix. */
  get size(): number {
    return this.#rows;
  }

  /** Adds a chunk's stored vector (quantise.ts), or replaces the one it has. */
  put(chunkNo: number, documentNo: number, stored: Uint8Array): void {
    let row = this.#rowOf.get(chunkNo);
    if (row === undefined) {
      row = this.#rows;
      this.#rows += 1;
      this.#rowOf.set(chunkNo, row);
      this.#reserve(this.#rows);
    }
    this.#chunkNos[row] = chunkNo;
    this.#documentNos[row] = documentNo;
    const at = row * this.#words;
    this.#signs.fill(0, at, at + this.#words);
    writeSigns(stored, this.#signs, at);
  }

  /** Takes a chunk out; nothing happens when it is not in. */
  remove(chunkNo: number): void {
    const row = this.#rowOf.get(chunkNo);
    if (row === undefined) return;
    this.#rowOf.delete(chunkNo);
    this.#rows -= 1;
    const last = this.#rows;
    if (row === last) return;
    const moved = this.#chunkNos[last] ?? 0;
    this.#chunkNos[row] = moved;
    this.#documentNos[row] = this.#documentNos[last] ?? 0;
    this.#signs.copyWithin(row * this.#words, last * this.#words, (last + 1) * this.#words);
    this.#rowOf.set(moved, row);
  }

  /**
   * Chunks whose signs are nearest to the query's with their documents, at most `limit`, in no order.
   * @param query a stored vector
   * @param allowed documents that may be found; undefined: all
   */
  nearest(query: Uint8Array, limit: number, allowed: DocumentSet | undefined): Map<number, number> {
    const wanted = new Uint32Array(this.#words);
    writeSigns(query, wanted, 0);
    const distances = new Uint16Array(this.#rows);
    const counts = new Uint32Array(this.#dimension + 2);
    const excluded = this.#dimension + 1;
    const signs = this.#signs;
    const documentNos = this.#documentNos;
    for (let row = 0; row < this.#rows; row += 1) {
      const isAllowed = allowed === undefined || allowed[documentNos[row] ?? 0] === 1;
      const distance = isAllowed ? differingBits(signs, row * this.#words, wanted) : excluded;
      distances[row] = distance;
      counts[distance] = (counts[distance] ?? 0) + 1;
    }
    // The largest distance with which the limit is kept, and how many of the next distance still fit.
    let furthest = -1;
    let room = limit;
    while (furthest < this.#dimension && room >= (counts[furthest + 1] ?? 0)) {
      furthest += 1;
      room -= counts[furthest] ?? 0;
    }
    const found = new Map<number, number>();
    for (let row = 0; row < this.#rows; row += 1) {
      const distance = distances[row] ?? excluded;
      if (distance > furthest + 1 || distance === excluded) continue;
      if (distance === furthest + 1) {
        if (room === 0) continue;
        room -= 1;
      }
      found.set(this.#chunkNos[row] ?? 0, documentNos[row] ?? 0);
    }
    return found;
  }

  #reserve(rows: number): void {
    if (rows <= this.#chunkNos.length) return;
    const larger = this.#chunkNos.length * 2;
    const signs = new Uint32Array(larger * this.#words);
    signs.set(this.#signs);
    this.#signs = signs;
    const chunkNos = new Float64Array(larger);
    chunkNos.set(this.#chunkNos);
    this.#chunkNos = chunkNos;
    const documentNos = new Float64Array(larger);
    documentNos.set(this.#documentNos);
    this.#documentNos = documentNos;
  }
}

/** Words whose counts of bits fit together into one byte each: 8 · 16 = 128. */
const wordsAtOnce = 16;

/** How many bits of `wanted` are others in `signs` from `at` on. */
function differingBits(signs: Uint32Array, at: number, wanted: Uint32Array): number {
  let distance = 0;
  for (let from = 0; from < wanted.length; from += wordsAtOnce) {
    const end = Math.min(wanted.length, from + wordsAtOnce);
    let bytes = 0;
    for (let i = from; i < end; i += 1) {
      // Population count of 32 bits: sums of 1, 2, 4 bits, so that each byte has its own.
      let bits = (signs[at + i] ?? 0) ^ (wanted[i] ?? 0);
      bits -= (bits >>> 1) & 0x55555555;
      bits = (bits & 0x33333333) + ((bits >>> 2) & 0x33333333);
      bytes += (bits + (bits >>> 4)) & 0x0f0f0f0f;
    }
    // The four bytes together, in two steps, since 256 does not fit into one.
    const halves = (bytes & 0x00ff00ff) + ((bytes >>> 8) & 0x00ff00ff);
    distance += (halves & 0xffff) + (halves >>> 16);
  }
  return distance;
}
