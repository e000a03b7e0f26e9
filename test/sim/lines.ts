/** Where the lines of a content are, each of them a token. */

/** Bytes of a line, its end included. */
const lineLength = 9;
/** A file with so many lines is not made longer by a burst. */
const burstLinesMax = 16;

/** Where the tokens of a text begin, and where it ends. */
function lineStarts(bytes: Uint8Array): { readonly starts: readonly number[]; end: number } {
  const text = Buffer.from(bytes).toString("latin1");
  return {
    starts: [...text.matchAll(/t[0-9a-z]{6}\./g)].map(({ index }) => index),
    end: text.length,
  };
}

/** Where the last token of a text begins; its end when it has none. */
export function lastLineStart(bytes: Uint8Array): number {
  const { starts, end } = lineStarts(bytes);
  return starts.at(-1) ?? end;
}

/** Where a line of a text begins, or its end, as `share` in [0, 1) says. */
export function anyLine(bytes: Uint8Array, share: number): number {
  const { starts: some, end } = lineStarts(bytes);
  // One that has lost its line end is as long as what takes its place only when it is the last one.
  const starts = some.filter((at) => bytes[at + lineLength - 1] === 0x0a || at + lineLength > end);
  const all = starts.length < burstLinesMax ? [end, ...starts] : starts;
  // Every second write goes behind the last line while there is room.
  if (starts.length < burstLinesMax && share < 0.5) return end;
  return all[Math.floor(share * all.length)] ?? end;
}
