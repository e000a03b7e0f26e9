/** The words of an HTML page. */
import { decodeEntities, htmlTitle, type Tag, tagsOf } from "./markup.ts";

/** Elements that do not break a line of text. */
const inline = new Set(
  "a abbr b bdi bdo big cite code data del dfn em font i ins kbd label mark q s samp small span strike strong sub sup time tt u var wbr".split(
    " ",
  ),
);

/**
 * An HTML text with everything that readers do not see turned to white space, so that every word keeps its offset and
 * every line its number. Block elements become blank lines, headings `#` lines, as far as their tags have room.
 */
export function blankHtml(html: string): string {
  const parts: string[] = [];
  let at = 0;
  for (const tag of tagsOf(html, true)) {
    parts.push(html.slice(at, tag.start), blankTag(html, tag));
    at = tag.end;
  }
  parts.push(html.slice(at));
  return parts.join("");
}

/** White space of a tag's length, with its line breaks where they were. */
function blankTag(html: string, tag: Tag): string {
  const source = html.slice(tag.start, tag.end);
  if (inline.has(tag.name)) return source.replace(/[^\n]/g, " ");
  const level = tag.isClosing ? 0 : Number(/^h([1-6])$/.exec(tag.name)?.[1] ?? 0);
  if (level > 0 && !source.includes("\n")) {
    return `${" ".repeat(source.length - 4)}\n${"#".repeat(Math.min(level, 2)).padStart(2, "\n")} `;
  }
  // Two line breaks of our own make a blank line; they are not among those that are counted, since lines are counted
  // in the source.
  const spaces = source.replace(/[^\n]/g, " ");
  return spaces.startsWith("  ") ? `\n\n${spaces.slice(2)}` : spaces;
}

/** The text of an HTML page for reading: its title, then its visible words in paragraphs. */
export function htmlToText(html: string): string {
  const title = htmlTitle(html);
  const body = tidy(decodeEntities(blankHtml(html)));
  const heading = title === undefined || title === "" ? "" : `# ${decodeEntities(title)}\n\n`;
  return `${heading}${body}`;
}

/** Runs of spaces as one, paragraphs one blank line apart. */
export function tidy(text: string): string {
  return text
    .replace(/[^\S\n]+/g, " ")
    .replace(/ ?\n ?/g, "\n")
    .replace(/\n{3,}/g, "\n\n")
    .trim();
}
