/**
 * static-256: the embedding of a text is the sum of one vector per token, scaled to length 1.
 *
 * Microseconds a chunk, no dependency, the same result on every machine: so every chunk is embedded when it is written.
 */
import { readFileSync } from "node:fs";
import type { Calibration, Embedder } from "./embedder.ts";
import { WordPiece } from "./word-piece.ts";

const assets = new URL("../../assets/static-256/", import.meta.url);
const dimension = 256;

/** The model's files, read on first use and shared by all embedders of this thread. */
let table: Table | undefined;

interface Table {
  readonly tokens: WordPiece;
  readonly vectors: Int8Array;
  readonly scales: Float32Array;
}

/**
 * Fitted on the halves of the retrieval corpora that are for tuning (bench/retrieval.ts). Fused scores there, of the
 * document that answers: 0.21, 0.40, 0.55 (10th, 50th, 90th percentile) without a common word, 0.47, 0.99, 2.24 and
 * 0.83, 1.62, 2.40 with some; of another document: median 0.04 to 0.24, 99th percentile 0.30 among short notes.
 */
export const staticCalibration: Calibration = {
  lexicalWeight: 2,
  lexicalPower: 2,
  curve: [
    [0, 0],
    [0.18, 0.3],
    [0.32, 0.6],
    [0.7, 0.75],
    [1.2, 0.87],
    [2, 0.97],
    [3, 1],
  ],
};

export class StaticEmbedder implements Embedder {
  readonly name = "static-256";
  readonly dimension: number = dimension;
  readonly calibration: Calibration = staticCalibration;

  embed(texts: readonly string[]): Promise<Float32Array[]> {
    return Promise.resolve(texts.map((text) => this.embedNow(text)));
  }

  /** The vector of one text, without waiting. */
  embedNow(text: string): Float32Array {
    const { tokens, vectors, scales } = loadedTable();
    const sum = new Float32Array(dimension);
    for (const id of tokens.tokenIds(text)) {
      const scale = scales[id] ?? 0;
      const row = id * dimension;
      for (let i = 0; i < dimension; i += 1) {
        sum[i] = (sum[i] ?? 0) + (vectors[row + i] ?? 0) * scale;
      }
    }
    return scaledToUnit(sum);
  }

  close(): Promise<void> {
    return Promise.resolve();
  }
}

/** Scales a vector to length 1 in place; the zero vector stays. */
export function scaledToUnit(vector: Float32Array): Float32Array {
  let squares = 0;
  for (const value of vector) squares += value * value;
  if (squares === 0) return vector;
  const factor = 1 / Math.sqrt(squares);
  for (let i = 0; i < vector.length; i += 1) vector[i] = (vector[i] ?? 0) * factor;
  return vector;
}

/** The WordPiece tokenizer over the vocabulary that static-256 and MiniLM share. */
export function sharedWordPiece(): WordPiece {
  return loadedTable().tokens;
}

function loadedTable(): Table {
  table ??= readTable();
  return table;
}

function readTable(): Table {
  const vocabulary = readFileSync(new URL("vocab.txt", assets), "utf8").trimEnd().split("\n");
  const vectors = readFileSync(new URL("vectors.int8", assets));
  const scales = readFileSync(new URL("scales.f32le", assets));
  if (vectors.length !== vocabulary.length * dimension || scales.length !== vocabulary.length * 4) {
    throw new Error("the files of the static-256 model do not belong together: reinstall smfs");
  }
  const scaleView = new DataView(scales.buffer, scales.byteOffset, scales.length);
  return {
    tokens: new WordPiece(vocabulary),
    vectors: new Int8Array(vectors.buffer, vectors.byteOffset, vectors.length),
    scales: Float32Array.from(vocabulary, (_, id) => scaleView.getFloat32(id * 4, true)),
  };
}
