/**
 * Facts in a text, found the simple way: each item of a list and each sentence is one, as it stands. Nothing is
 * concluded, rephrased or judged; the heading it stands under says what kind it is. Pure.
 */
import {
  type Fact,
  type FactContext,
  factLengthMax,
  factLengthMin,
  factsMax,
} from "./fact-source.ts";

/** Units of a text that are looked at. */
const textLengthMax = 200_000;

/** Headings under which facts hold for long. */
const staticHeadings = new Set([
  "static",
  "profile",
  "about",
  "about me",
  "identity",
  "preferences",
]);

const sentences = new Intl.Segmenter("en", { granularity: "sentence" });

/** The facts of a text, in order, each once. */
export function findFacts(text: string, context: Pick<FactContext, "buckets">): Fact[] {
  const buckets = new Set(context.buckets.map((bucket) => bucket.key));
  const facts = new Map<string, Fact>();
  for (const { block, heading, isItem } of blocksOf(text.slice(0, textLengthMax))) {
    const key = heading?.replace(/\s+/g, "-") ?? "";
    for (const said of isItem ? [block] : sentencesOf(block)) {
      const fact = said.replace(/\s+/g, " ").trim();
      if (fact.length < factLengthMin || fact.length > factLengthMax || facts.has(fact)) continue;
      if (!/[\p{L}\p{N}]/u.test(fact)) continue;
      const isStatic = heading !== null && staticHeadings.has(heading);
      facts.set(fact, { text: fact, isStatic, bucket: buckets.has(key) ? key : null });
      if (facts.size === factsMax) return [...facts.values()];
    }
  }
  return [...facts.values()];
}

interface Block {
  readonly block: string;
  /** The nearest heading above, in lower case; null above the first. */
  readonly heading: string | null;
  readonly isItem: boolean;
}

/** List items and paragraphs; code, front matter, tables and rules say nothing about anybody. */
function* blocksOf(text: string): Generator<Block> {
  let heading: string | null = null;
  let paragraph: string[] = [];
  let fence: string | undefined;
  const body = text.replace(/^---\r?\n[\s\S]*?\r?\n---\r?\n/, "");
  const flush = function* (): Generator<Block> {
    if (paragraph.length > 0) yield { block: paragraph.join(" "), heading, isItem: false };
    paragraph = [];
  };
  for (const line of body.split(/\r?\n/)) {
    const mark = /^\s*(```|~~~)/.exec(line)?.[1];
    if (mark !== undefined || fence !== undefined) {
      if (fence === undefined) fence = mark;
      else if (mark === fence) fence = undefined;
      yield* flush();
      continue;
    }
    const title = /^#{1,6}\s+(.*?)\s*#*\s*$/.exec(line)?.[1];
    const item = /^\s*(?:[-*+]|\d{1,9}[.)])\s+(?:\[[ xX]\]\s+)?(.*\S)/.exec(line)?.[1];
    if (title !== undefined || item !== undefined || /^\s*$|^\s*\||^\s*[-*_=]{3,}\s*$/.test(line)) {
      yield* flush();
    } else {
      paragraph.push(line.replace(/^\s*>+\s?/, ""));
    }
    if (title !== undefined) heading = title.toLowerCase();
    if (item !== undefined) yield { block: item, heading, isItem: true };
  }
  yield* flush();
}

function sentencesOf(paragraph: string): string[] {
  return [...sentences.segment(paragraph)].map(({ segment }) => segment);
}
