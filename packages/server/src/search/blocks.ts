/** Reads a text as blocks: headings (Markdown, underlined, or a manual page's), paragraphs, fenced code. */
import type { Span } from "./pieces.ts";

export interface Heading {
  /** 1 is the outermost. */
  readonly level: number;
  readonly title: string;
}

/** A run of lines without a blank line between them; a fence is one block whatever is in it. */
export interface Block extends Span {
  readonly heading?: Heading;
}

/** Units of a line that may be a heading. */
const headingLengthMax = 200;

const markdownHeading = /^ {0,3}(#{1,6})[ \t]+(.*?)[ \t]*#*$/;
const fence = /^ {0,3}(`{3,}|~{3,})/;
const underline = /^([=\-~^"'*+#])\1{2,}$/;
/** `SEE ALSO`: how sections of manual pages and other plain texts begin. */
const capitalHeading = /^[A-Z][A-Z0-9 ,/&-]{2,60}$/;

/** What the scan remembers: the block that is open, and the fence it is in. */
interface Scan {
  start: number;
  end: number;
  lines: number;
  fence: string | undefined;
}

/** The blocks of a text in order. White space between them belongs to none. */
export function* blocksOf(text: string): Generator<Block> {
  const scan: Scan = { start: -1, end: -1, lines: 0, fence: undefined };
  for (let start = 0; start < text.length; ) {
    const newline = text.indexOf("\n", start);
    const end = newline === -1 ? text.length : newline;
    yield* readLine(text, scan, start, end);
    start = end + 1;
  }
  yield* closeBlock(scan);
}

function* readLine(text: string, scan: Scan, start: number, end: number): Generator<Block> {
  // A longer line cannot be a heading or open a fence; only whether it is blank matters.
  const line = text.slice(start, Math.min(end, start + headingLengthMax)).trimEnd();
  const isLong = end - start > headingLengthMax;
  if (scan.fence !== undefined) {
    grow(scan, start, end);
    const closes = line.trimStart();
    if (closes.startsWith(scan.fence) && closes.replaceAll(scan.fence.charAt(0), "") === "") {
      scan.fence = undefined;
      yield* closeBlock(scan);
    }
    return;
  }
  if (line === "" && (!isLong || text.slice(start, end).trim() === "")) {
    yield* closeBlock(scan);
    return;
  }
  if (!isLong && scan.lines === 1) {
    const heading = underlinedHeading(text.slice(scan.start, scan.end), line);
    if (heading !== undefined) {
      grow(scan, start, end);
      yield* closeBlock(scan, heading);
      return;
    }
  }
  const opened = isLong ? undefined : fence.exec(line)?.[1];
  if (opened !== undefined) {
    yield* closeBlock(scan);
    grow(scan, start, end);
    scan.fence = opened;
    return;
  }
  const heading = isLong ? undefined : lineHeading(line, scan.lines === 0);
  if (heading !== undefined) yield* closeBlock(scan);
  grow(scan, start, end);
  if (heading !== undefined) yield* closeBlock(scan, heading);
}

function lineHeading(line: string, isFirst: boolean): Heading | undefined {
  const markdown = markdownHeading.exec(line);
  if (markdown !== null) {
    return { level: markdown[1]?.length ?? 1, title: markdown[2] ?? "" };
  }
  if (isFirst && capitalHeading.test(line)) return { level: 2, title: line };
  return undefined;
}

/** A line over a line of `===`, `---` and the like that is at least as long as its text. */
function underlinedHeading(titleLine: string, line: string): Heading | undefined {
  const title = titleLine.trim();
  if (title.length > headingLengthMax || !underline.test(line)) return undefined;
  if (underline.test(title) || line.length < Math.min(title.length, 3)) return undefined;
  return { level: line.startsWith("=") ? 1 : 2, title };
}

function grow(scan: Scan, start: number, end: number): void {
  if (scan.lines === 0) scan.start = start;
  scan.end = end;
  scan.lines += 1;
}

function* closeBlock(scan: Scan, heading?: Heading): Generator<Block> {
  if (scan.lines > 0) {
    const { start, end } = scan;
    yield heading === undefined ? { start, end } : { start, end, heading };
  }
  scan.lines = 0;
}
