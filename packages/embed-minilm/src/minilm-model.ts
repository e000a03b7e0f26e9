/** all-MiniLM-L6-v2 in 8 bits, as a model that is loaded on demand. */
import type { Clock } from "@smfs/core";
import { questionMs } from "./limits.ts";
import { MinilmEmbedder, modelName } from "./minilm-embedder.ts";
import { findRuntime } from "./runtime.ts";

/** The server's ModelSource, in this package's own words: it depends on no other. */
export interface MinilmModel {
  readonly label: string;
  readonly name: string;
  readonly questionMs: number;
  load(): Promise<MinilmEmbedder>;
}

/**
 * The model, or undefined when no ONNX runtime is installed (`npm install onnxruntime-web`).
 * @param tokenIds WordPiece ids of a text by BERT's uncased vocabulary, without special tokens
 */
export function minilmModel(
  tokenIds: (text: string) => readonly number[],
  clock: Clock,
): MinilmModel | undefined {
  const runtime = findRuntime();
  if (runtime === undefined) return undefined;
  return {
    label: `minilm-int8 on ${runtime.name}`,
    name: modelName(runtime),
    questionMs,
    load: () => MinilmEmbedder.open({ tokenIds, clock, runtime }),
  };
}
