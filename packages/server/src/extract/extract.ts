/** Which formats text is drawn from, and how. */
import { decodeText } from "./decode-text.ts";
import { ExtractError } from "./extract-error.ts";
import { htmlToText } from "./html.ts";
import { extractBytesMax, extractedLengthMax } from "./limits.ts";
import { docxToText, epubToText, openDocumentToText, pptxToText, xlsxToText } from "./office.ts";
import { pdfToText } from "./pdf.ts";

type Extractor = (bytes: Uint8Array) => string | Promise<string>;

const office = "application/vnd.openxmlformats-officedocument.";
const openDocument = "application/vnd.oasis.opendocument.";

const extractors: Readonly<Record<string, Extractor>> = {
  "application/pdf": pdfToText,
  [`${office}wordprocessingml.document`]: docxToText,
  [`${office}presentationml.presentation`]: pptxToText,
  [`${office}spreadsheetml.sheet`]: xlsxToText,
  [`${openDocument}text`]: openDocumentToText,
  [`${openDocument}presentation`]: openDocumentToText,
  [`${openDocument}spreadsheet`]: openDocumentToText,
  "application/epub+zip": epubToText,
  "text/html": (bytes) => htmlToText(decodeText(bytes)),
  "application/xhtml+xml": (bytes) => htmlToText(decodeText(bytes)),
  "application/json": decodeText,
  "application/xml": decodeText,
  "application/yaml": decodeText,
};

/** Whether text can be drawn from bytes of this media type. Images, sound and video are stored as they are. */
export function extracts(mediaType: string): boolean {
  return extractorOf(mediaType) !== undefined;
}

/**
 * The text of a file.
 * @throws ExtractError when there is none to be had: the file is damaged, protected, or not what it says
 */
export async function extractText(bytes: Uint8Array, mediaType: string): Promise<string> {
  const extractor = extractorOf(mediaType);
  if (extractor === undefined)
    throw new ExtractError(`has a format that is not read: ${mediaType}`);
  if (bytes.length > extractBytesMax) {
    throw new ExtractError(`is larger than ${extractBytesMax >> 20} MiB`);
  }
  const text = await extractor(bytes);
  // A lone surrogate at the cut, or from a broken file, has no UTF-8 form: it becomes the replacement character.
  return Buffer.from(text.slice(0, extractedLengthMax), "utf8").toString("utf8");
}

function extractorOf(mediaType: string): Extractor | undefined {
  if (Object.hasOwn(extractors, mediaType)) return extractors[mediaType];
  return mediaType.startsWith("text/") ? decodeText : undefined;
}
