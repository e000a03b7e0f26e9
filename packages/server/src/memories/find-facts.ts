/**
 * Facts in a text, found the simple way: each item of a list and each sentence is one, as it stands. Nothing is
 * concluded, rephrased or judged; what it is said under (its heading) comes along. Pure.
 */

export interface Fact {
  readonly text: string;
  /** The nearest heading above, in lower case; null above the first. */
  readonly heading: string | null;
}

/** Facts of one document, and lengths of one in UTF-16 units: shorter ones say nothing, longer ones are prose. */
const factsMax = 200;
const lengthMin = 4;
const lengthMax = 1000;
/** Units of a text that are looked at. */
const textLengthMax = 200_000;

const sentences = new Intl.Segmenter("en", { granularity: "sentence" });

/** The facts of a text, in order, each once. */
export function findFacts(text: string): Fact[] {
  const facts = new Map<string, Fact>();
  for (const { block, heading, isItem } of blocksOf(text.slice(0, textLengthMax))) {
    for (const said of isItem ? [block] : sentencesOf(block)) {
      const fact = said.replace(/\s+/g, " ").trim();
      if (fact.length < lengthMin || fact.length > lengthMax || facts.has(fact)) continue;
      if (!/[\p{L}\p{N}]/u.test(fact)) continue;
      facts.set(fact, { text: fact, heading });
      if (facts.size === factsMax) return [...facts.values()];
    }
  }
  return [...facts.values()];
}

interface Block {
  readonly block: string;
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
