/** Text in whatever encoding: by its byte order mark, as a page declares it, as UTF-8, else as Windows-1252. */
import { ExtractError } from "./extract-error.ts";

/** Share of control characters that text does not reach, and characters looked at. */
const controlShareMax = 0.02;
const sampleLength = 65_536;
const declared =
  /<meta[^>]{0,200}charset\s*=\s*["']?\s*([\w-]{2,40})|<\?xml[^>]{0,200}encoding\s*=\s*["']([\w-]{2,40})/i;

/** @throws ExtractError when the bytes are no text */
export function decodeText(bytes: Uint8Array): string {
  const text = new TextDecoder(encodingOf(bytes)).decode(bytes);
  const sample = text.slice(0, sampleLength);
  // biome-ignore lint/suspicious/noControlCharactersInRegex: it is control characters that are counted.
  const controls = sample.match(/[\u0000-\u0008\u000e-\u001a\u001c-\u001f\ufffd]/g)?.length ?? 0;
  if (controls > sample.length * controlShareMax) {
    throw new ExtractError("is not text in an encoding that is known here");
  }
  return text;
}

function encodingOf(bytes: Uint8Array): string {
  if (bytes[0] === 0xff && bytes[1] === 0xfe) return "utf-16le";
  if (bytes[0] === 0xfe && bytes[1] === 0xff) return "utf-16be";
  const start = Buffer.from(bytes.subarray(0, 2048)).toString("latin1");
  const match = declared.exec(start);
  const named = match?.[1] ?? match?.[2];
  if (named !== undefined && isEncoding(named)) return named;
  return isUtf8(bytes) ? "utf-8" : "windows-1252";
}

function isEncoding(name: string): boolean {
  try {
    return new TextDecoder(name).encoding !== "";
  } catch (error) {
    if (error instanceof RangeError) return false;
    throw error;
  }
}

/** Whether bytes are UTF-8, but for a character that a cut at the end left incomplete. */
function isUtf8(bytes: Uint8Array): boolean {
  try {
    new TextDecoder("utf-8", { fatal: true }).decode(bytes, { stream: true });
    return true;
  } catch (error) {
    if (error instanceof TypeError) return false;
    throw error;
  }
}
