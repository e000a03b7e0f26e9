/** What documents ask of the pipeline. */
import type { IndexedChunk } from "../storage/stored.ts";

export interface Indexer {
  /** UTF-16 units of a text that `indexText` takes on the caller's thread, within the document's own transaction. */
  readonly inlineLengthMax: number;
  /** A text's chunks, with what both indexes need. */
  indexText(text: string, mediaType: string): IndexedChunk[];
  /** Whether text can be drawn from bytes of this media type. */
  extracts(mediaType: string): boolean;
  /** Whether the text in images of this media type is read, later. */
  readsImage(mediaType: string): boolean;
  /** There may be documents to work on. */
  wake(): void;
}
