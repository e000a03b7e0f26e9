/** JSON bodies: bounded, well-formed, and not nested without end. */
import { jsonLevelsMax } from "../limits.ts";
import { invalid, tooLarge } from "./http-error.ts";

/**
 * All bytes of a body.
 * @param take told of each piece before it is kept; may throw
 * @throws HttpError 413
 */
export async function readBytes(
  chunks: AsyncIterable<Uint8Array>,
  bytesMax: number,
  take: (bytes: number) => void,
): Promise<Uint8Array> {
  const parts: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of chunks) {
    size += chunk.length;
    if (size > bytesMax) throw tooLarge("the body", bytesMax);
    take(chunk.length);
    parts.push(chunk);
  }
  return parts.length === 1 && parts[0] !== undefined ? parts[0] : Buffer.concat(parts, size);
}

const utf8 = new TextDecoder("utf-8", { fatal: true });

/**
 * The value that JSON bytes spell.
 * @throws HttpError 400
 */
export function parseJson(bytes: Uint8Array): unknown {
  let value: unknown;
  try {
    value = JSON.parse(utf8.decode(bytes));
  } catch (error) {
    if (error instanceof SyntaxError) throw invalid("the body is not JSON");
    if (error instanceof TypeError) throw invalid("the body is not UTF-8");
    throw error;
  }
  if (!isWithin(value, jsonLevelsMax))
    throw invalid(`the body has more than ${jsonLevelsMax} levels`);
  return value;
}

function isWithin(value: unknown, levels: number): boolean {
  if (typeof value !== "object" || value === null) return true;
  if (levels === 0) return false;
  return Object.values(value).every((inner) => isWithin(inner, levels - 1));
}
