/**
 * Text of office documents: archives of XML. DOCX, PPTX and XLSX (ECMA-376), ODT, ODS and ODP (OpenDocument), EPUB.
 * Paragraphs, headings, table cells and notes in order; no layout.
 */
import { ExtractError } from "./extract-error.ts";
import { htmlToText, tidy } from "./html.ts";
import { extractedLengthMax } from "./limits.ts";
import { decodeEntities, tagsOf } from "./markup.ts";
import { ZipReader } from "./unzip.ts";

/** What a tag puts into the text; `undefined`: nothing. The tag's own source is given for its attributes. */
type Writes = (name: string, isClosing: boolean, source: string) => string | undefined;

/** @throws ExtractError */
export function docxToText(bytes: Uint8Array): string {
  const zip = new ZipReader(bytes);
  const main = zip.text("word/document.xml");
  if (main === undefined) throw new ExtractError("is not a Word document");
  const notes = ["word/footnotes.xml", "word/endnotes.xml"].map((name) => zip.text(name) ?? "");
  return [main, ...notes]
    .map((xml) => xmlToText(xml, "w:t", wordTag))
    .join("\n\n")
    .trim();
}

/** @throws ExtractError */
export function pptxToText(bytes: Uint8Array): string {
  const zip = new ZipReader(bytes);
  const slides = numbered(zip, /^ppt\/slides\/slide(\d+)\.xml$/);
  if (slides.length === 0) throw new ExtractError("is not a presentation");
  return slides
    .map((name) => xmlToText(zip.text(name) ?? "", "a:t", slideTag))
    .join("\n\n")
    .trim();
}

/** @throws ExtractError */
export function xlsxToText(bytes: Uint8Array): string {
  const zip = new ZipReader(bytes);
  const sheets = numbered(zip, /^xl\/worksheets\/sheet(\d+)\.xml$/);
  if (sheets.length === 0) throw new ExtractError("is not a spreadsheet");
  const shared = zip.text("xl/sharedStrings.xml") ?? "";
  const strings = shared.split(/<\/si>/).map((item) => xmlToText(item, "t", () => undefined));
  return sheets
    .map((name) => sheetToText(zip.text(name) ?? "", strings))
    .join("\n\n")
    .trim();
}

/** @throws ExtractError */
export function openDocumentToText(bytes: Uint8Array): string {
  const xml = new ZipReader(bytes).text("content.xml");
  if (xml === undefined) throw new ExtractError("is not an OpenDocument file");
  const body = xml.slice(Math.max(0, xml.indexOf("<office:body")));
  return xmlToText(body, undefined, openDocumentTag);
}

/** @throws ExtractError */
export function epubToText(bytes: Uint8Array): string {
  const zip = new ZipReader(bytes);
  const pages = zip.names().filter((name) => /\.x?html?$/i.test(name));
  if (pages.length === 0) throw new ExtractError("is not a book");
  return pages
    .toSorted((a, b) => a.localeCompare(b, "en", { numeric: true }))
    .map((name) => htmlToText(zip.text(name) ?? ""))
    .join("\n\n");
}

/**
 * Text of XML: what stands inside `textName` elements (undefined: anywhere), and what tags put between.
 */
function xmlToText(xml: string, textName: string | undefined, writes: Writes): string {
  const parts: string[] = [];
  let at = 0;
  let isInside = textName === undefined;
  for (const tag of tagsOf(xml, false)) {
    if (isInside) parts.push(decodeEntities(xml.slice(at, tag.start)));
    const source = xml.slice(tag.start, tag.end);
    if (tag.name === textName) isInside = !tag.isClosing && !source.endsWith("/>");
    const written = writes(tag.name, tag.isClosing, source);
    if (written !== undefined) parts.push(written);
    at = tag.end;
  }
  return tidy(parts.join(""));
}

function wordTag(name: string, isClosing: boolean, source: string): string | undefined {
  if (name === "w:p" && isClosing) return "\n\n";
  if (name === "w:tab") return "\t";
  if (name === "w:br" || name === "w:cr") return "\n";
  if (name === "w:tc" && isClosing) return "\t";
  if (name === "w:pstyle") {
    const level = /w:val="(?:Heading|heading |berschrift)(\d)"/.exec(source)?.[1];
    if (level !== undefined) return `${"#".repeat(Math.min(6, Math.max(1, Number(level))))} `;
    if (/w:val="Title"/.test(source)) return "# ";
  }
  return undefined;
}

function slideTag(name: string, isClosing: boolean): string | undefined {
  if (name === "a:p" && isClosing) return "\n";
  return name === "a:br" ? "\n" : undefined;
}

function openDocumentTag(name: string, isClosing: boolean, source: string): string | undefined {
  if (name === "text:h" && !isClosing) {
    const level = Number(/text:outline-level="(\d)"/.exec(source)?.[1] ?? 1);
    return `${"#".repeat(Math.min(6, Math.max(1, level)))} `;
  }
  if ((name === "text:p" || name === "text:h") && isClosing) return "\n\n";
  if (name === "text:line-break") return "\n";
  if (name === "text:s" || name === "text:tab") return " ";
  return undefined;
}

/** Rows of a sheet as lines, cells a tab apart. */
function sheetToText(xml: string, strings: readonly string[]): string {
  const lines: string[] = [];
  // One long string may stand in very many cells.
  let room = extractedLengthMax;
  for (const row of xml.split(/<\/row>/)) {
    const cells: string[] = [];
    for (const [cell] of row.matchAll(/<c[ >][\s\S]{0,40000}?<\/c>/g)) {
      const value = /<v>([^<]*)<\/v>/.exec(cell)?.[1];
      const isShared = /\bt="s"/.test(cell.slice(0, 200));
      const text =
        value === undefined
          ? xmlToText(cell, "t", () => undefined)
          : isShared
            ? (strings[Number(value)] ?? "")
            : decodeEntities(value);
      room -= text.length + 1;
      if (room < 0) break;
      cells.push(text);
    }
    if (cells.length > 0) lines.push(cells.join("\t"));
    if (room < 0) break;
  }
  return lines.join("\n");
}

function numbered(zip: ZipReader, form: RegExp): string[] {
  const found = zip.names().flatMap((name) => {
    const number = form.exec(name)?.[1];
    return number === undefined ? [] : [{ name, number: Number(number) }];
  });
  return found.sort((a, b) => a.number - b.number).map(({ name }) => name);
}
