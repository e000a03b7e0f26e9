/** Cuts a span that is too long into pieces: at sentences, then lines, then words, then anywhere. */

/** A part of a text; offsets in UTF-16 units, `end` is past the last one. */
export interface Span {
  readonly start: number;
  readonly end: number;
}

/**
 * Where a sentence ends: a full stop and white space before anything but a small letter, or a CJK full stop.
 * `Intl.Segmenter` finds nearly the same places, in a time that grows with the square of the text.
 */
const sentenceEnd =
  /[.!?\u2026]["'\u201d\u2019)\]]*\s+(?=[^\p{Ll}\s])|[\u3002\uff01\uff1f]["'\u201d\u2019\u300d\u300f\uff09]*/gu;

const newline = 10;

/**
 * Pieces of a span, in order, without white space at their ends, each at most `lengthMax` long. Together they
 * hold every character of the span that is not white space.
 */
export function* piecesOf(text: string, span: Span, lengthMax: number): Generator<Span> {
  const whole = trimmed(text, span);
  if (whole.end - whole.start <= lengthMax) {
    if (whole.start < whole.end) yield whole;
    return;
  }
  const own = text.slice(whole.start, whole.end);
  let start = whole.start;
  for (const match of own.matchAll(sentenceEnd)) {
    const end = whole.start + match.index + match[0].length;
    yield* fitting(text, { start, end }, lengthMax);
    start = end;
  }
  yield* fitting(text, { start, end: whole.end }, lengthMax);
}

/** A span as it is when it fits, else cut at the last good place before `lengthMax`, again and again. */
function* fitting(text: string, span: Span, lengthMax: number): Generator<Span> {
  let rest = trimmed(text, span);
  while (rest.end - rest.start > lengthMax) {
    const cut = cutBefore(text, rest.start, rest.start + lengthMax);
    yield trimmed(text, { start: rest.start, end: cut });
    rest = trimmed(text, { start: cut, end: rest.end });
  }
  if (rest.start < rest.end) yield rest;
}

/** Where to cut in the second half of [start, limit]: after a line, after a word, else between two characters. */
function cutBefore(text: string, start: number, limit: number): number {
  const middle = start + Math.floor((limit - start) / 2);
  for (let i = limit; i > middle; i -= 1) {
    if (text.charCodeAt(i - 1) === newline) return i;
  }
  for (let i = limit; i > middle; i -= 1) {
    if (isSpace(text.charCodeAt(i))) return i;
  }
  const last = text.charCodeAt(limit - 1);
  const isHighSurrogate = last >= 0xd800 && last <= 0xdbff;
  return isHighSurrogate ? limit - 1 : limit;
}

function trimmed(text: string, span: Span): Span {
  let { start, end } = span;
  while (start < end && isSpace(text.charCodeAt(start))) start += 1;
  while (end > start && isSpace(text.charCodeAt(end - 1))) end -= 1;
  return { start, end };
}

/** White space as `String.prototype.trim` has it. */
function isSpace(unit: number): boolean {
  if (unit < 128) return unit === 32 || (unit >= 9 && unit <= 13);
  return (
    unit === 0xa0 ||
    unit === 0x1680 ||
    (unit >= 0x2000 && unit <= 0x200a) ||
    unit === 0x2028 ||
    unit === 0x2029 ||
    unit === 0x202f ||
    unit === 0x205f ||
    unit === 0x3000 ||
    unit === 0xfeff
  );
}
