/** The pipeline's heavy steps, on whichever thread. */
import { StaticEmbedder } from "../embed/static-embedder.ts";
import { extractText } from "../extract/extract.ts";
import { ExtractError } from "../extract/extract-error.ts";
import { indexText } from "../search/index-text.ts";
import type { IndexedChunk } from "../storage/stored.ts";

export type WorkInput =
  | { readonly kind: "index"; readonly text: string; readonly mediaType: string }
  | { readonly kind: "extract"; readonly bytes: Uint8Array; readonly mediaType: string };

export type WorkOutput =
  | { readonly kind: "indexed"; readonly chunks: readonly IndexedChunk[] }
  | { readonly kind: "extracted"; readonly text: string; readonly chunks: readonly IndexedChunk[] }
  /** The file itself is at fault: trying again is of no use. */
  | { readonly kind: "refused"; readonly reason: string };

/** Does one piece of work: chunks of a text, or text and chunks of a file. */
export async function doWork(input: WorkInput): Promise<WorkOutput> {
  const embedder = new StaticEmbedder();
  if (input.kind === "index") {
    return { kind: "indexed", chunks: indexText(input.text, embedder, input.mediaType) };
  }
  try {
    const text = await extractText(input.bytes, input.mediaType);
    return { kind: "extracted", text, chunks: indexText(text, embedder) };
  } catch (error) {
    if (error instanceof ExtractError) return { kind: "refused", reason: error.message };
    throw error;
  }
}
