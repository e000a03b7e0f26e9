/**
 * Cuts a text into the spans that are embedded and found: by headings, then paragraphs, then sentences.
 *
 * Every character that is not white space lies in exactly one chunk, chunks are verbatim, in order and without
 * overlap, and none is longer than `chunkLengthMax + chunkLengthMin`.
 */
import { assert } from "@smfs/core";
import { type Block, blocksOf } from "./blocks.ts";
import { chunkLengthMax, chunkLengthMin, chunksMax } from "./limits.ts";
import { piecesOf, type Span } from "./pieces.ts";

/** One span of a text. Offsets are UTF-16 units. */
export interface Chunk extends Span {
  /** First and last line, counted from 1. */
  readonly lineStart: number;
  readonly lineEnd: number;
  /** Titles of the headings the span stands under, outermost first. */
  readonly headings: readonly string[];
}

/** A heading, or several without text between them, and all that follows up to the next one. */
interface Section {
  readonly headings: readonly string[];
  readonly blocks: Block[];
}

/**
 * The chunks of a text in order, at most `chunksMax`.
 * @param seen the text as readers see it, with markup turned to white space: as long as `text`, every word at its offset
 */
export function chunkText(text: string, seen: string = text): Chunk[] {
  assert(seen.length === text.length, "what is seen is as long as the text");
  const chunks: Chunk[] = [];
  const lineAt = lineCounter(text);
  for (const section of sectionsOf(seen)) {
    for (const span of packed(seen, section.blocks)) {
      if (chunks.length === chunksMax) return chunks;
      const lineStart = lineAt(span.start);
      chunks.push({ ...span, lineStart, lineEnd: lineAt(span.end), headings: section.headings });
    }
  }
  return chunks;
}

/** Tells the line of an offset; asked with offsets that only grow. */
function lineCounter(text: string): (offset: number) => number {
  let line = 1;
  let newline = text.indexOf("\n");
  return (offset) => {
    while (newline !== -1 && newline < offset) {
      line += 1;
      newline = text.indexOf("\n", newline + 1);
    }
    return line;
  };
}

function* sectionsOf(text: string): Generator<Section> {
  const open: { readonly level: number; readonly title: string }[] = [];
  let section: Section = { headings: [], blocks: [] };
  for (const block of blocksOf(text)) {
    if (block.heading !== undefined) {
      const { level } = block.heading;
      while ((open.at(-1)?.level ?? 0) >= level) open.pop();
      open.push(block.heading);
      const headings = open.map((heading) => heading.title);
      const blocks = section.blocks;
      if (blocks.some((earlier) => earlier.heading === undefined)) {
        yield section;
        section = { headings, blocks: [] };
      } else {
        section = { headings, blocks };
      }
    }
    section.blocks.push(block);
  }
  if (section.blocks.length > 0) yield section;
}

/** Blocks put together into spans of up to `chunkLengthMax`, those that are longer cut up. */
function packed(text: string, blocks: readonly Block[]): Span[] {
  const spans: Span[] = [];
  let last: Span | undefined;
  for (const block of blocks) {
    for (const piece of piecesOf(text, block, chunkLengthMax)) {
      if (last !== undefined && joins(last, piece)) {
        last = { start: last.start, end: piece.end };
        spans[spans.length - 1] = last;
      } else {
        last = piece;
        spans.push(piece);
      }
    }
  }
  return spans;
}

/** Whether a piece goes with the span before it: they fit, or one of them is too short to stand alone. */
function joins(last: Span, piece: Span): boolean {
  if (piece.end - last.start <= chunkLengthMax) return true;
  const isShort =
    last.end - last.start < chunkLengthMin || piece.end - piece.start < chunkLengthMin;
  return isShort && piece.end - last.start <= chunkLengthMax + chunkLengthMin;
}
