/** What turns text into vectors whose direction is its meaning. */

export interface Embedder {
  /** Names model, runtime and dimension: vectors of different names are never compared. Recorded with each vector. */
  readonly name: string;
  readonly dimension: number;
  /** How lexical and vector scores become one for this model (calibration.ts). */
  readonly calibration: Calibration;
  /**
   * One vector of length 1 per text, in order; the zero vector for a text without any token.
   * @throws Error when the model cannot be run or reached; the texts can be tried again
   */
  embed(texts: readonly string[], signal?: AbortSignal): Promise<Float32Array[]>;
  /** Frees memory and processes. The next `embed` loads them again. */
  close(): Promise<void>;
}

/** Where a sharper model comes from. It is loaded when it is needed, and again after it was freed. */
export interface ModelSource {
  /** Names it before it is loaded, in `status`. */
  readonly label: string;
  /** Name of its vectors, where that is known before it is loaded: then it is only loaded when there is work. */
  readonly name?: string;
  /** Milliseconds that a question waits for its vector before it is asked without: `questionMs` of a local model. */
  readonly questionMs: number;
  /**
   * Loads and warms it.
   * @throws Error when it cannot be loaded or reached; asked again later
   */
  load(): Promise<Embedder>;
}

/** How the scores of one model are joined with lexical ones, and what they mean to people. */
export interface Calibration {
  /** Weight of the lexical part: fused = cosine + weight · share^power. */
  readonly lexicalWeight: number;
  readonly lexicalPower: number;
  /** Points (fused score, similarity) of a rising curve, straight between them; similarity is 0…1. */
  readonly curve: readonly (readonly [fused: number, similarity: number])[];
}
