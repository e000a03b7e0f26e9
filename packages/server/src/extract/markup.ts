/**
 * Reads markup (HTML, XML) as tags and the text between them, in one pass that takes time in proportion to the length,
 * whatever is in it. It builds no tree: search needs words in order, and a tree is what hostile pages grow.
 */

export interface Tag {
  /** Offsets of the tag; for a comment, a declaration or a skipped element, of all of it. */
  readonly start: number;
  readonly end: number;
  /** Lower case; empty for comments, declarations and processing instructions. */
  readonly name: string;
  readonly isClosing: boolean;
}

/** Elements of HTML whose content is not for readers. */
const skipped = new Set(["script", "style", "noscript", "template", "svg", "math", "title"]);
/** What a page says in its head that readers see. */
const inHead = /<title[^>]{0,200}>([^<]{0,1000})/i;

const nameForm = /[A-Za-z][A-Za-z0-9:_.-]{0,100}/y;

/** The tags of a text in order. @param isHtml whether elements that readers do not see are skipped as a whole */
export function* tagsOf(text: string, isHtml: boolean): Generator<Tag> {
  // Names of elements that are not closed any more: looked for once, not at each of a million openings.
  const unclosed = new Set<string>();
  for (let start = text.indexOf("<"); start !== -1; ) {
    const tag = tagAt(text, start, isHtml, unclosed);
    if (tag === undefined) {
      start = text.indexOf("<", start + 1);
    } else {
      yield tag;
      start = text.indexOf("<", tag.end);
    }
  }
}

function tagAt(
  text: string,
  start: number,
  isHtml: boolean,
  unclosed: Set<string>,
): Tag | undefined {
  const markup = (end: number): Tag => ({ start, end, name: "", isClosing: false });
  const after = text[start + 1];
  if (text.startsWith("<!--", start)) return markup(past(text, "-->", start + 4));
  if (text.startsWith("<![CDATA[", start)) return markup(start + 9);
  if (after === "!" || after === "?") return markup(past(text, ">", start + 2));
  const isClosing = after === "/";
  nameForm.lastIndex = start + (isClosing ? 2 : 1);
  const name = nameForm.exec(text)?.[0].toLowerCase();
  if (name === undefined) return undefined;
  const end = tagEnd(text, start);
  if (isHtml && !isClosing && skipped.has(name) && text[end - 2] !== "/") {
    return { start, end: elementEnd(text, name, end, unclosed), name, isClosing };
  }
  return { start, end, name, isClosing };
}

/** Past the `>` that ends a tag; one inside a quoted attribute does not. */
function tagEnd(text: string, start: number): number {
  const special = /[>"']/g;
  special.lastIndex = start;
  for (let match = special.exec(text); match !== null; match = special.exec(text)) {
    if (match[0] === ">") return match.index + 1;
    const quote = text.indexOf(match[0], match.index + 1);
    if (quote === -1) return past(text, ">", match.index);
    special.lastIndex = quote + 1;
  }
  return text.length;
}

/** Past the closing tag of a skipped element. One that is never closed ends with its own tag. */
function elementEnd(text: string, name: string, from: number, unclosed: Set<string>): number {
  if (unclosed.has(name)) return from;
  const close = new RegExp(`</${name}\\b`, "gi");
  close.lastIndex = from;
  const match = close.exec(text);
  if (match !== null) return past(text, ">", match.index);
  unclosed.add(name);
  return from;
}

function past(text: string, mark: string, from: number): number {
  const at = text.indexOf(mark, from);
  return at === -1 ? text.length : at + mark.length;
}

/** The title of an HTML page, as its source has it. */
export function htmlTitle(html: string): string | undefined {
  return inHead.exec(html.slice(0, 100_000))?.[1]?.replace(/\s+/g, " ").trim();
}

const entities: Readonly<Record<string, string>> = {
  amp: "&",
  lt: "<",
  gt: ">",
  quot: '"',
  apos: "'",
  nbsp: " ",
  shy: "",
  mdash: "\u2014",
  ndash: "\u2013",
  hellip: "\u2026",
  lsquo: "\u2018",
  rsquo: "\u2019",
  ldquo: "\u201c",
  rdquo: "\u201d",
  auml: "\u00e4",
  ouml: "\u00f6",
  uuml: "\u00fc",
  Auml: "\u00c4",
  Ouml: "\u00d6",
  Uuml: "\u00dc",
  szlig: "\u00df",
  eacute: "\u00e9",
  egrave: "\u00e8",
  agrave: "\u00e0",
  ccedil: "\u00e7",
  ntilde: "\u00f1",
  euro: "\u20ac",
  copy: "\u00a9",
};

/** Character references as the characters they mean; those that are not known stay. */
export function decodeEntities(text: string): string {
  return text.replace(/&(#\d{1,7}|#x[0-9a-f]{1,6}|[a-z]{2,8});/gi, (whole, name: string) => {
    if (!name.startsWith("#")) return entities[name] ?? whole;
    const isHex = name[1] === "x" || name[1] === "X";
    const code = Number.parseInt(name.slice(isHex ? 2 : 1), isHex ? 16 : 10);
    const isCharacter = code > 0 && code <= 0x10ffff && !(code >= 0xd800 && code <= 0xdfff);
    return isCharacter ? String.fromCodePoint(code) : whole;
  });
}
